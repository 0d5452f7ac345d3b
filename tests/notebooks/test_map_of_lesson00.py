"""Lesson 0: its map tells of the lessons that are there."""

import re
from pathlib import Path


def test_the_map_has_ten_lessons_and_links_those_that_are_there(checkout: Path):
    folder = checkout / "notebooks/source"
    text = (folder / "00_start_here.py").read_text(encoding="utf-8")
    rows = re.findall(r"^# \| (\d) \| (.+?) \| .+\?? \|$", text, re.M)
    assert [int(number) for number, _ in rows] == list(range(10))
    titles = {
        path.stem: re.search(r"^# # Lesson \d: (.+)$", path.read_text("utf-8"), re.M)[1]
        for path in folder.glob("[0-9]*.py")
    }
    linked = {stem: title for _, cell in rows for title, stem in re.findall(r"^\[(.+)\]\((\w+)\.ipynb\)$", cell)}
    assert linked | {"00_start_here": "Start here"} == titles
    assert all(f"{int(stem[:2])} | [{title}]({stem}" in text for stem, title in linked.items())
    assert ("Lessons without a link" in text) == (len(titles) < 10)
