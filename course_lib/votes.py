"""Votes: a record that keeps them, a simulated crowd, a taste learned from them, and what they pick.  Lesson 7."""

import html
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from . import world
from .errors import CourseError
from .pictures import Figure, show

if TYPE_CHECKING:
    from ipywidgets import VBox

# --- The record ------------------------------------------------------------------------------------------------------

BEGIN = b'{"voter": '  # of every line


class Votes:
    """Votes in one small file, a line each, written as they come: what was said is safe if the kernel dies after it.

    A line is a JSON object, say {"voter": "me", "picture": "Plane on grass, 3", "up": true}.  Of several votes
    of one voter on one picture the last counts.  A line that was cut short at the end of the file is dropped, with a
    warning.  Raises CourseError if the file holds anything else, or can't be read or written.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            text = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise CourseError(
                f"The votes in {self.path} can't be read ({error.strerror}); choose another file."
            ) from error
        lines = text.splitlines(keepends=True)
        torn = lines.pop() if lines and cut_short(lines[-1]) else b""
        self.lines = [vote for line in lines if (vote := read_vote(line))]
        if len(self.lines) < len(lines):
            raise CourseError(f"{self.path} holds something else than votes; move it away, or choose another file.")
        if torn:
            os.truncate(self.path, len(text) - len(torn))  # else the next vote would be glued to it
            warnings.warn(f"The last vote in {self.path} was cut short, and is dropped.", stacklevel=2)

    def add(self, picture: str, up: bool, *, voter: str = "me") -> None:
        """Save a vote: when this returns, it is on the disk.  Raises CourseError, and forgets it, if it can't be."""
        vote = {"voter": voter, "picture": picture, "up": bool(up)}
        try:
            with self.path.open("ab") as file:
                before = file.tell()
                try:
                    file.write((json.dumps(vote) + "\n").encode())
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    os.truncate(self.path, before)  # half a line, on a full disk
                    raise
        except OSError as error:
            raise CourseError(
                f"The vote was not saved in {self.path} ({error.strerror}): make room and vote again."
            ) from error
        self.lines.append(vote)

    def of(self, voter: str = "me") -> dict[str, bool]:
        """The vote of `voter` on each picture, up (True) or down, in the order in which they were first voted on."""
        return {vote["picture"]: vote["up"] for vote in self.lines if vote["voter"] == voter}


def cut_short(line: bytes) -> bool:
    """Whether a file's last line is what `add` leaves when it is killed: a beginning of what it writes."""
    return not line.endswith(b"\n") and line[: len(BEGIN)] == BEGIN[: len(line)]


def read_vote(line: bytes) -> dict | None:
    """A line as a vote, or None if it is none."""
    try:
        vote = json.loads(line)
    except ValueError:
        return None
    kinds = {"voter": str, "picture": str, "up": bool}
    right = isinstance(vote, dict) and all(isinstance(vote.get(name), kind) for name, kind in kinds.items())
    return vote if right else None


# --- The crowd -------------------------------------------------------------------------------------------------------

# What the crowd likes, and how strongly; of captions it knows nothing.
TASTE = {"warmth": 1.0, "contrast": 0.5, "bright area": 0.5}
SPREAD = {"warmth": 0.07, "contrast": 0.02, "bright area": 0.05}  # how much the world's pictures of one caption differ
REFERENCE = 48  # pictures of each caption that the crowd has in mind
FRESH = 2_100_000_000  # their seeds
BRIGHT = 0.4


def statistics(pictures: Tensor) -> dict[str, Tensor]:
    """What can be said of a picture without knowing what it shows: three numbers, each a tensor of (B,).

    warmth: mean red less mean blue, in [-2, 2].  contrast: the standard deviation of the brightness, in [0, 1].
    bright area: the share of pixels whose brightness (the mean of red, green and blue) is above 0.4.
    pictures: (B, 3, H, W) in [-1, 1].
    """
    red, _, blue = pictures.unbind(dim=1)
    brightness = pictures.mean(dim=1)  # B x H x W
    return {
        "warmth": (red - blue).mean(dim=(1, 2)),
        "contrast": brightness.flatten(1).std(dim=1, correction=0),
        "bright area": (brightness > BRIGHT).float().mean(dim=(1, 2)),
    }


