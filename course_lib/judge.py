"""How good is a picture?  PSNR and SSIM against the true one, lesson 1; what it shows and how real, from lesson 2.

Is it a copy?  How far it lies from the nearest of the pictures that a model learned from, lesson 8.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoints import SHIPPED, load, load_prefixed
from .errors import CourseError
from .pictures import Figure, show

REJECT = "none of these"
COPY_SHARE = 0.5  # a copy lies at most half as far from what was learned as from what was not: see `copied`
BATCH = 256  # pictures compared at once: it bounds the memory for distances


def psnr(pictures: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in decibels, the mean over the batch: higher is nearer, equal pictures give infinity.

    pictures, truth: (B, 3, H, W) in [-1, 1] (so the peak is 2); a truth of one picture serves for all.
    Computed by scikit-image, whose figures the field quotes.
    """
    import numpy as np
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):  # for equal pictures infinity is right, and needs no warning
        scores = [peak_signal_noise_ratio(true, got, data_range=2) for got, true in pairs(pictures, truth)]
    return float(sum(scores) / len(scores))


def ssim(pictures: Tensor, truth: Tensor) -> float:
    """Structural similarity (Wang et al. 2004), the mean over the batch: 1 for equal pictures, near 0 for unrelated.

    It compares neighbourhoods instead of pixels.  Shapes as in `psnr`; sides of 7 pixels at least.
    """
    from skimage.metrics import structural_similarity

    # Brightness counts as a ratio in SSIM, so black has to be 0: pictures are moved from [-1, 1] to [0, 2].
    scores = [
        structural_similarity(true, got, data_range=2, channel_axis=0) for got, true in pairs(pictures + 1, truth + 1)
    ]
    return float(sum(scores) / len(scores))


def pairs(pictures: Tensor, truth: Tensor) -> list:
    """Pairs of a picture and its truth, arrays 3 x H x W.  Raises CourseError if the shapes don't go together."""
    if pictures.shape[1:] != truth.shape[1:] or len(truth) not in (1, len(pictures)):
        raise CourseError(f"Pictures of shape {tuple(pictures.shape)} can't be compared with {tuple(truth.shape)}.")
    as_arrays = (batch.detach().cpu().double().numpy() for batch in (pictures, truth.expand_as(pictures)))
    return list(zip(*as_arrays, strict=True))


class Judge(nn.Module):
    """A classifier: which value each factor has in a picture, or "none of these" where it shows a muddle.

    factors: the values of each factor, by its name.  For pictures of 32 x 32.
    """

    def __init__(self, factors: Mapping[str, Sequence[str]], *, widths: tuple[int, int, int] = (48, 96, 192)):
        super().__init__()
        self.factors = {name: tuple(values) for name, values in factors.items()}
        self.config = {"factors": {name: list(values) for name, values in factors.items()}, "widths": list(widths)}
        fine, middle, coarse = widths
        self.look = nn.Sequential(
            nn.PixelUnshuffle(2),
            *convolution(12, fine),
            *convolution(fine, fine),
            *convolution(fine, middle, stride=2),
            *convolution(middle, middle),
            *convolution(middle, coarse, stride=2),
            *convolution(coarse, coarse),
        )
        self.answers = nn.ModuleDict(
            {name: nn.Linear(coarse, len(values) + 1) for name, values in self.factors.items()}  # the last: REJECT
        )

    def features(self, pictures: Tensor) -> Tensor:
        """The features that its answers are computed from: (B, 3, 32, 32) in [-1, 1] to (B, widths[-1])."""
        if pictures.shape[1:] != (3, 32, 32):
            raise CourseError(f"The judge looks at pictures of 3 x 32 x 32, not {tuple(pictures.shape[1:])}.")
        return self.look(pictures).mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Scores of all values of each factor, "none of these" last: (B, values + 1) each."""
        features = self.features(pictures)
        return {name: answer(features) for name, answer in self.answers.items()}

    @torch.no_grad()
    def name(self, pictures: Tensor, *, allow_reject: bool = True, batch: int = 256) -> dict[str, list[str]]:
        """Which value each picture has, or "none of these", by factor.  pictures: (B, 3, 32, 32) in [-1, 1].

        Without `allow_reject` it gives a muddle the likeliest value: it shows what a half-trained model begins to draw.
        """
        device = next(self.parameters()).device
        scores = [self(part.to(device)) for part in pictures.split(batch)]
        last = None if allow_reject else -1
        return {
            name: [(*values, REJECT)[i] for score in scores for i in score[name][:, :last].argmax(dim=1).tolist()]
            for name, values in self.factors.items()
        }

    def score(self, pictures: Tensor, scenes: Sequence[object], *, allow_reject: bool = True) -> dict[str, float]:
        """The share of pictures that show what they should, for each factor, and for "all" of them at once.

        scenes: what each picture should show, with an attribute for each factor.  allow_reject: as in `name`.
        """
        answers = self.name(pictures, allow_reject=allow_reject)
        right = {
            name: [answer == getattr(scene, name) for answer, scene in zip(answers[name], scenes, strict=True)]
            for name in self.factors
        }
        right["all"] = [all(hits) for hits in zip(*right.values(), strict=True)]
        return {name: sum(hits) / max(1, len(hits)) for name, hits in right.items()}

    @torch.no_grad()
    def distance(self, pictures: Tensor, others: Tensor, *, batch: int = 256) -> float:
        """The Fréchet distance of two sets of pictures, in this judge's features: see `frechet_distance`."""
        device = next(self.parameters()).device
        features = (
            torch.cat([self.features(part.to(device)) for part in each.split(batch)]) for each in (pictures, others)
        )
        return frechet_distance(*features)


