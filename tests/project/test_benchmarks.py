"""The comparison with peers: that it goes on after a kill, and that its page says what was measured."""

import ast
import itertools
import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import choices, growth, lessons, peers, records, report, solvers, steps, systems, task, tuning
from course_lib import training, words, world
from course_lib.errors import CourseError
from course_lib.pipeline import shipped_pipeline
from course_tools.recipes.draw import MODEL
from course_tools.recipes.run import FIRST_SEED


def record(**known) -> dict:
    """A record, with what a test does not name filled up."""
    return {
        "system": "ours", "variant": "folded", "size": "small", "seconds": 60.0, "run": 1, "known": records.KNOWN,
        "each": records.EACH, "distance": 20.0, "right": 0.5, "distance of real": 3.0, "right of real": 1.0,
        "pictures_per_second": 300.0, "settings": {"from": "a test"}, "versions": {"torch": "2"}, "machine": "a desk",
    } | known  # fmt: skip


# --- The records ------------------------------------------------------------------------------------------------------


def test_systems_take_turns_in_their_best_sizes_and_go_on_where_they_were_stopped(tmp_path, monkeypatch):
    path, ran = tmp_path / "deep/peers.json", []
    monkeypatch.setattr(peers, "make", lambda *which: None)

    def apart(spec: records.Spec) -> dict:
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append((spec.system, spec.size, spec.run))
        return record(**vars(spec))

    monkeypatch.setattr(peers, "apart", apart)
    asked = ["--systems", "ours", "diffusers", "--variants", "folded", "--seconds", "60", "--runs", "2"]
    asked += ["--output", str(path)]
    records.store([record(size="medium", known=10)], path)  # of fewer drawings: another run
    with pytest.raises(KeyboardInterrupt):
        peers.main(asked)
    first = ran.copy()
    assert [(one["system"], one["known"]) for one in records.read(path)] == [
        ("ours", 10), ("ours", records.KNOWN), ("diffusers", records.KNOWN)
    ]  # fmt: skip
    ran.clear()
    assert peers.main(asked) == 0
    assert [first, ran] == [[(name, systems.TUNED[name][0], run) for name in ("ours", "diffusers")] for run in (1, 2)]
    ran += [()] * 2  # what is run now is an interrupt
    assert peers.main(asked) == 0
    assert [file.name for file in path.parent.iterdir()] == ["peers.json"]


def test_what_stops_a_comparison_is_one_sentence_and_the_records_stay(tmp_path, monkeypatch, capsys):
    path = tmp_path / "peers.json"
    records.store([record()], path)
    broken = SimpleNamespace(returncode=1, stderr="Traceback\nMemoryError: too much\n")
    monkeypatch.setattr(records.subprocess, "run", lambda *_, **__: broken)
    asked = ["--systems", "ours", "--variants", "folded", "--sizes", "small", "--seconds", "60", "--runs", "2"]
    assert peers.main([*asked, "--output", str(path)]) == 1
    assert "ours, folded, small, 60 s, run 2 failed: MemoryError: too much\n" in capsys.readouterr().err
    assert records.read(path) == [record()]
    path.write_text("[]")
    assert peers.main([*asked, "--output", str(path)]) == 1
    assert "holds no records" in capsys.readouterr().err
    monkeypatch.setattr(records, "from_a_process", lambda *_, what: {"choice": what})
    for asked in (["Adam"], ["Adam", "batch 16"]):
        assert choices.main([*asked, "--output", str(tmp_path / "choices.json")]) == 0
    assert [one["choice"] for one in records.read(tmp_path / "choices.json")] == ["Adam", "batch 16"]
    assert choices.main(["magic", "--output", str(tmp_path / "choices.json")]) == 1
    assert "there is no choice 'magic'" in capsys.readouterr().err
    monkeypatch.setitem(systems.SYSTEMS, "smalldiffusion", "a_package_that_is_missing:Model")
    with pytest.raises(CourseError, match=r"smalldiffusion needs the package \w+: `make bench-peers`"):
        systems.make("smalldiffusion", "full", "small")