@dataclass(frozen=True)
class Crowd:
    """Simulated people with one taste and many moods, who compare a picture with what they know of its scene.

    scenes: what they look at; picture i shows scene i % len(scenes).
    taste: how much each of `statistics` counts, for one usual spread of it among pictures of one scene.
    """

    scenes: Sequence[world.Scene]
    taste: Mapping[str, float] = field(default_factory=lambda: dict(TASTE))

    @cached_property
    def usual(self) -> dict[str, Tensor]:
        """The mean of each of `statistics` over the world's own pictures of each scene, (scenes,)."""
        count = REFERENCE * len(self.scenes)
        known = world.render([*self.scenes] * REFERENCE, torch.arange(count) + FRESH)
        return {name: by_scene(values, len(self.scenes), 1).mean(dim=0) for name, values in statistics(known).items()}

    def liking(self, pictures: Tensor) -> Tensor:
        """How much a picture pleases, (B,): 0 where half of the crowd would vote for it.  Pictures as by `scenes`."""
        measured = statistics(pictures.cpu())
        more = {n: (by_scene(measured[n], len(self.scenes), 1) - self.usual[n]) / SPREAD[n] for n in self.taste}
        return torch.stack([weight * more[name] for name, weight in self.taste.items()]).sum(dim=0).flatten()

    def approval(self, pictures: Tensor) -> Tensor:
        """The chance that one of the crowd votes for a picture, (B,) in [0, 1]."""
        return self.liking(pictures).sigmoid()

    def score(self, pictures: Tensor) -> float:
        """The crowd's score of a set of pictures: how many of 100 votes on them would be up."""
        return 100 * float(self.approval(pictures).mean())

    def vote(self, pictures: Tensor, *, voters: int, seed: int) -> Tensor:
        """The votes of so many people on each picture, (voters, B), True for up.

        Each votes up if the picture pleases more than a mood of the moment, which is logistic noise, bids: the random
        utility of McFadden (1974).  So the share of votes up comes out as `approval`.
        """
        even = torch.rand(voters, len(pictures), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return self.liking(pictures) + even.logit() > 0


# --- What votes teach ------------------------------------------------------------------------------------------------


def thumbnails(pictures: Tensor) -> Tensor:
    """Each picture as 4 x 4 patches of one colour each, as one row: (B, 3, H, W) to (B, 48).

    What a crowd likes may be nothing that a judge of subjects looks at; this says where a picture has which colour.
    """
    return F.adaptive_avg_pool2d(pictures, 4).flatten(1)


def compared(features: Tensor, *, scenes: int) -> Tensor:
    """Each picture's features less the mean of its scene's pictures: what is special about it, not what it shows."""
    of_scene = by_scene(features, scenes, 1)
    return (of_scene - of_scene.mean(dim=0)).flatten(0, 1)


@dataclass(frozen=True)
class Taste:
    """A small model of what voters like, out of features of a picture: a weighted sum, squeezed into [0, 1]."""

    weights: Tensor  # D
    bias: Tensor
    usual: tuple[Tensor, Tensor]  # mean and spread of each feature, D each

    def __call__(self, features: Tensor) -> Tensor:
        """The chance of a vote up for each picture, (B,).  features: (B, D), of the kind that it learned from."""
        mean, spread = self.usual
        return ((features - mean) / spread @ self.weights + self.bias).sigmoid()


def learn_taste(features: Tensor, ups: Tensor, *, voters: int = 1, caution: float = 10.0) -> Taste:
    """Logistic regression: learn from votes which features are liked.

    features: (N, D), say what a judge sees in each picture.  ups: (N,), the share of `voters` who voted up.
    caution: how much evidence it takes to believe in a large weight (the strength of the squares' penalty).
    Raises CourseError if there are not as many votes as pictures, or all votes are alike.
    """
    if ups.shape != features.shape[:1]:
        raise CourseError(f"There are {len(features)} pictures and votes on {len(ups)}: give one share for each.")
    if len(ups) == 0 or ups.min() == ups.max():
        raise CourseError("All votes are alike, so there is no taste to learn: vote some pictures up and some down.")
    mean, spread = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    seen = (features - mean) / spread
    weights = torch.zeros(features.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        wrong = voters * F.binary_cross_entropy_with_logits(seen @ weights + bias, ups.to(seen), reduction="sum")
        total = wrong + caution / 2 * weights.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return Taste(weights.detach(), bias.detach(), (mean, spread))


# --- What votes pick -------------------------------------------------------------------------------------------------
# In all of these picture i shows scene i % scenes, as in training, and so do the pictures that are picked.


def best_of(scores: Tensor, *, scenes: int, keep: int) -> Tensor:
    """The numbers of the `keep` pictures of each scene that score highest, (keep * scenes,).

    scores: (N,).  Raises CourseError if there are not as many pictures of each scene, or fewer than `keep`.
    """
    return by_scene(scores, scenes, keep).topk(keep, dim=0).indices.mul(scenes).add(torch.arange(scenes)).flatten()


def reweighted(weights: Tensor, *, scenes: int, each: int, seed: int) -> Tensor:
    """The numbers of `each` pictures of each scene, drawn with replacement by weight, (each * scenes,).

    weights: (N,), not negative.  A heavy picture comes up often, a light one seldom: learning from these pictures is
    learning from all with these weights (Lee et al. 2023, arXiv:2302.12192, weight by what a model of taste says).
    """
    chances = by_scene(weights, scenes, 1).T  # scenes x N / scenes
    drawn = torch.multinomial(chances, each, replacement=True, generator=torch.Generator().manual_seed(seed))
    return drawn.T.mul(scenes).add(torch.arange(scenes)).flatten()


def effective_count(weights: Tensor) -> float:
    """How many equal weights would do as much as these: (sum w)^2 / (sum w^2) (Kish 1965).  N if all are equal."""
    return float(weights.sum() ** 2 / weights.square().sum())


def diversity(features: Tensor, *, scenes: int) -> float:
    """How different drawings of one scene are: the mean distance of two of them in features, over all scenes.

    features: (N, D), what a judge sees in each picture; 0 if all drawings of a scene look the same to it.
    """
    of_scene = by_scene(features, scenes, 2).unbind(dim=1)  # scenes times N / scenes x D
    return float(torch.stack([torch.pdist(some).mean() for some in of_scene]).mean())


def by_scene(values: Tensor, scenes: int, least: int) -> Tensor:
    """Values of N pictures as N / scenes x scenes x ...  Raises CourseError if there are not `least` of each scene."""
    if scenes < 1 or len(values) % scenes or len(values) < least * scenes:
        raise CourseError(
            f"{len(values)} pictures can't be {scenes} scenes with at least {least} of each, and as many of each: "
            "draw every scene equally often."
        )
    return values.reshape(-1, scenes, *values.shape[1:])


def ballot(picture: Tensor, number: int, name: str, vote: bool | None) -> Figure:
    """A picture over its number and the vote on it: up (True), down (False) or none yet (None).

    picture: (3, H, W) in [-1, 1].
    """
    said = {None: "no vote", True: "up", False: "down"}[vote]
    return show(picture[None], about=f"Picture {number}, {name}: {said}", labels=f"{number}: {said}", width=150)


def vote_gallery(pictures: Tensor, names: Sequence[str], votes: Votes, *, voter: str = "me") -> "VBox":
    """A gallery with an "up" and a "down" button under each picture; every vote is saved in `votes` when it is cast.

    pictures: (B, 3, H, W) in [-1, 1].  names: one of each, no two alike: the votes are saved under them.
    Tab goes from button to button, the space bar votes, and voting again changes the vote.  What was voted before,
    and what can't be saved, is said.  Raises CourseError if the names don't name each picture.
    """
    from ipywidgets import HTML, Box, Button, HBox, Layout, VBox

    if len(set(names)) != len(pictures) or len(names) != len(pictures):
        raise CourseError(
            f"There are {len(pictures)} pictures and {len(set(names))} names: give each a name of its own."
        )
    said = HTML()

    def tell(sentence: str) -> None:  # role="status": a screen reader says it when it has finished what it was saying
        count = len(votes.of(voter).keys() & set(names))
        counted = f"{count} of {len(names)} voted on; saved in {votes.path}."
        said.value = f'<div role="status">{html.escape(f"{sentence} {counted}".strip())}</div>'

    def cell(number: int, picture: Tensor, name: str) -> VBox:
        figure = HTML(ballot(picture, number, name, votes.of(voter).get(name)).html)

        def button(word: str) -> Button:
            layout = Layout(width="80px")
            made = Button(description=f"{word} {number}", tooltip=f"Vote {word}: {name}", layout=layout)
            made.on_click(lambda _: cast(word))
            return made

        def cast(word: str) -> None:
            try:
                votes.add(name, word == "up", voter=voter)
            except CourseError as error:
                tell(str(error))
                return
            figure.value = ballot(picture, number, name, word == "up").html
            tell(f"Picture {number}: {word}.")

        return VBox([figure, HBox([button("up"), button("down")])])

    cells = [cell(*each) for each in zip(range(1, len(names) + 1), pictures, names, strict=True)]
    tell("")
    return VBox([said, Box(cells, layout=Layout(flex_flow="row wrap"))])
