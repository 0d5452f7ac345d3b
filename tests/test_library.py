"""The library as a whole: light to import, one way only."""

import ast
import subprocess
import sys

HEAVY = {"matplotlib", "skimage", "scipy", "PIL", "ipywidgets", "IPython", "gensim", "diffusers", "transformers"}
# A module may import from those before it: the lessons' order.
ORDER = [
    *["errors", "files", "threads", "pictures", "noise", "widgets", "models", "optimizers", "training", "sampling"],
    *["judge", "world", "words", "artist", "augment", "enhance", "votes", "votes_gallery"],
    *["sizes", "size_calculator", "neighbours", "inside", "checks"],
]


def test_importing_every_module_of_the_lessons_brings_little_more_than_torch():
    program = f"import sys; from course_lib import {', '.join(ORDER)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()
    assert "torch" in loaded


def test_arrows_between_modules_point_from_later_lessons_to_earlier_ones(checkout):
    for path in (checkout / "course_lib").rglob("*.py"):
        module = path.relative_to(checkout / "course_lib").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if "teaching" in name:
                assert module in ("teaching", "cli"), f"{path} imports the authors' tools"
            if module in ORDER and isinstance(node, ast.ImportFrom) and (node.level or name.startswith("course_lib")):
                used = name.removeprefix("course_lib").strip(".").split(".")[0]
                for other in [used] if used else [alias.name for alias in node.names]:  # from . import words
                    if other in ORDER:
                        assert ORDER.index(other) <= ORDER.index(module), f"{module} imports {other}, which comes later"
