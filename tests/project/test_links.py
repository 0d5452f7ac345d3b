"""Every link inside the course leads to a file that is there, and to a heading in it; links out are not followed."""

import re
from pathlib import Path

import pytest

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|\bhref=\"([^\"]+)\"|^\[[^\]]+\]: (\S+)", re.M)
OUTSIDE = re.compile(r"https?:|mailto:|data:")


def texts(root: Path) -> list[Path]:
    """What people read and follow links in."""
    guides = [path for path in (root / "docs").rglob("*.md") if "lessons" not in path.parts]
    return [root / "README.md", *guides, *sorted((root / "notebooks/source").glob("*.py")), *root.glob("tests/**/*.md")]


def anchors(path: Path) -> set[str]:
    """The anchors that the headings of a text get, as GitHub makes them."""
    headings = re.findall(r"^(?:# )?#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(root: Path) -> list[str]:
    """Each link that leads nowhere, with the text that it stands in."""
    dead = []
    for text in texts(root):
        for groups in LINK.findall(text.read_text(encoding="utf-8")):
            link = next(filter(None, groups))
            if OUTSIDE.match(link):
                continue
            path, _, anchor = link.partition("#")
            to = text.parent / path if path else text
            if text.parent.name == "source" and path.endswith(".ipynb"):
                to = root / "notebooks" / path  # the notebooks are built one folder higher
            elif text.parent == root / "docs" and path.startswith("lessons/"):
                to = root / "notebooks/solutions" / Path(path).name  # their pages are made of these
            if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
                dead.append(f"{text.relative_to(root)}: {link}")
    return dead


def test_no_link_inside_the_course_is_dead(checkout: Path):
    assert dead_links(checkout) == []
    assert len(texts(checkout)) > 10


@pytest.mark.parametrize(
    ("name", "line", "dead"),
    [
        ("README.md", "[a lesson](notebooks/99_none.ipynb)", True),
        ("README.md", "![a picture](images/none.png)", True),
        ("README.md", '<a href="none.md">a page</a>', True),
        ("README.md", "[a part](#no-such-heading)", True),
        ("README.md", "[a part](#what-is-where)", False),
        ("README.md", "[outside](https://example.org/none)", False),
        ("notebooks/source/01_noise.py", "# [on](02_none.ipynb)", True),
        ("notebooks/source/01_noise.py", "# [on](01_noise.ipynb)", False),
        ("docs/index.md", "[on](lessons/02_none.ipynb)", True),
    ],
)
def test_a_dead_link_is_found(tmp_path: Path, name: str, line: str, dead: bool):
    for folder in ("notebooks/source", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "notebooks/01_noise.ipynb").touch()
    (tmp_path / "README.md").write_text("# What is where\n")
    (tmp_path / name).write_text(f"# What is where\n{line}\n")
    assert bool(dead_links(tmp_path)) == dead
