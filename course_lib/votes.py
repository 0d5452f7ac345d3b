"""Votes: a file of them, a simulated crowd, a model of taste learned from them, and what it picks.  Lesson 7."""

import html
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """Votes in one small file, a line each, on the disk as soon as they are cast: a kernel that dies loses none.

    A line is a JSON object, say {"voter": "me", "picture": "Plane on grass, 3", "up": true}.  Of several votes
    of one voter on one picture the last counts.  A last line that was cut short is dropped, with a warning.
    Raises CourseError if the file holds anything else, or can't be read or written.
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
        cut_line = lines.pop() if lines and cut_short(lines[-1]) else b""
        self.lines = [vote for line in lines if (vote := read_vote(line))]
        if len(self.lines) < len(lines):
            raise CourseError(f"{self.path} holds something else than votes; move it away, or choose another file.")
        if cut_line:
            os.truncate(self.path, len(text) - len(cut_line))  # else the next vote would be glued to it
            warnings.warn(f"The last vote in {self.path} was cut short, and is dropped.", stacklevel=2)

    def add(self, picture: str, up: bool, *, voter: str = "me") -> None:
        """Save a vote on the disk.  Raises CourseError if that can't be done; then the vote does not count."""
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
    """Whether a file's last line is the beginning of a vote, as `add` leaves it when it is killed."""
    return not line.endswith(b"\n") and line[: len(BEGIN)] == BEGIN[: len(line)]


def read_vote(line: bytes) -> dict | None:
    """A line as a vote, or None if it is none."""
    try:
        vote = json.loads(line)
    except ValueError:
        return None
    kinds = {"voter": str, "picture": str, "up": bool}
    valid = isinstance(vote, dict) and all(isinstance(vote.get(name), kind) for name, kind in kinds.items())
    return vote if valid else None


# --- The crowd -------------------------------------------------------------------------------------------------------

# What the crowd likes, and how strongly; captions are none of it.
TASTE = {"warmth": 1.0, "contrast": 0.5, "bright area": 0.5}
SPREAD = {"warmth": 0.07, "contrast": 0.02, "bright area": 0.05}  # how much the world's pictures of one caption differ
REFERENCE = 48  # pictures of each caption that the crowd has in mind
FRESH = 2_100_000_000  # their seeds
BRIGHT = 0.4


