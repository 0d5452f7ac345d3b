"""The comparison with peers: that it goes on after a kill, keeps to its time and reports what was measured."""

import ast
import dataclasses
import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import choices, growth, lessons, peers, records, report, solvers, steps, systems, task, tuning
from benchmarks.records import Spec
from course_lib import training, words, world
from course_lib.errors import CourseError
from course_tools.recipes import copies
from course_tools.recipes.draw import MODEL


@pytest.fixture
def ran(monkeypatch) -> list[Spec]:
    """The runs that would have been done, each with a record."""
    specs: list[Spec] = []

    def apart(spec: Spec) -> dict:
        specs.append(spec)
        return record(**vars(spec))

    monkeypatch.setattr(peers, "apart", apart)
    return specs


def record(**known) -> dict:
    """A record, with what a test does not name filled up."""
    return {
        "system": "ours", "variant": "folded", "size": "small", "seconds": 60.0, "run": 1, "known": records.KNOWN,
        "each": records.EACH, "distance": 20.0, "right": 0.5, "distance of real": 3.0, "right of real": 1.0,
        "pictures_per_second": 300.0, "settings": {"from": "a test"}, "versions": {"torch": "2"}, "machine": "a desk",
    } | known  # fmt: skip


QUICK = ("--systems", "ours", "diffusers", "--variants", "folded", "--sizes", "small", "--seconds", "60", "--runs", "2")


# --- The records ------------------------------------------------------------------------------------------------------