# --- The systems ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def taught() -> tuple[torch.Tensor, torch.Tensor]:
    """A few pictures of known scenes, and their keys."""
    scenes = world.seen_scenes()[:8]
    return world.render(scenes, range(8)), words.caption_keys(words.shipped_words(), [one.caption for one in scenes])


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("variant", systems.VARIANTS)
@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_each_system_learns_for_its_seconds_and_draws_what_the_key_says(taught, monkeypatch, system, variant):
    try:
        learner = systems.make(system, variant, "small")
    except CourseError as missing:
        if system in ("ours", "diffusers"):  # whose packages come with `dev`
            raise
        pytest.skip(str(missing))
    movers, weight, last = learner.optimizers(), next(learner.model.parameters()), []
    monkeypatch.setattr(learner, "optimizers", lambda: movers)
    highest = [group["lr"] for mover in movers for group in mover.param_groups]
    for mover in movers:
        mover.register_step_post_hook(lambda *_: last.append(weight.detach().clone()))
    clock = iter(range(100))
    trained = task.train_for(learner, *taught, seconds=6, seed=1, clock=lambda: next(clock))
    assert trained.steps == len(trained.losses) == 5  # the first look at the clock starts it
    assert all(map(math.isfinite, trained.losses))
    share = task.schedule(5, 5 / 6)
    assert [group["lr"] for mover in movers for group in mover.param_groups] == pytest.approx(
        [rate * share for rate in highest]
    )
    assert not torch.equal(weight, last[-1])  # the mean of the weights draws, not the last ones
    sampler = next(iter(learner.samplers.values()))
    one, other = (learner.draw([world.seen_scenes()[i]], seed=1, **sampler).nan_to_num(9) for i in (0, 100))
    assert one.shape == (1, 3, 32, 32)
    assert one.abs().max() <= 1
    assert not torch.allclose(one, other)


def test_the_learning_rate_is_that_of_the_courses_schedule_and_ends_at_nothing():
    for number in (1, 10, 20, 50, 199):
        assert task.schedule(number, number / 200) == pytest.approx(training.schedule(number, 199))
    assert task.schedule(200, 1.0) == pytest.approx(0)


def test_a_trial_is_judged_on_pictures_that_nobody_learned_from_always_the_same_ones(taught):
    seen: list[torch.Tensor] = []

    def loss(pictures, keys, generator):
        seen.append(pictures.flatten(1))
        return torch.rand((), generator=generator) + torch.rand(())

    learner = SimpleNamespace(batch=16, loss=loss)
    assert tuning.unseen_loss(learner, taught[1]) == tuning.unseen_loss(learner, taught[1])
    assert learner.batch == 32
    assert len(seen) == 2 * tuning.BATCHES
    assert torch.equal(seen[0], seen[-1])
    learned = world.render(world.seen_scenes()[:8], range(FIRST_SEED, FIRST_SEED + 8)).flatten(1)
    assert torch.cdist(learned, seen[0], p=torch.inf).min() > 0.1


# --- What the page says -----------------------------------------------------------------------------------------------


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


def test_the_exponent_is_that_of_the_power_law(tmp_path, monkeypatch):
    by_hand = growth.Growth("cats", "px", [1, 2, 4, 8], [1.1, 2.9, 9.0, 22.0])
    assert by_hand.exponent == pytest.approx(1.46, abs=0.01)  # the slope of ln(1.1), ln(2.9), ... over 0, 1, 2, 3
    monkeypatch.setattr(growth, "GROWTHS", {"cats": ("px", (1, 2, 4), lambda size: 0.5 * size**3)})
    monkeypatch.setattr(growth, "RESULTS", tmp_path / "growth.json")
    assert growth.main() == 0
    (stored,) = json.loads((tmp_path / "growth.json").read_text())["growths"]
    assert stored.pop("exponent") == pytest.approx(3)
    assert stored == {"name": "cats", "unit": "px", "sizes": [1, 2, 4], "seconds": [0.5, 4.0, 32.0]}


def test_the_solvers_ask_as_often_as_the_page_says(checkout):
    shipped = shipped_pipeline()
    stored = json.loads((checkout / "benchmarks/results/solvers.json").read_text())["solvers"]
    asked = {one["solver"]: one["calls"] for one in stored}
    assert asked.keys() == dict(solvers.ways()).keys()
    assert asked["as shipped"] == solvers.calls(shipped) == 8 + 2  # guidance at amounts 6/8 and 5/8


def test_ten_calls_of_the_shipped_walk_come_as_near_as_a_hundred(checkout):
    stored = json.loads((checkout / "benchmarks/results/solvers.json").read_text())["solvers"]
    (shipped,) = (one for one in stored if one["solver"] == "as shipped")
    assert shipped["calls"] <= 10
    many = [one for one in stored if one["calls"] >= 100]
    assert shipped["distance"] <= 1.05 * min(one["distance"] for one in many)
    assert shipped["right"] >= 0.95 * max(one["right"] for one in many)


