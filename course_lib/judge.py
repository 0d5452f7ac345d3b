"""How good is a picture?  PSNR and SSIM against the true one.  Lesson 1."""

from torch import Tensor

from .errors import CourseError


def psnr(pictures: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in decibels, the mean over the batch: higher is nearer, equal pictures give infinity.

    pictures, truth: (B, 3, H, W) in [-1, 1] (so the peak is 2); a truth of one picture serves for all.
    scikit-image's, as all the field quotes it.
    """
    import numpy as np
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):  # equal pictures: infinity is right, and no news
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
    """Each picture beside its truth, as arrays 3 x H x W.  Raises CourseError if the shapes don't go together."""
    if pictures.shape[1:] != truth.shape[1:] or len(truth) not in (1, len(pictures)):
        raise CourseError(f"Pictures of shape {tuple(pictures.shape)} can't be compared with {tuple(truth.shape)}.")
    as_arrays = (batch.detach().cpu().double().numpy() for batch in (pictures, truth.expand_as(pictures)))
    return list(zip(*as_arrays, strict=True))