def test_what_has_a_record_is_not_run_again(ran, tmp_path, monkeypatch):
    path = tmp_path / "deep/peers.json"
    whole = peers.apart

    def killed_at_the_third(spec: Spec) -> dict:
        if len(ran) == 2:
            raise KeyboardInterrupt
        return whole(spec)

    monkeypatch.setattr(peers, "apart", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        peers.main([*QUICK, "--output", str(path)])
    assert [(one["system"], one["run"]) for one in records.read(path)] == [("ours", 1), ("diffusers", 1)]
    monkeypatch.setattr(peers, "apart", whole)
    ran.clear()
    for _ in range(2):
        assert peers.main([*QUICK, "--output", str(path)]) == 0
        assert [(spec.system, spec.run) for spec in ran] == [("ours", 2), ("diffusers", 2)]
    assert len(records.read(path)) == 4
    assert [file.name for file in path.parent.iterdir()] == ["peers.json"]


def test_a_run_with_fewer_drawings_is_another_run(ran, tmp_path):
    path = tmp_path / "peers.json"
    records.store([record(known=10)], path)
    assert peers.main([*QUICK[:1], "ours", *QUICK[3:-1], "1", "--output", str(path)]) == 0
    assert [spec.known for spec in ran] == [records.KNOWN]


def test_the_systems_take_turns(ran, tmp_path):
    peers.main([*QUICK, "--output", str(tmp_path / "peers.json")])
    assert [spec.system for spec in ran] == ["ours", "diffusers"] * 2


def test_a_run_that_fails_is_one_sentence_and_the_records_stay(tmp_path, monkeypatch, capsys):
    path = tmp_path / "peers.json"
    records.store([record()], path)
    broken = SimpleNamespace(returncode=1, stderr="Traceback\nMemoryError: too much\n")
    monkeypatch.setattr(records.subprocess, "run", lambda *_, **__: broken)
    assert peers.main([*QUICK, "--output", str(path)]) == 1
    assert "diffusers, folded, small, 60 s, run 1 failed: MemoryError: too much\n" in capsys.readouterr().err
    assert records.read(path) == [record()]


def test_a_file_that_holds_no_records_stops_it(ran, tmp_path, capsys):
    path = tmp_path / "peers.json"
    path.write_text("[]")
    assert peers.main([*QUICK, "--output", str(path)]) == 1
    assert "holds no records" in capsys.readouterr().err
    assert ran == []


def test_the_best_size_is_the_nearest_at_the_longest_time_that_all_sizes_had():
    stored = [
        record(size="small", seconds=60.0, distance=10.0),
        record(size="large", seconds=60.0, distance=30.0),
        *[record(size="small", seconds=240.0, distance=d, run=run) for run, d in enumerate((9.0, 9.0, 1.0))],
        *[record(size="large", seconds=240.0, distance=d, run=run) for run, d in enumerate((7.0, 8.0, 40.0))],
        record(size="small", seconds=600.0, distance=2.0),
    ]
    assert records.best_size(stored, "ours", "folded") == "large"
    assert records.best_size(stored, "ours", "full") is None


def test_each_system_runs_in_the_size_that_its_trials_chose_unless_another_is_named(ran, tmp_path, monkeypatch):
    monkeypatch.setitem(systems.TUNED, "ours", ("large", 32, 5e-3))
    some = ["--systems", "ours", "--variants", "folded", "--seconds", "120", "--runs", "1"]
    some += ["--output", str(tmp_path / "peers.json")]
    assert peers.main(some) == 0
    assert peers.main([*some, "--sizes", "small", "large"]) == 0
    assert [spec.size for spec in ran] == ["large", "small"]


# --- The training -----------------------------------------------------------------------------------------------------


def ticking(step: float):
    """A clock that goes on by `step` seconds at each look."""
    now = iter(range(10**9))
    return lambda: next(now) * step


@pytest.fixture(scope="module")
def taught() -> tuple[torch.Tensor, torch.Tensor]:
    """A few pictures of known scenes, and their keys."""
    scenes = world.seen_scenes()[:8]
    return world.render(scenes, range(8)), words.caption_keys(words.shipped_words(), [one.caption for one in scenes])


@pytest.mark.usefixtures("one_thread")
def test_the_learning_rate_is_that_of_the_courses_schedule_and_ends_at_nothing():
    for number in (1, 10, 20, 50, 199):
        assert task.schedule(number, number / 200) == pytest.approx(training.schedule(number, 199))
    assert task.schedule(200, 1.0) == pytest.approx(0)
    assert task.schedule(200, 0.5) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_ours_learns_within_its_time_and_keeps_the_mean_of_its_weights(taught, monkeypatch):
    rates = []
    torch.manual_seed(0)
    ours = systems.make("ours", "folded", "small")
    started = ours.model.state_dict()["conv_in.weight"].clone()
    adam, muon = movers = ours.optimizers()
    highest = [group["lr"] for one in movers for group in one.param_groups]
    adam.register_step_post_hook(lambda *_: rates.append([one.param_groups[0]["lr"] for one in movers]))
    last = {}
    muon.register_step_post_hook(lambda *_: last.update(weight=ours.model.middle.first[2].weight.detach().clone()))
    monkeypatch.setattr(ours, "optimizers", lambda: movers)
    trained = task.train_for(ours, *taught, seconds=40, seed=1, clock=ticking(1))
    assert trained.steps == len(trained.losses) == 39  # the first look at the clock starts it
    assert sum(trained.losses[-5:]) / 5 < 0.85 * trained.losses[0]
    for seen, top in zip(zip(*rates, strict=True), highest, strict=True):
        assert max(seen) < top
        assert seen[-1] < 0.02 * top
    assert not torch.equal(ours.model.conv_in.weight, started)
    assert not torch.equal(ours.model.middle.first[2].weight, last["weight"])
    assert not ours.model.training


def test_the_medium_of_ours_is_the_shipped_pipelines_network_asked_for_the_picture():
    ours = systems.make("ours", "folded", "medium")
    assert ours.model.config == {
        **MODEL,
        "predicts": "picture",
        "widths": list(MODEL["widths"]),
        "key_size": systems.KEY,
    }


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("variant", systems.VARIANTS)
def test_diffusers_draws_pictures_of_the_right_shape_that_follow_the_key(taught, variant):
    peer = systems.make("diffusers", variant, "small")
    channels, side = {"full": (3, 32), "folded": (12, 16)}[variant]
    seen = []
    peer.model.unet.conv_in.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1:]))
    loss = peer.loss(*taught, torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(1, abs=0.5)  # nothing is known of the noise yet, whose variance is 1
    peer.model.eval()
    for solver in ("DDIM", "DPM-Solver++"):
        for guidance in (1.0, 2.0):
            drawn = peer.draw(world.seen_scenes()[:3], seed=1, solver=solver, steps=2, guidance=guidance)
            assert drawn.shape == (3, 3, 32, 32)
            assert drawn.abs().max() <= 1
    assert set(seen) == {(channels, side, side)}
    noisy, time = torch.zeros(1, channels, side, side), torch.tensor([10])
    one, other = (peer.model(noisy, time, key[None]) for key in taught[1][:2])
    assert not torch.allclose(one, other)


def test_folded_pictures_come_back_as_they_were(taught):
    class Mirror(systems.Peer):
        package = "diffusers"

        def batch_loss(self, pictures, keys):
            raise NotImplementedError

        def sample(self, keys, **sampler):
            return torch.nn.functional.pixel_unshuffle(taught[0][: len(keys)], 2)

    assert torch.equal(Mirror("folded").draw(world.seen_scenes()[:3], seed=0), taught[0][:3])


def test_a_missing_package_and_an_unknown_name_are_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "smalldiffusion", None)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(CourseError, match=r"smalldiffusion needs the package \w+: `make bench-peers`"):
        systems.make("smalldiffusion", "full", "small")
    with pytest.raises(CourseError, match="there is no 'huge' here"):
        systems.make("ours", "full", "huge")