def statistics(pictures: Tensor) -> dict[str, Tensor]:
    """Three numbers of each picture that do not depend on what it shows, each a tensor (B,).

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
    """Simulated people with one taste and many moods, who compare a picture with the real pictures of its scene.

    scenes: what is voted on; picture i shows scene i % len(scenes).
    taste: the weight of each of `statistics`, measured in its SPREAD among pictures of one scene.
    """

    scenes: Sequence[world.Scene]
    taste: Mapping[str, float] = field(default_factory=lambda: dict(TASTE))

    @cached_property
    def reference_means(self) -> dict[str, Tensor]:
        """The mean of each of `statistics` over the world's own pictures of each scene, (scenes,)."""
        count = REFERENCE * len(self.scenes)
        reference = world.render([*self.scenes] * REFERENCE, torch.arange(count) + FRESH)
        measured = statistics(reference).items()
        return {name: by_scene(values, len(self.scenes), 1).mean(dim=0) for name, values in measured}

    def utility(self, pictures: Tensor) -> Tensor:
        """How much the crowd likes each picture, (B,): 0 where half of it would vote up; the utility of economists."""
        measured = {name: by_scene(values, len(self.scenes), 1) for name, values in statistics(pictures.cpu()).items()}
        terms = [w * ((measured[n] - self.reference_means[n]) / SPREAD[n]) for n, w in self.taste.items()]
        return torch.stack(terms).sum(dim=0).flatten()

    def approval(self, pictures: Tensor) -> Tensor:
        """The chance that one person votes a picture up, (B,) in [0, 1]."""
        return self.utility(pictures).sigmoid()

    def score(self, pictures: Tensor) -> float:
        """The crowd's score of a set of pictures: how many of 100 votes on them would be up."""
        return 100 * float(self.approval(pictures).mean())

    def vote(self, pictures: Tensor, *, voters: int, seed: int) -> Tensor:
        """The votes of `voters` people on each picture, (voters, B), True for up.

        A vote is up if the utility and a mood of the moment, logistic noise, add up to more than 0: the random utility
        model of McFadden (1974).  So the expected share of votes up is `approval`.
        """
        uniform = torch.rand(voters, len(pictures), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return self.utility(pictures) + uniform.logit() > 0


# --- What votes teach ------------------------------------------------------------------------------------------------


def thumbnails(pictures: Tensor) -> Tensor:
    """Each picture as 4 x 4 patches of one colour each, as one row: (B, 3, H, W) to (B, 48).

    They say where a picture has which colour: a crowd may like what a judge of subjects does not look at.
    """
    return F.adaptive_avg_pool2d(pictures, 4).flatten(1)


def centred_by_scene(features: Tensor, *, scenes: int) -> Tensor:
    """Each picture's features less the mean over its scene's pictures, (N, D): so that what it shows does not count."""
    of_scene = by_scene(features, scenes, 1)
    return (of_scene - of_scene.mean(dim=0)).flatten(0, 1)


@dataclass(frozen=True)
class Taste:
    """A model of what voters like (logistic regression): a weighted sum of a picture's features, as a chance."""

    weights: Tensor  # D
    bias: Tensor
    mean: Tensor  # of each feature, D
    spread: Tensor  # the standard deviation of each feature, D

    def __call__(self, features: Tensor) -> Tensor:
        """The chance of a vote up for each picture, (B,).  features: (B, D), of the kind that it learned from."""
        return ((features - self.mean) / self.spread @ self.weights + self.bias).sigmoid()


def learn_taste(features: Tensor, ups: Tensor, *, voters: int = 1, penalty: float = 10.0) -> Taste:
    """Logistic regression: learn from votes which features are liked.

    features: (N, D), say what a judge sees in each picture.  ups: (N,), the share of `voters` who voted up.
    penalty: the strength of the penalty on squared weights; the larger, the more votes a large weight takes.
    Raises CourseError if there are not as many votes as pictures, or all votes are alike.
    """
    if ups.shape != features.shape[:1]:
        raise CourseError(f"There are {len(features)} pictures and votes on {len(ups)}: give one share for each.")
    if len(ups) == 0 or ups.min() == ups.max():
        raise CourseError("All votes are alike, so there is no taste to learn: vote some pictures up and some down.")
    mean, spread = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    standardized = (features - mean) / spread
    weights = torch.zeros(features.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = standardized @ weights + bias
        misfit = voters * F.binary_cross_entropy_with_logits(logits, ups.to(logits), reduction="sum")
        total = misfit + penalty / 2 * weights.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return Taste(weights.detach(), bias.detach(), mean, spread)


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

    features: (N, D), say a judge's.  0 if all drawings of a scene have the same ones.
    """
    of_scene = by_scene(features, scenes, 2).unbind(dim=1)  # scenes times N / scenes x D
    return float(torch.stack([torch.pdist(drawings).mean() for drawings in of_scene]).mean())


def by_scene(values: Tensor, scenes: int, minimum: int) -> Tensor:
    """Values of N pictures as N / scenes x scenes x ...  Raises CourseError if a scene has fewer than `minimum`."""
    if scenes < 1 or len(values) % scenes or len(values) < minimum * scenes:
        raise CourseError(
            f"{len(values)} pictures can't be {scenes} scenes with at least {minimum} of each, and as many of each: "
            "draw every scene equally often."
        )
    return values.reshape(-1, scenes, *values.shape[1:])


def ballot(picture: Tensor, number: int, name: str, vote: bool | None) -> Figure:
    """A picture, (3, H, W), over its number and the vote on it: up (True), down (False) or none yet (None)."""
    answer = {None: "no vote", True: "up", False: "down"}[vote]
    figure = show(picture[None], about=f"{number}: {answer}", alt=f"Picture {number}, {name}")
    return replace(figure, width=150)


def vote_gallery(pictures: Tensor, names: Sequence[str], votes: Votes, *, voter: str = "me") -> "VBox":
    """A gallery with an "up" and a "down" button under each picture; every vote is saved in `votes` when it is cast.

    pictures: (B, 3, H, W) in [-1, 1].  names: one for each, no two alike: votes are saved under them.
    Tab goes from button to button, the space bar votes, and voting again changes the vote.  Earlier votes are shown,
    and so is why a vote can't be saved.  Raises CourseError if there is not one name for each picture.
    """
    from ipywidgets import HTML, Box, Button, HBox, Layout, VBox

    if len(set(names)) != len(pictures) or len(names) != len(pictures):
        raise CourseError(f"{len(pictures)} pictures have {len(set(names))} names: give each a name of its own.")
    status = HTML()

    def announce(sentence: str) -> None:  # role="status": screen readers read it out without interrupting themselves
        count = len(votes.of(voter).keys() & set(names))
        counted = f"{count} of {len(names)} voted on; saved in {votes.path}."
        status.value = f'<div role="status">{html.escape(f"{sentence} {counted}".strip())}</div>'

    def cell(number: int, picture: Tensor, name: str) -> VBox:
        figure = HTML(ballot(picture, number, name, votes.of(voter).get(name)).html)

        def button(word: str) -> Button:
            layout = Layout(width="80px")
            widget = Button(description=f"{word} {number}", tooltip=f"Vote {word}: {name}", layout=layout)
            widget.on_click(lambda _: cast(word))
            return widget

        def cast(word: str) -> None:
            try:
                votes.add(name, word == "up", voter=voter)
            except CourseError as error:
                announce(str(error))
                return
            figure.value = ballot(picture, number, name, word == "up").html
            announce(f"Picture {number}: {word}.")

        return VBox([figure, HBox([button("up"), button("down")])])

    cells = [cell(*each) for each in zip(range(1, len(names) + 1), pictures, names, strict=True)]
    announce("")
    return VBox([status, Box(cells, layout=Layout(flex_flow="row wrap"))])
