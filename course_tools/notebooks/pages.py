"""The tables of the instructor's guide, made of what the lessons and their checks say of themselves."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from course_tools.files import replace_section
from course_tools.notebooks.lesson import Lesson
from course_tools.notebooks.project import Project

# Which lessons are taken when, by their numbers; the times are those that the lessons tell.
PLANS: Mapping[str, Sequence[tuple[str, Sequence[int]]]] = {
    "One day": (("first", (0, 1)), ("second", (3,)), ("third", (5,)), ("fourth", (7,))),
    "Four weeks": (("1", (0, 1, 2)), ("2", (3, 4)), ("3", (5, 6)), ("4", (7, 8, 9))),
    "Ten weeks": tuple((str(week), (0, 1) if week == 1 else (week,)) for week in range(1, 10)),
}


def guide_pages(project: Project) -> dict[Path, str]:
    """The pages of `docs/` that hold tables of the lessons, with the tables made anew, by where they stand.

    A page that is not there is not made.  Raises CourseError for one without the two lines that a table stands between.
    """
    root, lessons = project.root, project.lessons
    guide, exercises = root / "docs/instructors.md", root / "docs/exercises.md"
    pages = {}
    if guide.exists():
        text = replace_section(guide.read_text(encoding="utf-8"), "lessons", _overview(lessons), page=guide.name)
        pages[guide] = replace_section(text, "plans", _plans(lessons), page=guide.name)
    if exercises.exists():
        text = exercises.read_text(encoding="utf-8")
        pages[exercises] = replace_section(text, "exercises", _exercises(root, lessons), page=exercises.name)
    return pages


def common_mistakes(check: Path, exercise: str) -> list[str]:
    """The sentences with which a check names a wrong answer, in the order in which the file `check` has them.

    What a sentence quotes of the answer is left out as "...".
    """
    tree = ast.parse(check.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if exercise not in functions:
        return []
    return list(dict.fromkeys(_sentences(functions[exercise], functions)))


def _sentences(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            texts = [_text(key) for key in node.keys]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NotYet":
            texts = [_text(node.args[0])]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            texts = list(_sentences(functions.pop(node.func.id), functions))  # taken out: each is read once
        else:
            continue
        yield from (text for text in texts if " " in text and text[-1] in ".:?!")


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "..." for part in node.values)
    return ""


def _number(value: float) -> str:
    return f"{value:g}"


def _overview(lessons: Sequence[Lesson]) -> list[str]:
    rows = [
        "| Lesson | Afterwards a learner can | Looks back at | Minutes | Exercises | Points |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    for lesson in lessons:
        row = (
            f"{lesson.number}. {lesson.title}",
            "; ".join(lesson.objectives),
            ", ".join(map(str, lesson.looks_back)) or "none",
            str(lesson.minutes),
            str(len(lesson.exercises)),
            _number(sum(exercise.points for exercise in lesson.exercises)),
        )
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |")
    exercises = [exercise for lesson in lessons for exercise in lesson.exercises]
    total = (sum(lesson.minutes for lesson in lessons), len(exercises), _number(sum(e.points for e in exercises)))
    return [*rows, "| **All** | | | " + " | ".join(map(str, total)) + " |"]


def _exercises(root: Path, lessons: Sequence[Lesson]) -> list[str]:
    lines = []
    for lesson in lessons:
        lines += ["", f"## Lesson {lesson.number}: {lesson.title}", ""]
        for exercise in lesson.exercises:
            points = f"{_number(exercise.points)} point{'' if exercise.points == 1 else 's'}"
            lines += [
                f"### {exercise.number}: {exercise.title}",
                "",
                f"`{exercise.name}`, {exercise.minutes} minutes, {exercise.difficulty}, {points}.",
                "",
            ]
            check = root / f"course_lib/checks/lesson{lesson.number:02}.py"
            found = common_mistakes(check, exercise.name) if check.exists() else []
            lines += [f"- {sentence}" for sentence in found] or [
                "Written: a person grades it, by the table in its task."
            ]
            lines.append("")
    return lines


def _plans(lessons: Sequence[Lesson]) -> list[str]:
    by_number = {lesson.number: lesson for lesson in lessons}
    lines = []
    for plan, parts in PLANS.items():
        unit = "Part" if plan == "One day" else "Week"
        lines += [f"**{plan}**", "", f"| {unit} | Lessons | Minutes |", "| --- | --- | ---: |"]
        for when, numbers in parts:
            taken = [by_number[number] for number in numbers if number in by_number]
            titles = "; ".join(f"{lesson.number}. {lesson.title}" for lesson in taken)
            lines.append(f"| {when} | {titles} | {sum(lesson.minutes for lesson in taken)} |")
        lines.append("")
    return lines[:-1]