@pytest.mark.slow
def test_a_process_of_its_own_measures_one_run(checkout: Path):
    spec = {"system": "ours", "variant": "folded", "size": "small", "seconds": 3, "run": 1, "known": 40, "each": 1}
    command = [sys.executable, "-m", "benchmarks.task", json.dumps(spec)]
    done = json.loads(subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout)
    assert {name: done[name] for name in spec} == spec
    assert done["trained_seconds"] >= 3
    assert done["pictures_per_second"] == pytest.approx(
        done["steps"] * done["batch"] / done["trained_seconds"], rel=0.02
    )
    assert done["distance"] > 2 * done["distance of real"] > 0
    assert 0 <= done["right"] < 0.5 < done["right of real"]
    assert done["sampler"]["distance"] in done["samplers"]


def test_the_operations_of_a_training_step_are_counted(taught):
    class Product(systems.System):
        """A product of matrices, then attention over 7 places: one head of 8 numbers."""

        def __init__(self) -> None:
            self.model = torch.nn.Linear(8, 8, bias=False)
            self.batch = 64

        def loss(self, pictures, keys, generator):
            seen = self.model(torch.ones(64, 1, 7, 8))
            return torch.nn.functional.scaled_dot_product_attention(seen, seen, seen).sum()

        def draw(self, scenes, *, seed, **sampler):
            raise NotImplementedError

    product, attention = 2 * 7 * 8 * 8, 2 * (2 * 7 * 7 * 8)
    # Backward: the weights' gradient alone for the product, as its input needs none; five products for attention.
    assert steps.flops_per_picture(Product(), *taught) == 2 * product + attention + 5 * 2 * 7 * 7 * 8