def convolution(channels: int, out: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 3, stride=stride, padding=1), nn.GroupNorm(8, out), nn.SiLU()


def frechet_distance(features: Tensor, other_features: Tensor) -> float:
    """How far two sets lie apart in mean and spread: 0 for the same, and never quite 0 for two samples of one kind.

    features: (N, D), other_features: (M, D), each with more than one row.  |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))
    for means m and covariances C (Dowson and Landau 1982); on a network's features it is the FID (Heusel et al. 2017,
    arXiv:1706.08500).  It grows as samples get smaller, so compare only figures for samples of one size.
    """
    if features.ndim != 2 or other_features.ndim != 2 or features.shape[1] != other_features.shape[1]:
        shapes = f"{tuple(features.shape)} and {tuple(other_features.shape)}"
        raise CourseError(f"The Fréchet distance compares two sets with as many features each, not {shapes}.")
    if min(len(features), len(other_features)) < 2:
        raise CourseError("The Fréchet distance compares spreads, so each of the two sets needs at least two rows.")
    if not (features.isfinite().all() and other_features.isfinite().all()):
        raise CourseError("Some features are not finite, so there is no distance: look at the pictures first.")
    features, other_features = (each.detach().double().cpu() for each in (features, other_features))
    means = (features.mean(dim=0) - other_features.mean(dim=0)).square().sum()
    # With C = R'R and C' = S'S the trace of (C C')^(1/2) is the sum of the singular values of R S'.  No matrix root is
    # taken, so it is exact for singular covariances, too: those of fewer pictures than features.
    root, other_root = spread(features), spread(other_features)
    cross = torch.linalg.svdvals(root @ other_root.T).sum()
    return max(0.0, float(means + root.square().sum() + other_root.square().sum() - 2 * cross))


def in_manifold(features: Tensor, known: Tensor, *, count: int = 3) -> Tensor:
    """Which rows lie within the manifold of the known ones: (N,) booleans.

    features: (N, D), known: (M, D).  The manifold is a ball round each known row, as large as its `count`-th nearest
    other known row is far.  The share of drawn pictures in the manifold of real ones is their precision (could each be
    real?), the share of real ones in that of the drawn their recall (is all there?): Kynkäänniemi et al. 2019,
    arXiv:1904.06991, who take `count` 3 and as many of each kind.
    Raises CourseError if widths differ, or there are not more known rows than `count`.
    """
    if features.ndim != 2 or known.ndim != 2 or features.shape[1] != known.shape[1]:
        shapes = f"{tuple(features.shape)} and {tuple(known.shape)}"
        raise CourseError(f"A manifold and what may lie in it need as many features each, not {shapes}.")
    if not 1 <= count < len(known):
        raise CourseError(f"A ball reaches to its {count}. neighbour, so more than {count} known rows are needed.")
    features, known = features.detach().double(), known.detach().double()
    exact = "donot_use_mm_for_euclid_dist"  # products of matrices would lose the distance of near rows
    radii = torch.cat(
        [torch.cdist(part, known, compute_mode=exact).kthvalue(count + 1).values for part in known.split(BATCH)]
    )  # the first of the nearest is the row itself
    parts = [(torch.cdist(part, known, compute_mode=exact) <= radii).any(dim=1) for part in features.split(BATCH)]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.bool)


