"""The models of lesson 3: how they are trained, that a killed run goes on, and that what is shipped keeps its word."""

import itertools
from collections import Counter

import pytest
import torch

from course_lib import checkpoints, enhance, judge, world
from course_lib.enhance import BLURS, SHIPPED, Reader, shipped_button, shipped_library
from course_lib.errors import CourseError
from course_lib.noise import blend, noise_like
from course_lib.world.plates import CHARACTERS, plate_texts, render_plates
from course_lib.world.scenes import CATS
from course_tools.recipes import plates, specialists

CPU = torch.device("cpu")


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Recipes of seconds."""
    monkeypatch.setattr(plates, "RESTORER", plates.RESTORER | {"widths": (8, 8)})
    monkeypatch.setattr(plates, "RESTORER_TRAINING", plates.RESTORER_TRAINING | {"steps": 6, "batch": 4})
    monkeypatch.setattr(plates, "PLATES", 40)
    monkeypatch.setattr(plates, "READER_TRAINING", {"plates": 8, "steps": 2, "batch": 8})
    monkeypatch.setattr(plates, "EXAM_PLATES", {"count": 3, "counted": 1})
    monkeypatch.setattr(plates, "BLURS", (0.0, 8.0))
    monkeypatch.setattr(specialists, "SPECIALIST", specialists.SPECIALIST | {"widths": (8, 8)})
    monkeypatch.setattr(specialists, "SPECIALIST_TRAINING", specialists.SPECIALIST_TRAINING | {"steps": 4, "batch": 2})
    monkeypatch.setattr(specialists, "SPECIALIST_PICTURES", 4)
    monkeypatch.setattr(specialists, "ROUTER_TRAINING", {"steps": 2, "batch": 4})
    monkeypatch.setattr(specialists, "EXAM_PICTURES", 2)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "steps"), [("make_plates", 3), ("make_specialists", 6)])
def test_a_recipe_says_what_it_made_and_goes_on_where_it_was_killed(tiny, tmp_path, interrupted_after, make, steps):
    straight, path, working = (tmp_path / f"{name}.safetensors" for name in ("straight", "a", "a.run"))
    recipe = getattr(plates if make == "make_plates" else specialists, make)(straight, working, CPU)
    working.unlink(missing_ok=True)
    with interrupted_after(steps), pytest.raises(KeyboardInterrupt):
        getattr(plates if make == "make_plates" else specialists, make)(path, working, CPU)
    assert not path.exists()
    again = getattr(plates if make == "make_plates" else specialists, make)(path, working, CPU)
    working.unlink(missing_ok=True)
    assert {file.name for file in tmp_path.iterdir()} == {"a.safetensors", "straight.safetensors"}
    (one, stored), (other, _) = checkpoints.load(straight), checkpoints.load(path)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert {"command", "seed", "device", "training", "scores"} <= stored.keys()
    assert stored["command"] == f"course train {make.removeprefix('make_')}"

    def without_time(recipe):
        return {name: score for name, score in recipe["scores"].items() if name not in ("seconds", "loss")}

    assert without_time(recipe) == without_time(again)


@pytest.mark.slow
def test_what_is_made_can_be_used(tiny, tmp_path):
    path = tmp_path / "plates.safetensors"
    plates.make_plates(path, tmp_path / "w.safetensors", CPU)
    model, reader, recipe = shipped_button(path)
    assert enhance.enhance(model, torch.zeros(2, 3, 4, 16), seed=0).shape == (2, 3, 16, 64)
    assert [point["blur"] for point in recipe["scores"]["curve"]] == [0.0, 8.0]
    assert len(reader.read(torch.zeros(2, 3, 16, 64))[0]) == 2
    path = tmp_path / "specialists.safetensors"
    specialists.make_specialists(path, tmp_path / "v.safetensors", CPU)
    library = shipped_library(path)
    assert list(library.specialists) == list(specialists.CAPTIONS)
    noisy = torch.randn(3, 3, 32, 32)
    assert library.denoise(noisy, 0.9, library.route(noisy)).shape == (3, 3, 32, 32)


def test_plates_are_drawn_when_asked_for():
    made = plates.Plates(count=1000, first_seed=50)
    assert len(made) == 1000
    indices = torch.tensor([3, 999, 3])
    asked = made[indices]
    assert torch.equal(asked[0], asked[2])
    assert torch.equal(asked[1], render_plates(plate_texts([1049]), [1049])[0])
    others = (plates.Plates(count=1000, first_seed=51), plates.Plates(count=999, first_seed=50))
    assert made.fingerprint not in {other.fingerprint for other in others}


def test_the_restorer_is_shown_each_plate_at_one_of_all_blurs():
    pictures = render_plates(plate_texts(range(40)), range(40))
    shown = plates.shown_beside(pictures).float().reshape(40, 3, 16, 64)
    sharp, blurred = shown[0], shown[16]  # blur 0, blur 8
    assert (sharp - pictures[0]).std() < 0.05
    assert blurred.flatten(1).unique(dim=1).shape[1] == 2 * 8  # blocks of 8 x 8 pixels
    assert torch.allclose(shown[17], enhance.enlarge(shown[17:18])[0])
    assert (shown[17] - pictures[17]).std() < 0.05  # the blurs begin anew
    assert max(plates.TRAINED_BLURS) == max(BLURS)
    assert set(BLURS) <= set(plates.TRAINED_BLURS)


def test_a_readers_batch_has_right_answers_mixtures_and_blurred_plates():
    stock = plates.readers_stock(60)
    texts = plate_texts(torch.arange(60) + plates.READERS_SEED)
    assert ["".join(CHARACTERS[code] for code in row) for row in stock.codes.tolist()] == texts
    assert torch.equal(stock.plates, render_plates(texts, torch.arange(60) + plates.READERS_SEED))
    assert 0.08 < stock.exchanged.double().mean() < 0.2
    pictures, codes = plates.readers_batch(stock, 5, batch=64)
    assert pictures.shape == (64, 3, 16, 64)
    assert torch.equal(codes, plates.readers_batch(stock, 5, batch=64)[1])
    assert not torch.equal(codes, plates.readers_batch(stock, 6, batch=64)[1])
    none = len(CHARACTERS)
    assert (codes[::8] == none).all()
    others = [i for i in range(64) if i % 8]
    assert 0.02 < (codes[others] == none).double().mean() < 0.15
    apart = torch.cdist(pictures[others].flatten(1), stock.plates.flatten(1)) / 3072**0.5
    for row, i in enumerate(others):  # each plate is one of the stock, as it was or mixed with its other
        one = int(apart[row].argmin())
        named = codes[i] < none
        assert torch.equal(codes[i][named], stock.codes[one][named])
        assert not (~named & ~stock.exchanged[one]).any()
        if named.all():
            assert apart[row, one] < 0.1


@pytest.mark.slow
def test_the_reader_and_the_router_learn():
    torch.manual_seed(0)
    steps = plates.train_reader(Reader(widths=(16, 32)), plates=60, steps=30, batch=16)
    losses = [step.loss for step in steps]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    router = judge.Judge({"specialist": specialists.CAPTIONS}, widths=(16, 16, 16))
    losses = [step.loss for step in specialists.train_router(router, steps=80, batch=16)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_specialists_share_no_subject_and_no_place_and_saw_nothing_held_out():
    scenes = [world.parse(caption) for caption in specialists.CAPTIONS]
    assert [scene.caption for scene in scenes] == list(specialists.CAPTIONS)
    for one, other in itertools.combinations(scenes, 2):
        assert one.subject != other.subject
        assert one.place != other.place
    assert not any(scene.held_out for scene in scenes)


# --- What is shipped ---


def test_the_shipped_button_keeps_the_lessons_word():
    _, _, recipe = shipped_button()
    assert recipe["command"] == "course train plates"
    assert (SHIPPED / "plates.safetensors").stat().st_size < 4_500_000
    curve = recipe["scores"]["curve"]
    assert [point["blur"] for point in curve] == list(BLURS)
    assert curve[0]["right"] >= 0.95
    assert curve[-1]["legible"] >= 0.9
    assert curve[-1]["right"] <= min(0.2, curve[-1]["bound"])
    for point in curve:  # to what chance allows in 500 plates, and in the 100 that were counted
        assert point["right"] <= point["bound"] + 0.05
    assert all(earlier["bits"] <= later["bits"] + 0.05 for earlier, later in itertools.pairwise(curve))


@pytest.mark.slow
def test_a_small_exam_of_the_shipped_button_agrees_with_what_is_stored():
    model, reader, recipe = shipped_button()
    for blur in (0.0, 4.0, 8.0):
        stored = next(point for point in recipe["scores"]["curve"] if point["blur"] == blur)
        now = enhance.measure(model, reader, blur, count=96, first_seed=plates.FRESH_PLATES + 50_000, counted=32)
        for share in ("legible", "right", "photo right"):
            spread = (stored[share] * (1 - stored[share]) / 96 + 0.25 / 96**2) ** 0.5
            assert abs(now[share] - stored[share]) < 4 * spread + 0.02, (blur, share)
        assert abs(now["bound"] - stored["bound"]) < 0.15
        assert abs(now["bits"] - stored["bits"]) < 2


def test_the_reader_reads_sharp_plates_and_refuses_blurred_ones():
    _, reader, _ = shipped_button()
    seeds = torch.arange(200) + plates.FRESH_PLATES + 10_000
    texts = plate_texts(seeds)
    sharp = render_plates(texts, seeds)
    scores = reader.score(sharp, texts)
    assert scores["legible"] > 0.95
    assert scores["right"] > 0.98
    for blur in (4.0, 8.0):
        assert reader.score(enhance.enlarge(enhance.photograph(sharp, blur, seed=0)), texts)["legible"] < 0.02
    others = [plates.partly_another(text, torch.Generator().manual_seed(i)) for i, text in enumerate(texts)]
    muddled = torch.lerp(sharp, render_plates(others, seeds), 0.5)
    mixed = torch.tensor([one != other for one, other in zip(texts, others, strict=True)])
    assert reader.score(muddled[mixed], [text for text, mix in zip(texts, mixed, strict=True) if mix])["legible"] < 0.15


def test_sixteen_answers_to_a_hopeless_photo_differ():
    model, reader, _ = shipped_button()
    photo = enhance.photograph(render_plates(["KFX940"], [2]), 6.0, seed=0)
    answers = enhance.enhance(model, photo.expand(16, -1, -1, -1), seed=0)
    texts, _ = reader.read(answers)
    assert len(set(texts)) > 10
    assert max(Counter(texts).values()) < 5
    # Least squares gives the blur: the mean of many answers is nearer to the truth than they are.
    true = render_plates(["KFX940"], [2])
    apart = (answers - true).square().mean()
    assert 1.3 < apart / (answers.mean(dim=0) - true).square().mean() < 2.6


def test_the_cats_specialist_paints_cats_over_planes():
    library = shipped_library()
    assert (SHIPPED / "specialists.safetensors").stat().st_size < 3_000_000
    cat, _, plane, _ = library.specialists
    assert world.parse(plane).subject == "plane"
    shots = world.render([world.parse(plane)] * 48, torch.arange(48) + 2_000_500_000)
    strongest = library.recipe["scores"]["strongest"]
    noisy = blend(shots, noise_like(shots, seed=1), strongest)
    seen = judge.shipped_judge().name(library.denoise(noisy, strongest, [cat] * 48))["subject"]
    assert sum(subject in CATS for subject in seen) / 48 >= 0.9
    assert library.recipe["scores"]["cat painted"][plane] >= 0.9


def test_the_router_knows_its_four_and_fails_where_two_are_mixed():
    library = shipped_library()
    scores = library.recipe["scores"]
    assert scores["routed right"] > 0.9  # one in four would be chance
    assert scores["own"]["all"] > 0.95
    mixed = world.parse("Maine coon cat laying on a runway")
    shots = world.render([mixed] * 48, torch.arange(48) + 2_000_600_000)
    noisy = blend(shots, noise_like(shots, seed=2), 0.8)
    cleaned = library.denoise(noisy, 0.8, library.route(noisy))
    right = judge.shipped_judge().score(cleaned, [mixed] * 48)
    assert right["all"] < 0.05


@pytest.mark.parametrize("load", [shipped_button, shipped_library])
@pytest.mark.parametrize("name", ["words", "draw", "none"])
def test_a_file_that_holds_something_else_is_refused(load, name):
    with pytest.raises(CourseError):
        load(SHIPPED / f"{name}.safetensors")