def test_steps_and_products_take_turns_and_the_share_is_that_of_the_products_around_them(monkeypatch):
    """By hand: 2 steps of 32 pictures in each turn of 1 s, 64e6 operations each, products at 8, then 2 GFLOP/s."""
    ours = systems.make("ours", "folded", "small")
    done = []
    seconds = iter([0.0, 0.5, 1.0, 2.0, 10.0, 10.5, 11.0, 12.0])  # looks at the clock: two steps between four
    monkeypatch.setattr(steps.time, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(steps.Training, "step", lambda _, share: done.append(share))
    products = iter([8e9, 8e9, 2e9])
    monkeypatch.setattr(steps, "matrix_rate", lambda: next(products))
    monkeypatch.setattr(steps, "flops_per_picture", lambda *_: 64e6)
    told = steps.cost(ours, turns=2, turn=1.5)
    assert done == [1.0] * (3 + 4)
    assert told["pictures_per_second"] == 32
    assert told["share_of_matrix_rate"] == pytest.approx([32 * 64e6 / 8e9, 32 * 64e6 / 5e9])
    assert told["parameters"] == sum(weight.numel() for weight in ours.model.parameters())


def test_steps_go_on_where_they_were_stopped(tmp_path, monkeypatch, capsys):
    path, ran = tmp_path / "steps.json", []

    def process(module, here, which, what):
        ran.append(tuple(json.loads(which).values()))
        return json.loads(which)

    monkeypatch.setattr(records, "from_a_process", process)
    records.store([{"system": "ours", "variant": "folded", "size": "small"}], path)
    for _ in range(2):
        assert steps.main(["--systems", "ours", "--output", str(path)]) == 0
    assert len(ran) == len(set(ran)) == 5
    assert ("ours", "folded", "small") not in ran
    assert steps.main(["--here", '{"system": "magic", "variant": "full", "size": "small"}']) == 1
    assert "there is no 'magic' here" in capsys.readouterr().err


# --- The peers' settings ----------------------------------------------------------------------------------------------


class Constant(systems.Peer):
    """Guesses one number for all pictures; its loss is the mean square error."""

    package = "smalldiffusion"

    def __init__(self) -> None:
        super().__init__("folded")
        self.optimizer = {"lr": 1.0}
        self.model = torch.nn.Linear(1, 1, bias=False)
        self.seen = []

    def batch_loss(self, pictures, keys):
        self.seen.append(pictures)
        return ((self.model.weight - pictures) ** 2).mean()

    def sample(self, keys, **sampler):
        raise NotImplementedError


def test_a_system_learns_as_a_trial_says_and_is_judged_on_pictures_it_has_not_seen(monkeypatch, taught):
    made = []
    monkeypatch.setattr(systems, "make", lambda *which: made.append(Constant()) or made[-1])
    monkeypatch.setattr(tuning, "material", lambda: taught)
    told = tuning.trial("smalldiffusion", "small", 16, 0.01, seconds=0.2)
    (peer,) = made
    learned, judged = peer.seen[: told["steps"]], peer.seen[told["steps"] :]
    assert {len(batch) for batch in learned} == {16}
    assert sum(map(len, judged)) == tuning.BATCHES * 32
    assert peer.optimizer["lr"] == 0.01
    known = torch.nn.functional.pixel_unshuffle(taught[0], 2)
    assert min((known - one).abs().max() for batch in judged[:2] for one in batch) > 0.1
    assert tuning.unseen_loss(peer, taught[1]) == pytest.approx(told["loss"])  # the same ones, always
    with torch.no_grad():
        peer.model.weight.fill_(5)
    assert tuning.unseen_loss(peer, taught[1]) > 10 * told["loss"]


def test_trials_try_larger_sizes_while_they_do_better_and_go_on_where_they_were_stopped(tmp_path, monkeypatch):
    path, ran = tmp_path / "tuning.json", []
    of_size = {"ours": (9, 8, 7), "diffusers": (9, 8.5, 9), "smalldiffusion": (9, 10, 1)}

    def process(module, here, which, what):
        ran.append(json.loads(which))
        system, size, batch, rate = ran[-1].values()
        size_loss = of_size[system][systems.SIZES.index(size)]
        return ran[-1] | {"loss": size_loss + (system != "ours") * abs(rate - 3e-3) + 0.01 * (batch == 32)}

    monkeypatch.setattr(records, "from_a_process", process)
    for _ in range(2):
        assert tuning.main(["--systems", *of_size, "--output", str(path)]) == 0
    tried = {system: [tuple(one.values())[1:] for one in ran if one["system"] == system] for system in of_size}
    small = [("small", batch, rate) for batch, rate in tuning.PEERS]
    assert tried["ours"] == [(size, 32, 5e-3) for size in systems.SIZES]
    assert tried["diffusers"] == [*small, ("medium", 16, 3e-3), ("large", 16, 3e-3)]
    assert tried["smalldiffusion"] == [*small, ("medium", 16, 3e-3)]


def test_each_system_is_set_as_its_best_trial_was(checkout: Path):
    tried = records.read(checkout / "benchmarks/results/tuning.json")
    for system in systems.SYSTEMS:
        best = min(records.chosen(tried, system=system), key=lambda trial: trial["loss"])
        assert systems.TUNED[system] == (best["size"], best["batch"], best["rate"])


# --- The parts of the course ------------------------------------------------------------------------------------------


def test_the_exponent_is_that_of_the_power_law():
    assert growth.Growth("cats", "px", [1, 10, 100], [3.0, 300.0, 30_000.0]).exponent == pytest.approx(2)
    noisy = growth.Growth("cats", "px", [1, 2, 4, 8], [1.1, 2.9, 9.0, 22.0])
    assert noisy.exponent == pytest.approx(
        1.46, abs=0.01
    )  # by hand: the slope of ln(1.1), ln(2.9), ... over 0, 1, 2, 3


def test_growth_is_measured_at_each_size_and_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "GROWTHS", {"cats": ("px", (1, 2, 4), lambda size: 0.5 * size**3)})
    monkeypatch.setattr(growth, "RESULTS", tmp_path / "growth.json")
    assert growth.main() == 0
    (stored,) = json.loads((tmp_path / "growth.json").read_text())["growths"]
    assert stored.pop("exponent") == pytest.approx(3)
    assert stored == {"name": "cats", "unit": "px", "sizes": [1, 2, 4], "seconds": [0.5, 4.0, 32.0]}


