"""Drawings that people looked at: whether each shows what its caption says.  A judge is held to them.

In `labelled/`: 440 drawings of 64 pixels by one training of a model, from its 256th step to its last, the 4,500th, and
what was said of each, blind to the step: "do I see what the caption says?", 1 for one whole subject of that kind, in
that pose, in that place, 0 for a muddle, a second head, a part that is missing, another pose or place.  Three
people labelled all, a fourth 80.  No judge may be tuned on the half that is held back.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib.world import Scene, parse

FOLDER = Path(__file__).parent / "labelled"
SIDE = 64


@dataclass(frozen=True)
class Labelled:
    """N drawings and what was said of them.

    pictures: (N, 3, 64, 64) in [-1, 1].  steps: of the training, (N,).  said: (people, N), 1 good, 0 bad, -1 not
    labelled.  held_back: (N,) booleans.
    """

    pictures: Tensor
    scenes: list[Scene]
    steps: Tensor
    said: Tensor
    held_back: Tensor

    def agreement(self, one: int, other: int) -> float:
        """How often two of the people say the same of what both labelled."""
        both = (self.said[one] >= 0) & (self.said[other] >= 0)
        return float((self.said[one] == self.said[other])[both].float().mean())

    def settled(self) -> Tensor:
        """What most of the people say: (N,), 1 good, 0 bad, -1 where as many say the one as the other."""
        good, bad = (self.said == 1).sum(dim=0), (self.said == 0).sum(dim=0)
        return torch.where(good == bad, -1, (good > bad).long())


def labelled() -> Labelled:
    """All drawings with their labels, in the order of the file."""
    with open(FOLDER / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tiles = torch.cat([_tiles(path) for path in sorted(FOLDER.glob("drawings_*.webp"))])
    people = ("first", "second", "third", "fourth")
    return Labelled(
        pictures=tiles[: len(rows)].float() / 127.5 - 1,
        scenes=[parse(row["caption"]) for row in rows],
        steps=torch.tensor([int(row["step"]) for row in rows]),
        said=torch.tensor([[int(row[person] or -1) for row in rows] for person in people]),
        held_back=torch.tensor([row["half"] == "held back" for row in rows]),
    )


def _tiles(path: Path) -> Tensor:
    """The pictures of a sheet, row by row: (N, 3, 64, 64) bytes."""
    with Image.open(path) as image:
        sheet = torch.from_numpy(np.array(image.convert("RGB")))
    down, across = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    return sheet.reshape(down, SIDE, across, SIDE, 3).permute(0, 2, 4, 1, 3).flatten(0, 1)
