"""What an instructor reads of a class: a table, lines, and a picture in which no lesson hides another."""

import csv
from collections import Counter
from pathlib import Path

import matplotlib.figure
import pytest

from course_tools.classroom import report
from course_tools.classroom.report import Heard

ROWS = [
    {"student": name, "lesson": lesson, "score": score, "max_score": 8.0, "needs_manual_grade": name == "a"}
    for lesson in ("01_noise", "04_word_keys")
    for name, score in (("a", 0.0), ("b", 4.0), ("c", 8.0), ("=1+1", 8.0))
]
HEARD = [
    Heard("01_noise", "blend", 4, Counter({"Not tried yet: blend.": 1})),
    Heard("01_noise", "psnr", 4, Counter({"Not yet. The peak.": 2, "Not tried yet: psnr.": 1})),
    Heard("01_noise", "ladder", 4, Counter()),
    *(
        Heard("04_word_keys", name, 4, Counter({"No.": 1}))
        for name in ("cosine", "solve", "turn", "add_up", "swap", "e")
    ),
]


def test_the_summary_tells_of_each_lesson_its_scores_and_all_its_exercises_the_hardest_first():
    lines = list(report.summary(ROWS, HEARD))
    assert lines[0].startswith("01_noise: 4 submissions, 0 to 8 of 8, the middle one 8; 1 to be graded by hand")
    assert [int(line.split()[-1]) for line in lines[1:6]] == [1, 0, 1, 0, 2]
    assert lines[6] == "  psnr (01_noise): 3 of 4 failed, most with: Not yet. The peak."
    assert lines[7] == "  blend (01_noise): 1 of 4 failed, most with: Not tried yet: blend."
    assert lines[8] == "  ladder (01_noise): 0 of 4 failed"
    assert lines[9].startswith("04_word_keys: 4 submissions")
    assert len([line for line in lines if "(04_word_keys)" in line]) == 6


def test_the_table_is_no_formula():
    table = list(csv.DictReader(report.as_csv(ROWS).splitlines()))
    assert [row["student"] for row in table][:4] == ["a", "b", "c", "'=1+1"]
    assert float(table[2]["score"]) == 8


def test_the_picture_is_a_picture_even_if_nobody_failed(tmp_path):
    from PIL import Image

    for heard in (HEARD, []):
        report.plot_summary(ROWS, heard, tmp_path / "grades.png")
        assert Image.open(tmp_path / "grades.png").size[0] > 900
    assert [path.name for path in tmp_path.iterdir()] == ["grades.png"]


@pytest.fixture
def panels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list:
    """The axes of the picture that is made of the class."""
    drawn: list[matplotlib.figure.Figure] = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda self, *rest, **how: (drawn.append(self), save(self, *rest, **how))
    )
    report.plot_summary(ROWS, HEARD, tmp_path / "grades.png")
    return drawn[0].axes


def test_each_lesson_has_its_own_scores(panels):
    scores = panels[::2]
    assert [axes.get_title() for axes in scores] == ["01_noise", "04_word_keys"]
    for axes in scores:
        assert [bar.get_height() for bar in axes.patches] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 2]


def test_every_exercise_has_a_bar_that_names_it_and_its_lesson_also_one_that_nobody_failed(panels):
    named = {
        label.get_text(): bar.get_width()
        for axes in panels[1::2]
        for label, bar in zip(axes.get_yticklabels(), axes.patches, strict=True)
    }
    assert named == {f"{one.lesson}: {one.name}": 100 * one.failed / one.judged for one in HEARD}
    assert named["01_noise: ladder"] == 0
    first = panels[1]
    assert first.transData.transform((0, 0))[1] > first.transData.transform((0, 1))[1]  # the first one is at the top