@pytest.mark.slow
def test_every_growth_works_at_its_smallest_but_grading(monkeypatch):
    monkeypatch.setattr(growth, "seconds", lambda work, **_: [work(), 0.5][1])
    for name, (_, sizes, work) in growth.GROWTHS.items():
        if name not in ("grading lesson 1", "words"):
            assert work(sizes[0]) == 0.5, name


@pytest.mark.slow
def test_all_of_the_largest_class_can_be_graded(monkeypatch):
    run, graded = subprocess.run, []

    def without_grading(command, **how):
        return graded.append(command) if "grade" in command else run(command, **how)

    monkeypatch.setattr(growth.subprocess, "run", without_grading)
    _, sizes, grade = growth.GROWTHS["grading lesson 1"]
    grade(max(sizes))
    assert len(graded) == 1


@pytest.mark.slow
def test_the_solvers_ask_as_often_as_they_say(monkeypatch, tmp_path):
    monkeypatch.setattr(solvers, "score", lambda drawer: {"distance": 1.0, "right": 1.0})
    monkeypatch.setattr(solvers, "RESULTS", tmp_path / "solvers.json")
    assert solvers.main() == 0
    asked = {one["solver"]: one["calls"] for one in json.loads((tmp_path / "solvers.json").read_text())["solvers"]}
    assert asked["order 2, 25 steps, no guidance"] == 25
    assert asked["as shipped"] == 8 + 2  # guidance at amounts 6/8 and 5/8
    assert asked["as shipped, but for 84 steps"] == 84 + 17
    assert len(asked) == 9


def test_ten_calls_of_the_shipped_walk_come_as_near_as_a_hundred(checkout):
    told = json.loads((checkout / "benchmarks/results/solvers.json").read_text())["solvers"]
    (shipped,) = (one for one in told if one["solver"] == "as shipped")
    assert shipped["calls"] <= 10
    many = [one for one in told if one["calls"] >= 100]
    assert shipped["distance"] <= 1.05 * min(one["distance"] for one in many)
    assert shipped["right"] >= 0.95 * max(one["right"] for one in many)


def test_a_choice_changes_what_it_names_and_nothing_else():
    plain = choices.ours("as it was")
    for name, changes in choices.CHOICES.items():
        made = choices.ours(name)
        asked = changes.get("model", {}) | changes.get("training", {})
        before, after = (one.settings["model"] | one.settings["training"] for one in (plain, made))
        assert {key for key in after if after[key] != before[key]} == set(asked), name
        assert made.model.config["predicts"] == asked.get("predicts", "velocity")
        assert made.batch == made.how["batch"]
        assert len(made.optimizers()) == (1 if asked.get("optimizer") == "adam" else 2)


