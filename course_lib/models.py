"""The denoiser: a small U-Net that folds pixels into channels, so that two CPU cores are enough.  Lesson 2."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import CourseError

PREDICTS = ("picture", "noise", "velocity")


class Denoiser(nn.Module):
    """Looks at a noisy picture and guesses what was under the noise.  Papers write D, epsilon-theta or v-theta.

    predicts: what its output means: the clean "picture", the "noise", or the "velocity" (noise minus picture).
    fold: a block of fold x fold pixels becomes one place with 3 * fold * fold channels (pixel unshuffle, Shi et al.
    2016, arXiv:1609.05158): the same picture with fewer places to compute.
    widths: channels at each level of the U-Net (Ronneberger et al. 2015, arXiv:1505.04597); each level halves the side.
    key_size: length of the key it can be given (numbers that tell what to draw), 0 for none.
    beside: whether it is shown another picture beside the noisy one.  The key then is that picture, flattened, and each
    place of the network sees its own part of it (SR3, Saharia et al. 2021, arXiv:2104.07636).
    """

    def __init__(
        self,
        *,
        predicts: str = "picture",
        fold: int = 8,
        widths: tuple[int, ...] = (64, 128),
        key_size: int = 0,
        beside: bool = False,
    ):
        super().__init__()
        if predicts not in PREDICTS:
            raise CourseError(f"A denoiser predicts one of {', '.join(PREDICTS)}, not {predicts!r}.")
        if key_size and beside:
            raise CourseError("A denoiser takes a key or a picture beside the noisy one, not both: leave one out.")
        self.predicts = predicts
        self.config = {"predicts": predicts, "fold": fold, "widths": list(widths), "key_size": key_size}
        if beside:  # checkpoints from before it say nothing of it
            self.config["beside"] = beside
        self.fold, self.widths, self.key_size, self.beside = fold, tuple(widths), key_size, beside
        pixels, told = 3 * fold * fold, max(128, 2 * widths[0])
        self.amount = nn.Sequential(nn.Linear(32, told), nn.SiLU(), nn.Linear(told, told))
        self.key = nn.Sequential(nn.Linear(key_size, told), nn.SiLU(), nn.Linear(told, told)) if key_size else None
        if key_size:  # a word's vector has length 1: at PyTorch's own start the network would hardly hear it
            nn.init.normal_(self.key[0].weight, std=0.5)  # type: ignore[index, arg-type]
        seen = 2 * pixels if beside else pixels
        self.enter = nn.Conv2d(seen + 8, widths[0], 3, padding=1)  # 8: where each place lies, see `places`
        self.down = nn.ModuleList(Block(width, width, told) for width in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.middle = Block(widths[-1], widths[-1], told)
        self.up = nn.ModuleList(Block(2 * width, width, told) for width in reversed(widths))
        self.grow = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1) for fine, coarse in reversed(list(itertools.pairwise(widths)))
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(8, widths[0]), nn.SiLU(), zeroed(nn.Conv2d(widths[0], pixels + beside * seen, 3, padding=1))
        )
        if key_size or beside:  # such models train in large batches, which CPUs convolve faster with the channels last
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, noisy: Tensor, amount: Tensor, key: Tensor | None = None) -> Tensor:
        """noisy: (B, 3, H, W), H and W a multiple of fold * 2 ** (levels - 1).  amount: (B,).

        key: (B, key_size), or (B, 3 * H * W) of what is beside; none is the same as zeros.
        Raises CourseError for another shape of picture or key.
        """
        multiple = self.fold * 2 ** len(self.shrink)
        if noisy.shape[-1] % multiple or noisy.shape[-2] % multiple:
            raise CourseError(
                f"This denoiser takes sides that are a multiple of {multiple} pixels, "
                f"and the picture is {noisy.shape[-1]} x {noisy.shape[-2]}."
            )
        size = noisy[0].numel() if self.beside else self.key_size
        if key is not None and key.shape != (len(noisy), size):
            raise CourseError(
                f"This denoiser takes a key of {size or 'no'} numbers for each picture, so "
                f"{len(noisy)} x {size}, and was given {' x '.join(map(str, key.shape))}."
            )
        told = self.amount(waves(amount))  # B x told
        if self.key is not None:
            told = told + self.key(noisy.new_zeros(len(noisy), self.key_size) if key is None else key)
        if self.beside:
            shown = torch.zeros_like(noisy) if key is None else key.reshape(noisy.shape)
            noisy = torch.cat([noisy, shown], dim=1)  # B x 6 x H x W
        folded = F.pixel_unshuffle(noisy, self.fold)  # B x 3ff or 6ff x H/f x W/f
        x = self.enter(torch.cat([folded, places(folded)], dim=1))
        kept = []
        for level, block in enumerate(self.down):
            x = block(x, told)
            kept.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)  # half the side
        x = self.middle(x, told)
        for level, block in enumerate(self.up):
            x = block(torch.cat([x, kept.pop()], dim=1), told)
            if level < len(self.grow):
                x = F.interpolate(self.grow[level](x), scale_factor=2.0)  # twice the side
        x = self.leave(x)
        if self.beside:  # two pictures are more than the channels can carry: what can stay as it is goes straight on
            x, shares = x.tensor_split([3 * self.fold**2], dim=1)
            x = x + sum((shares * folded).chunk(2, dim=1))
        return F.pixel_shuffle(x, self.fold)  # B x 3 x H x W


class Block(nn.Module):
    """Two convolutions beside a short cut; what the network is told (amount, key) scales and shifts the channels.

    A residual block (He et al. 2015, arXiv:1512.03385), modulated by channel (Perez et al. 2017, arXiv:1709.07871).
    """

    def __init__(self, channels: int, out: int, told: int):
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(told, 2 * out))
        self.norm = nn.GroupNorm(8, out)
        self.second = zeroed(nn.Conv2d(out, out, 3, padding=1))
        self.short_cut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.modulate(told)[:, :, None, None].chunk(2, dim=1)  # each B x out x 1 x 1
        y = self.norm(self.first(x)) * (1 + scale) + shift
        return self.short_cut(x) + self.second(F.silu(y))


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that says nothing at first, so that a new network starts as its short cuts and learns quickly."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def waves(amount: Tensor) -> Tensor:
    """A number in [0, 1] as 32 waves, slow to fast, which a network reads more easily.  amount: (B,); returns (B, 32).

    The sinusoids of Vaswani et al. 2017 (arXiv:1706.03762).
    """
    speed = torch.logspace(0, 3, 16, device=amount.device, dtype=amount.dtype)
    angle = amount[:, None] * speed
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def places(x: Tensor) -> Tensor:
    """Where each place lies, as slow waves across and down: a convolution alone can't tell left from right.

    x: (B, C, H, W); returns (B, 8, H, W).  The idea of CoordConv (Liu et al. 2018, arXiv:1807.03247).
    """
    down, across = (torch.linspace(-1, 1, side, device=x.device, dtype=x.dtype) for side in x.shape[-2:])
    grid = torch.stack(torch.meshgrid(down, across, indexing="ij"))  # 2 x H x W
    turns = torch.cat([grid, 2 * grid]) * math.pi / 2
    return torch.cat([turns.sin(), turns.cos()]).expand(x.shape[0], -1, -1, -1)


def parameter_count(model: nn.Module) -> int:
    """How many numbers a model holds."""
    return sum(parameter.numel() for parameter in model.parameters())
