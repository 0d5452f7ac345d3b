"""Adds up the JUnit reports of several test runs, and says which were left out: python .ci/total.py FOLDER"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def total(folder: Path) -> dict[str, int]:
    """How many tests passed, failed (or broke) and were skipped in all the reports in `folder`."""
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for report in folder.glob("*.xml"):
        for suite in ElementTree.parse(report).iter("testsuite"):
            for what in counts:
                counts[what] += int(suite.get(what, 0))
    failed = counts["failures"] + counts["errors"]
    return {"passed": counts["tests"] - failed - counts["skipped"], "failed": failed, "skipped": counts["skipped"]}


if __name__ == "__main__":
    result = total(Path(sys.argv[1]))
    for sentence in sorted(Path(sys.argv[1]).glob("*.left-out")):
        print(sentence.read_text(), end="")
    print(", ".join(f"{number} {what}" for what, number in result.items()))
    sys.exit(result["failed"] > 0 or result["passed"] == 0)