def test_choices_go_on_where_they_were_stopped_and_an_unknown_one_is_refused(tmp_path, monkeypatch, capsys):
    path, ran = tmp_path / "choices.json", []
    monkeypatch.setattr(records, "from_a_process", lambda module, *given, what: [ran.append(what), {"choice": what}][1])
    assert choices.main(["Adam", "--output", str(path)]) == 0
    assert choices.main(["Adam", "batch 16", "--output", str(path)]) == 0
    assert ran == ["Adam", "batch 16"]
    assert [one["choice"] for one in records.read(path)] == ran
    assert choices.main(["magic", "--output", str(path)]) == 1
    assert "there is no choice 'magic'" in capsys.readouterr().err


def keywords(source: str, function: str) -> list[dict]:
    """What each call of that function names in this source: numbers and text as they are, names as they were set."""
    tree = ast.parse(source)
    names = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == function:
            told = {keyword.arg: keyword.value for keyword in node.keywords}
            names_too = {name: ast.Constant(names[ast.unparse(v)]) if ast.unparse(v) in names else v
                         for name, v in told.items()}  # fmt: skip
            literal = (ast.Constant, ast.Tuple)
            found.append({name: ast.literal_eval(v) for name, v in names_too.items() if isinstance(v, literal)})
    return found


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_a_lesson_is_tried_as_it_trains(checkout, lesson):
    told = lessons.LESSONS[lesson]
    taken = lessons.WAYS[lesson][lessons.TAKEN.get(lesson, lessons.AS_IT_WAS)]
    if lesson.startswith("8"):  # whose training stands in `copying`
        assert not taken
        assert told.model == copies.MODEL
        assert told.how == copies.TRAINING | {"steps": copies.STEPS}
        return
    (path,) = (checkout / "notebooks/source").glob(f"0{lesson[0]}_*.py")
    source = path.read_text()
    assert told.model | taken.get("model", {}) in keywords(source, "Denoiser")
    asked = itertools.product(keywords(source, "DenoisingLoss"), keywords(source, "train"))
    assert told.how | taken.get("how", {}) | {"seed": 0} in [loss | training for loss, training in asked]


def test_another_way_gets_the_steps_that_fit_into_the_lessons_seconds(monkeypatch):
    lesson = lessons.LESSONS["6, few pictures"]
    seconds = iter([9.0, 9.0, 1.0, 2.0, 2.0, 4.0])  # of the lesson's own, of the other, in turns; the first don't count
    monkeypatch.setattr(lessons, "timed", lambda steps, count: next(seconds))
    assert lessons.steps_for(lesson, {"how": {"optimizer": "muon"}}) == lesson.how["steps"] / 2
    assert lessons.steps_for(lesson, {}) == lesson.how["steps"]


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "way"), [(lesson, way) for lesson, ways in lessons.WAYS.items() for way in ways])
def test_a_way_to_train_a_lesson_is_judged(monkeypatch, lesson, way):
    told = lessons.LESSONS[lesson]
    monkeypatch.setattr(lessons, "steps_for", lambda *_: 2)
    monkeypatch.setitem(lessons.LESSONS, lesson, dataclasses.replace(told, shown=told.shown[:8], count=16))
    done = lessons.one(lesson, way, 1)
    assert (done["lesson"], done["way"], done["seed"], done["steps"]) == (lesson, way, 1, 2)
    assert done["distance"] > 10  # nobody draws well after two steps; finishing is easier
    assert done["right"] == 0


# --- The report -------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path):
    """Makes the page of these records, and returns it."""

    def made(*stored: dict) -> str:
        results, path = tmp_path / "peers.json", tmp_path / "docs/benchmarks.md"
        for folder in ("docs", "images"):
            (tmp_path / folder).mkdir(exist_ok=True)
        records.store(stored, results)
        places = ["--page", str(path), "--figure", str(tmp_path / "images/benchmark.png")]
        assert report.main(["--results", str(results), *places]) == 0
        return path.read_text()

    return made