@pytest.mark.parametrize("name", choices.CHOICES)
def test_a_choice_changes_what_it_names_and_nothing_else(name):
    plain, made = choices.ours("as it was"), choices.ours(name)
    asked = choices.CHOICES[name].get("model", {}) | choices.CHOICES[name].get("training", {})
    before, after = (one.settings["model"] | one.settings["training"] for one in (plain, made))
    assert {key for key in after if after[key] != before[key]} == set(asked)
    assert made.model.config["predicts"] == asked.get("predicts", "velocity")
    assert made.batch == made.how["batch"]
    assert len(made.optimizers()) == (1 if asked.get("optimizer") == "adam" else 2)


def test_the_medium_of_ours_is_the_shipped_pipelines_network_asked_for_the_picture():
    ours = systems.make("ours", "folded", "medium")
    assert ours.model.config == MODEL | {
        "predicts": "picture", "widths": list(MODEL["widths"]), "key_size": systems.KEY
    }  # fmt: skip


def literals(source: str, function: str) -> list[dict]:
    """What each call of that function in this source names with a number, a text or a tuple written out."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        {word.arg: ast.literal_eval(word.value) for word in call.keywords
         if isinstance(word.value, (ast.Constant, ast.Tuple)) and word.arg != "seed"}
        for call in calls if ast.unparse(call.func).rpartition(".")[2] == function
    ]  # fmt: skip


@pytest.mark.parametrize("lesson", [name for name in lessons.LESSONS if not name.startswith("8")])
def test_a_lesson_is_tried_as_it_trains(checkout, lesson):
    """Lesson 8's training stands in `course_tools.recipes.copies`, and is taken from there."""
    tried = lessons.LESSONS[lesson]
    taken = lessons.WAYS[lesson][lessons.TAKEN.get(lesson, lessons.AS_IT_WAS)]
    (path,) = (checkout / "notebooks/source").glob(f"0{lesson[0]}_*.py")
    source = path.read_text()
    wanted = tried.model | taken.get("model", {})
    assert any(wanted.items() <= found.items() for found in literals(source, "Denoiser"))
    asked = itertools.product(literals(source, "DenoisingLoss"), literals(source, "train"))
    by_name = {key: value for key, value in tried.how.items() if key not in ("steps", "ema_decay")}
    assert any(by_name.items() <= (loss | training).items() for loss, training in asked)


def test_another_way_gets_the_steps_that_fit_into_the_lessons_seconds(monkeypatch):
    lesson = lessons.LESSONS["6, few pictures"]
    seconds = iter([9.0, 9.0, 1.0, 2.0, 2.0, 4.0])  # of the lesson's own, of the other, in turns; the first don't count
    monkeypatch.setattr(lessons, "timed", lambda steps, count: next(seconds))
    assert lessons.steps_for(lesson, {"how": {"optimizer": "muon"}}) == lesson.how["steps"] / 2
    assert lessons.steps_for(lesson, {}) == lesson.how["steps"]


def test_each_system_is_set_as_its_best_trial_was(checkout: Path):
    tried = records.read(checkout / "benchmarks/results/tuning.json")
    best = {
        system: min(records.chosen(tried, system=system), key=lambda trial: trial["loss"]) for system in systems.SYSTEMS
    }
    assert {system: (one["size"], one["batch"], one["rate"]) for system, one in best.items()} == systems.TUNED
    assert all(records.chosen(tried, **which) for which in tuning.trials(tried, list(systems.SYSTEMS)))  # none is left


# --- The report -------------------------------------------------------------------------------------------------------


def test_the_report_gives_medians_and_from_where_to_where_runs_lie(tmp_path):
    results, page = tmp_path / "peers.json", tmp_path / "benchmarks.md"
    stored = [
        *[record(run=run, distance=distance) for run, distance in enumerate((31.0, 12.0, 20.0))],
        *[record(run=run, right=right, seconds=240.0) for run, right in enumerate((0.25, 0.75))],
        record(system="diffusers", distance=1234.5),
        record(system="diffusers", distance=1.0, known=10),  # a trial
    ]
    records.store(stored, results)
    assert report.main(["--results", str(results), "--page", str(page), "--figure", str(tmp_path / "one.png")]) == 0
    text = page.read_text()
    assert "| ours | folded | small | 20 (12 to 31) | not run | 20 | not run |" in text
    assert "| diffusers | folded | small | 1,234 | not run | not run | not run |" in text
    assert "| ours | folded | small | 50 % | not run | 50 % (25 % to 75 %) | not run |" in text
    assert "| ours | full | not run | not run | not run | not run | not run |" in text
    assert "ours, folded: 20 and 50 % at 240 s; diffusers, folded: 1,234 and 50 % at 60 s." in text
    page.write_text("Without markers.\n")
    assert report.main(["--results", str(results), "--page", str(page)]) == 1
    assert page.read_text() == "Without markers.\n"


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