def spread(features: Tensor) -> Tensor:
    """A matrix R with R'R the covariance of the features, (N, D), and no more than D rows."""
    from_mean = (features - features.mean(dim=0)) / (len(features) - 1) ** 0.5
    return torch.linalg.qr(from_mean, mode="r").R


@torch.no_grad()
def nearest(pictures: Tensor, known: Tensor, *, count: int | None = None) -> tuple[Tensor, Tensor]:
    """How far each picture lies from the nearest of the known ones, and which of them that is.

    pictures: (B, ...), known: (N, ...): pictures or features, of one shape.  Returns B distances, the root of the mean
    squared difference, and B numbers from 0 to N - 1.  With `count` the `count` nearest ones, the nearest first:
    (B, count) each.  Raises CourseError if shapes differ, or fewer pictures are known than `count` or 1.
    """
    if pictures.shape[1:] != known.shape[1:] or pictures.ndim < 2:
        shapes = f"{tuple(pictures.shape)} and {tuple(known.shape)}"
        raise CourseError(f"Only pictures of one shape can be compared, and these are {shapes}.")
    asked = 1 if count is None else count
    if not 1 <= asked <= len(known):
        raise CourseError(f"The {asked} nearest of {len(known)} pictures were asked for: ask for 1 to {len(known)}.")
    rows = known.flatten(1).float()
    near, numbers = [], []
    for part in pictures.flatten(1).float().split(BATCH):
        candidates = torch.cdist(part, rows).topk(asked, dim=1, largest=False).indices  # B x count
        # cdist multiplies matrices, which is quick and inexact for near pictures: their distances are computed again.
        exact = torch.stack([(part - rows[nth]).square().mean(dim=1).sqrt() for nth in candidates.T], dim=1)
        exact, order = exact.sort(dim=1, stable=True)
        near.append(exact)
        numbers.append(candidates.gather(1, order))
    distances = torch.cat(near) if near else rows.new_zeros(0, asked)
    indices = torch.cat(numbers) if numbers else torch.zeros(0, asked, dtype=torch.int64)
    return (distances[:, 0], indices[:, 0]) if count is None else (distances, indices)


def copied(pictures: Tensor, known: Tensor, fresh: Tensor, *, share: float = COPY_SHARE) -> Tensor:
    """Which pictures are copies of what a model learned from: (B,) booleans.

    The rule: a copy lies at most `share` times as far from the nearest known picture as from the nearest of equally
    many fresh ones, which the model never saw.  Among more pictures one lies nearer by chance; the fresh ones show how
    near.
    pictures: (B, ...).  known, fresh: (N, ...), pictures or features.
    Raises CourseError if there are not as many fresh pictures as known ones, or shapes differ.
    """
    if len(fresh) != len(known):
        raise CourseError(
            f"Of {len(known)} known and {len(fresh)} fresh pictures one is nearer by their number alone: "
            "give as many of each."
        )
    to_known, to_fresh = (nearest(pictures, others)[0] for others in (known, fresh))
    return to_known <= share * to_fresh


def shipped_judge(path: Path | str = SHIPPED / "judge.safetensors") -> Judge:
    """The judge that comes with the course: `course train judge` makes it again."""
    tensors, recipe = load(path)
    try:
        judge = Judge(**recipe["model"])
    except (KeyError, TypeError) as error:
        raise CourseError(f"{path} holds no judge; `course train judge` makes it again.") from error
    load_prefixed(judge, tensors, path)
    return judge.eval()


def neighbours(drawing: Tensor, known: Tensor, *, about: str, count: int = 5) -> Figure:
    """A drawing and its nearest known pictures with their distances; under each of them the difference.

    drawing: (3, H, W) in [-1, 1].  known: (N, 3, H, W), of which the `count` nearest are shown, five at most, or all
    if they are fewer.  Distances are the root mean square over the pixels.  In a difference grey means none, and
    lighter that the drawing is lighter there; it is halved, so that every difference fits between black and white.
    """
    distances, numbers = nearest(drawing[None], known, count=min(count, len(known)))
    near = known[numbers[0]]
    return show(
        [drawing[None], near, torch.zeros_like(drawing)[None], (drawing - near) / 2],
        rows=["", "difference"],
        columns=["the drawing", *(f"{distance:.3f} away" for distance in distances[0].tolist())],
        about=about,
    )