def test_the_report_gives_medians_and_from_where_to_where_runs_lie(page, tmp_path):
    text = page(
        *[record(run=run, distance=distance) for run, distance in enumerate((31.0, 12.0, 20.0))],
        *[record(run=run, right=right, seconds=240.0) for run, right in enumerate((0.25, 0.75))],
        record(system="diffusers", distance=1234.5),
        record(system="diffusers", distance=1.0, known=10),  # a trial
    )
    assert "| ours | folded | small | 20 (12 to 31) | not run | 20 | not run |" in text
    assert "| diffusers | folded | small | 1,234 | not run | not run | not run |" in text
    assert "| ours | folded | small | 50 % | not run | 50 % (25 % to 75 %) | not run |" in text
    assert "| ours | full | not run | not run | not run | not run | not run |" in text
    assert "| ours | folded | small | not run | not run | not run | not run | not run | 20 at 240 s |" in text
    assert "](../images/benchmark.png)" in text
    assert "ours, folded: 20 and 50 % at 240 s; diffusers, folded: 1,234 and 50 % at 60 s." in text
    assert (tmp_path / "images/benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_file_gives_a_page_that_says_so(page, tmp_path):
    text = page()
    assert text.count("| not run | not run | not run | not run | not run |") == 2 * len(report.LINES) + 24
    assert "benchmark.png" not in text
    assert not (tmp_path / "images/benchmark.png").exists()


def test_the_parts_that_were_measured_are_told_of(page, tmp_path):
    bench = {"machine": "a desk", "results": [{"name": "cats", "value": 12.345, "unit": "cats/s", "memory_mb": 1200.0}]}
    grown = {"name": "cats", "unit": "px", "sizes": [1, 2], "seconds": [0.5, 2.0], "exponent": 2.0}
    solver = {"solver": "order 2", "calls": 10, "distance": 0.622, "right": 0.985}
    choice = record(choice="Adam", steps=412)
    step = {
        "system": "ours", "variant": "full", "size": "small", "parameters": 2_000_000, "flops_per_picture": 4e8,
        "pictures_per_second": 300.0, "share_of_matrix_rate": [0.7, 0.8, 0.85], "memory_mb": 900.0,
    }  # fmt: skip
    for name, results in (
        ("course", bench),
        ("steps", {"records": [step]}),
        ("choices", {"records": [choice]}),
        ("growth", {"machine": "a desk", "growths": [grown]}),
        (
            "lessons",
            {
                "records": [
                    record(lesson="2", way="Adam", steps=40, seed=s, distance=d) for s, d in enumerate((3.0, 5.0))
                ]
            },
        ),
        ("solvers", {"machine": "another", "known": 1_000, "each": 8, "solvers": [solver]}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    text = page()
    assert "| cats | 12.3 cats/s | 1,200 |" in text
    assert "| cats | px | 1, 2 | 0.5, 2 | 2.00 |" in text
    assert "| Adam | 412 | 300 | 20 | 50 % |" in text
    assert "| ours | full | small | 2.00 M | 0.40 | 300 | 80 % (70 % to 85 %) | 900 | not run |" in text
    assert "| order 2 | 10 | 0.622 | 98 % |" in text
    assert "Over 2 seeds" in text
    assert "| 2 | Adam | 40 | 60 | 4 (3 to 5) | 50 % |" in text
    assert "a desk" in text
    assert "another" in text


def test_the_page_and_its_figure_hold_what_the_records_hold(checkout: Path, tmp_path):
    """`make bench-peers` ends with this: no number stands on the page that is not in benchmarks/results."""
    page = tmp_path / "docs/benchmarks.md"
    for folder in ("docs", "images"):
        (tmp_path / folder).mkdir()
    page.write_text((checkout / "docs/benchmarks.md").read_text())
    places = ["--page", str(page), "--figure", str(tmp_path / "images/benchmark.png")]
    assert report.main(["--results", str(checkout / "benchmarks/results/peers.json"), *places]) == 0
    assert page.read_text() == (checkout / "docs/benchmarks.md").read_text()
    assert "![Two charts against seconds of training" in page.read_text()


def test_what_stands_around_the_markers_stays(page, tmp_path):
    text = page(record())
    path = tmp_path / "docs/benchmarks.md"
    path.write_text(f"Before.\n{text}After.\n")
    assert page(record()) == f"Before.\n{text}After.\n"
    path.write_text("Nothing.\n")
    assert report.main(["--results", str(tmp_path / "peers.json"), "--page", str(path)]) == 1
    assert path.read_text() == "Nothing.\n"
