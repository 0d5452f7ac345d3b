"""Amounts of noise, the ladder from a picture to pure noise, and how to tell noise from structure.  Lesson 1."""

import torch
from torch import Tensor

from .errors import CourseError


def add_noise(picture: Tensor, amount: Tensor | float, *, seed: int | None = None) -> tuple[Tensor, Tensor]:
    """Blend `picture` with Gaussian noise: `(1 - amount) * picture + amount * noise`.

    picture: (B, 3, H, W) in [-1, 1].  amount: a number or (B,), 0 leaves the picture, 1 is pure noise.
    Returns the noisy picture and the noise, both shaped like `picture`; without a seed the noise is new each time.
    Raises CourseError (a ValueError) if an amount is outside [0, 1].
    The straight path of rectified flow (Liu et al. 2022, arXiv:2209.03003).
    """
    noise = noise_like(picture, seed=seed)
    return blend(picture, noise, amount), noise


def noise_like(picture: Tensor, *, seed: int | None = None) -> Tensor:
    """Gaussian noise (mean 0, standard deviation 1) shaped like `picture`; a seed makes it the same every time.

    It is drawn on the CPU and then moved, so that a seed gives the same noise on every device.
    """
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return torch.randn(picture.shape, generator=generator).to(picture)


def blend(picture: Tensor, noise: Tensor, amount: Tensor | float) -> Tensor:
    """The picture at `amount` on the way to `noise`, both (B, 3, H, W); amount: a number or (B,) in [0, 1]."""
    amount = torch.as_tensor(amount, dtype=picture.dtype, device=picture.device)
    if not ((amount >= 0) & (amount <= 1)).all():
        raise CourseError(f"An amount of noise lies between 0 and 1, and this one is {amount.tolist()}.")
    amount = amount.reshape(-1, 1, 1, 1)  # B x 1 x 1 x 1: one amount a picture
    return (1 - amount) * picture + amount * noise


def noise_ladder(picture: Tensor, *, steps: int, seed: int) -> Tensor:
    """The ladder from one picture (step 0) to pure noise (step `steps`), in equal amounts, all with the same noise.

    picture: (1, 3, H, W).  Returns (steps + 1, 3, H, W); step k holds the amount k / steps.
    Raises CourseError if there is not at least one step.
    """
    if steps < 1:
        raise CourseError(f"A noise ladder has at least 1 step, and {steps} were asked for.")
    rungs = picture.expand(steps + 1, -1, -1, -1)
    return blend(rungs, noise_like(picture, seed=seed).expand_as(rungs), torch.linspace(0, 1, steps + 1))


def signal_to_noise(picture: Tensor, amount: float) -> float:
    """How much stronger the picture is than the noise at `amount`, in decibels (0: equally strong).

    picture: (B, 3, H, W).  Strength is the mean square about the picture's mean; the noise's is 1 before blending.
    At amount 0 it is infinite, at 1 minus infinite.
    """
    signal = (1 - amount) ** 2 * picture.var(correction=0)
    return float(10 * torch.log10(signal / torch.tensor(amount**2)))


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's correlation of two tensors of one shape, pixel by pixel: 1 the same, 0 unrelated, -1 the negative."""
    one, other = one.flatten() - one.mean(), other.flatten() - other.mean()
    return float((one @ other) / (one.norm() * other.norm()))


def autocorrelation(picture: Tensor, *, reach: int) -> list[float]:
    """How alike pixels are that lie 0, 1, ... `reach` apart in a row: a test for structure, which noise does not have.

    picture: (B, 3, H, W) with W > reach.  Returns reach + 1 correlations; the first is 1.  White noise of n values
    keeps every other one within about 2 / sqrt(n) of 0.
    """
    width = picture.shape[-1]
    return [correlation(picture[..., : width - shift], picture[..., shift:]) for shift in range(reach + 1)]


def classic_denoisers(noisy: Tensor, amount: float) -> dict[str, Tensor]:
    """What four denoisers from before deep learning make of one noisy picture, each given the strength of the noise.

    noisy: (1, 3, H, W), blended at `amount` in (0, 1).  Returns, by name, pictures of the same shape in [-1, 1].
    Their strengths were set by hand to do well at amounts 0.1 to 0.6; all four are scikit-image's or SciPy's.
    """
    from scipy.ndimage import median_filter
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

    sigma = amount / (1 - amount)  # the noise's strength once the picture is back at full contrast
    full = (noisy / (1 - amount))[0].permute(1, 2, 0).cpu().numpy()  # H x W x 3
    side = 3 + 2 * round(2.7 * sigma)
    cleaned = {
        "median": median_filter(full, (side, side, 1)),
        "total variation": denoise_tv_chambolle(full, weight=sigma, channel_axis=-1),
        "non-local means": denoise_nl_means(
            full, h=0.6 * sigma, sigma=sigma, patch_size=5, patch_distance=9, channel_axis=-1
        ),
        "wavelet": denoise_wavelet(full, sigma=sigma, channel_axis=-1, rescale_sigma=False),
    }
    return {
        name: torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].to(noisy).clamp(-1, 1)
        for name, picture in cleaned.items()
    }
