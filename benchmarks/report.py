"""Makes the tables and the figure from the records: python -m benchmarks.report.  What was not run is said to be so."""

import argparse
import io
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks import records
from benchmarks.records import EACH, KNOWN, RESULTS, Record
from benchmarks.systems import SIZES, SYSTEMS, VARIANTS
from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_lib.pictures import INK, MARKERS, PALETTE, TYPE, Figure
from course_tools.files import replace_section

ROOT = Path(__file__).parents[1]
PAGE, FIGURE = ROOT / "docs/benchmarks.md", ROOT / "images/benchmark.png"
NEW_PAGE = "# Benchmarks\n\n<!-- peers:begin -->\n<!-- peers:end -->\n"
NOT_RUN = "not run"
TIMES = (60.0, 120.0, 240.0, 600.0)
LINES = tuple((system, variant) for variant in reversed(VARIANTS) for system in SYSTEMS)

Number = Callable[[float], str]


def plain(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def spread(values: Sequence[float], number: Number = plain) -> str:
    """The median, and from where to where the runs lie."""
    if not values:
        return NOT_RUN
    middle, low, high = (number(value) for value in (median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, the first column on the left, all others on the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_time(stored: Sequence[Record], name: str, number: Number) -> str:
    """A score of the best size of each system, for each time."""
    rows = []
    for system, variant in LINES:
        size = records.best_size(stored, system, variant)
        found = records.chosen(stored, system=system, variant=variant, size=size)
        cells = [
            spread([record[name] for record in records.chosen(found, seconds=seconds)], number) for seconds in TIMES
        ]
        rows.append([system, variant, size or NOT_RUN, *cells])
    return table(["system", "pictures", "size", *[f"{seconds:g} s" for seconds in TIMES]], rows)


def by_size(stored: Sequence[Record], steps: Sequence[Record]) -> str:
    """What a training step of each size costs, and its Fréchet distance after the longest of its trainings."""
    rows = []
    for system, variant in LINES:
        for size in SIZES:
            which = {"system": system, "variant": variant, "size": size}
            costs = [NOT_RUN] * 5
            for step in records.chosen(steps, **which):
                costs = [
                    f"{step['parameters'] / 1e6:.2f} M",
                    f"{step['flops_per_picture'] / 1e9:.2f}",
                    plain(step["pictures_per_second"]),
                    spread(step["share_of_matrix_rate"], percent),
                    NOT_RUN if step["memory_mb"] is None else plain(step["memory_mb"]),
                ]
            found = records.chosen(stored, **which)
            came = [NOT_RUN]
            for last in records.seconds_of(found)[-1:]:
                distances = [record["distance"] for record in records.chosen(found, seconds=last)]
                came = [f"{spread(distances)} at {last:g} s"]
            rows.append([system, variant, size, *costs, *came])
    heads = ["numbers", "GFLOP/picture", "pictures/s", "of sgemm", "memory, MB", "Fréchet distance"]
    return table(["system", "pictures", "size", *heads], rows)


def settings(stored: Sequence[Record]) -> str:
    """How each system was set, in its own words, for the sizes that were best."""
    lines = []
    for system, variant in LINES:
        size = records.best_size(stored, system, variant)
        for record in records.chosen(stored, system=system, variant=variant, size=size)[-1:]:
            versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
            told = "; ".join(f"{name}: {value}" for name, value in record["settings"].items())
            lines.append(f"- **{system}, {variant}, {size}** ({versions}). {told[0].upper()}{told[1:]}.")
    return "\n".join(lines)


def trials(tried: Sequence[Record]) -> list[str]:
    """What each system lost after each of its trials; the least of them is marked with a star."""
    rows = []
    for system in SYSTEMS:
        found = records.chosen(tried, system=system)
        least = min((record["loss"] for record in found), default=0.0)
        rows += [
            [
                system,
                record["size"],
                str(record["batch"]),
                f"{record['rate']:g}",
                f"{record['steps']:,}",
                f"{record['loss']:.4f}{' *' if record['loss'] == least else ''}",
            ]
            for record in found
        ]
    if not rows:
        return []
    return [
        "## What was tried for each",
        f"{tried[0]['seconds']:g} s of training, folded pictures, one run each: batches and rates with the small "
        "network, then larger ones with the best of them, while they do better. The loss is the system's own, on "
        "pictures that it has not seen, so it compares within a system only. A star marks the least, which is what the "
        "comparison takes.",
        table(["system", "size", "batch", "learning rate", "steps", "loss"], rows),
    ]


def section(stored: Sequence[Record], figure: Figure | None, link: str, folder: Path) -> str:
    """All that stands between the markers."""
    runs = len({record["run"] for record in stored})
    machines = "; ".join(sorted({record["machine"] for record in stored})) or NOT_RUN
    real = spread([record["distance of real"] for record in stored])
    real_right = spread([record["right of real"] for record in stored], percent)
    sections = [
        f"Machine: {machines}. Medians of up to {runs} runs, in brackets the least and the most, for the best size of "
        "each system; without brackets there is one run, or all came to the same. Folded pictures have 12 channels at "
        "16 px, full ones 3 at 32 px.",
        *([] if figure is None else [f"![{figure.about}]({link})"]),
        "## Fréchet distance against seconds of training",
        f"From {KNOWN:,} drawings of known scenes to as many real pictures: lower is nearer. Other real ones: {real}.",
        by_time(stored, "distance", plain),
        "## All factors right, in combinations that were held out",
        f"Of {EACH} drawings of each scene that was held out. Real pictures: {real_right}.",
        by_time(stored, "right", percent),
        "## What a training step costs",
        "Of sgemm: operations a second, as a share of what this machine reaches in products of float32 matrices, which "
        "took turns with the steps; the median of the turns, in brackets the least and the most. Memory is that of the "
        "process at its most, with few pictures.",
        by_size(stored, records.read(folder / "steps.json")),
        "## How each was set",
        settings(stored) or f"{NOT_RUN.capitalize()}.",
        *trials(records.read(folder / "tuning.json")),
        *parts(folder),
    ]
    return "\n\n".join(sections)


def parts(folder: Path) -> list[str]:
    """The course's own parts, as far as there are results of them in this folder."""
    found = {name: folder / f"{name}.json" for name in ("course", "growth", "choices", "lessons", "solvers")}
    held = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in found.items() if path.exists()}
    told = []
    if bench := held.get("course"):
        rows = [
            [one["name"], f"{plain(one['value'])} {one['unit']}", plain(one["memory_mb"] or math.nan)]
            for one in bench["results"]
        ]
        told += [
            "## The course's parts",
            f"`course bench`: medians, each in a process of its own. Machine: {bench['machine']}.",
            table(["part", "speed", "memory, MB"], rows),
        ]
    if growth := held.get("growth"):
        rows = [
            [
                one["name"],
                one["unit"],
                ", ".join(map(str, one["sizes"])),
                ", ".join(map(plain, one["seconds"])),
                f"{one['exponent']:.2f}",
            ]
            for one in growth["growths"]
        ]
        told += [
            "## How they grow",
            "The exponent is p of the power law size^p through the seconds: 1 means twice the time for twice the size, "
            f"2 that it grows with the area of a picture. Machine: {growth['machine']}.",
            table(["part", "what grows", "sizes", "seconds", "exponent"], rows),
        ]
    if choices := held.get("choices"):
        rows = [
            [
                one["choice"],
                f"{one['steps']:,}",
                plain(one["pictures_per_second"]),
                plain(one["distance"]),
                percent(one["right"]),
            ]
            for one in sorted(choices["records"], key=lambda record: record["distance"])
        ]
        told += [
            "## What each choice is worth",
            f"The course's own training with one thing changed, {choices['records'][0]['seconds']:g} s, one run each. "
            f"Machine: {choices['records'][0]['machine']}.",
            table(["choice", "steps", "pictures/s", "Fréchet distance", "held out, all right"], rows),
        ]
    if lessons := held.get("lessons"):
        told += [
            "## What the lessons' trainings would gain",
            f"Another optimizer gets as many steps as fit into the lesson's own seconds. Over "
            f"{len({record['seed'] for record in lessons['records']})} seeds; the model draws, or in lesson 6 finishes "
            f"pictures with noise in them, and the judge looks. Machine: {lessons['records'][0]['machine']}.",
            by_way(lessons["records"]),
        ]
    if solvers := held.get("solvers"):
        rows = [
            [one["solver"], str(one["calls"]), plain(one["distance"]), percent(one["right"])]
            for one in solvers["solvers"]
        ]
        told += [
            "## The shipped model by each solver",
            f"Equal steps; calls of the network for each picture; {solvers['known']:,} drawings of known scenes, and "
            f"{solvers['each']} of each scene that was held out. Machine: {solvers['machine']}.",
            table(["solver", "calls", "Fréchet distance", "held out, all right"], rows),
        ]
    return told


def by_way(tried: Sequence[Record]) -> str:
    """What each way to train gave in each lesson, over the seeds."""
    rows = []
    ways = dict.fromkeys((record["lesson"], record["way"]) for record in tried)
    for lesson, way in sorted(ways, key=lambda which: which[0]):
        found = records.chosen(tried, lesson=lesson, way=way)
        cells = [
            spread([record[name] for record in found], number)
            for name, number in (("steps", plain), ("seconds", plain), ("distance", plain), ("right", percent))
        ]
        rows.append([lesson, way, *cells])
    return table(["lesson", "way", "steps", "seconds", "Fréchet distance", "all right"], rows)


def chart(stored: Sequence[Record]) -> Figure | None:
    """Both scores against seconds: a line for each system, a bar from the least to the most of its runs.

    None if nothing was run.
    """
    import matplotlib.figure
    import matplotlib.style

    looks = dict(zip(LINES, zip(PALETTE, MARKERS, strict=True), strict=True))
    with matplotlib.style.context(["default", {"font.size": TYPE}]):
        canvas = matplotlib.figure.Figure(figsize=(1200 / 72, 640 / 72), dpi=72, layout="constrained")
        near, right = canvas.subplots(1, 2)
        told = []
        for (system, variant), (colour, marker) in looks.items():
            size = records.best_size(stored, system, variant)
            found = records.chosen(stored, system=system, variant=variant, size=size)
            if not found:
                continue
            times = records.seconds_of(found)
            last = []
            for axes, name, number in ((near, "distance", plain), (right, "right", percent)):
                runs = [[record[name] for record in records.chosen(found, seconds=seconds)] for seconds in times]
                middle = [median(values) for values in runs]
                below = [mid - min(values) for mid, values in zip(middle, runs, strict=True)]
                above = [max(values) - mid for mid, values in zip(middle, runs, strict=True)]
                axes.errorbar(
                    times,
                    middle,
                    yerr=[below, above],
                    color=colour,
                    ls="-" if variant == "folded" else ":",
                    lw=3,
                    marker=marker,
                    ms=10,
                    mec=INK,
                    capsize=6,
                    label=f"{system}, {variant}",
                )
                last.append(number(middle[-1]))
            told.append(f"{system}, {variant}: {' and '.join(last)} at {times[-1]:g} s")
        if not told:
            return None
        near.set(ylabel="Fréchet distance (lower is better)", yscale="log")
        right.set(ylabel="held out, all right (higher is better)", ylim=(0, 1))
        for axes in (near, right):
            axes.set(xlabel="seconds of training", xscale="log")
            axes.set_xticks(TIMES, [f"{seconds:g}" for seconds in TIMES])
            axes.xaxis.minorticks_off()
            axes.grid(color="#DDDDDD")
            axes.spines[["top", "right"]].set_visible(False)
        canvas.legend(*near.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        file = io.BytesIO()
        canvas.savefig(file, format="png")
    about = (
        "Two charts against seconds of training: the Fréchet distance, and the share of held-out combinations right."
    )
    return Figure(f"{about} {'; '.join(told)}.", file.getvalue())


def write(results: Path, page: Path, figure: Path) -> None:
    """Make the figure, and what stands between the markers of the page; a page that is not there is begun.

    results: the peers' records; what was measured of the course's parts lies beside them.

    Only records with as many drawings as are usual count.  Raises CourseError for a page without the markers.
    """
    stored = records.chosen(records.read(results), known=KNOWN, each=EACH)
    text = page.read_text(encoding="utf-8") if page.exists() else NEW_PAGE
    drawn = chart(stored)
    link = Path("..", figure.parent.name, figure.name).as_posix()
    made = ["", section(stored, drawn, link, results.parent), ""]
    text = replace_section(text, "peers", made, page=f"'{page}'")
    if drawn is not None:
        drawn.save(figure)
    atomic_write(page, text)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--figure", type=Path, default=FIGURE, help="its folder lies beside the page's")
    asked = parser.parse_args(arguments)
    try:
        write(asked.results, asked.page, asked.figure)
    except CourseError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
