"""The denoiser: a small U-Net that folds pixels into channels, so that two CPU cores are enough.  Lesson 2."""

import itertools
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoints import load, load_prefixed
from .errors import CourseError

PREDICTS = ("picture", "noise", "velocity")


class Denoiser(nn.Module):
    """Looks at a noisy picture and guesses what was under the noise.  Papers write D, epsilon-theta or v-theta.

    predicts: what its output means: the clean "picture", the "noise", or the "velocity" (noise minus picture).
    fold: a block of fold x fold pixels becomes one place with 3 * fold * fold channels (pixel unshuffle, Shi et al.
    2016, arXiv:1609.05158): the same picture with fewer places to compute.
    widths: channels at each level of the U-Net (Ronneberger et al. 2015, arXiv:1505.04597); each level halves the side.
    key_size: length of the key it can be given (numbers that tell what to draw), 0 for none.
    attention: whether at all levels but the finest each place looks at all others, too, see `SelfAttention`.
    """

    pictures_in, pictures_out = 1, 1  # that the U-Net takes and gives; more in `enhance.PictureConditionedDenoiser`

    def __init__(
        self,
        *,
        predicts: str = "picture",
        fold: int = 8,
        widths: tuple[int, ...] = (64, 128),
        key_size: int = 0,
        attention: bool = False,
    ):
        super().__init__()
        if predicts not in PREDICTS:
            raise CourseError(f"A denoiser predicts one of {', '.join(PREDICTS)}, not {predicts!r}.")
        self.predicts = predicts
        self.config = {"predicts": predicts, "fold": fold, "widths": list(widths), "key_size": key_size}
        self.config |= {"attention": True} if attention else {}  # files of earlier versions don't name it
        self.fold, self.widths, self.key_size = fold, tuple(widths), key_size
        pixels, size = 3 * fold * fold, max(128, 2 * widths[0])  # size: of the conditioning
        self.amount = nn.Sequential(nn.Linear(32, size), nn.SiLU(), nn.Linear(size, size))
        self.key = nn.Sequential(nn.Linear(key_size, size), nn.SiLU(), nn.Linear(size, size)) if key_size else None
        if key_size:  # a word's vector has length 1: at PyTorch's own start the network would hardly hear it
            nn.init.normal_(self.key[0].weight, std=0.5)  # type: ignore[index, arg-type]
        # 8: where in the picture each position lies, see `position_channels`
        self.conv_in = nn.Conv2d(self.pictures_in * pixels + 8, widths[0], 3, padding=1)
        coarse = [attention and level > 0 for level in range(len(widths))]
        self.down = nn.ModuleList(
            Block(width, width, size, attention=attend) for width, attend in zip(widths, coarse, strict=True)
        )
        self.downsample = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.middle = Block(widths[-1], widths[-1], size, attention=attention)
        self.up = nn.ModuleList(
            Block(2 * width, width, size, attention=attend)
            for width, attend in zip(reversed(widths), reversed(coarse), strict=True)
        )
        self.upsample = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1) for fine, coarse in reversed(list(itertools.pairwise(widths)))
        )
        last = nn.Conv2d(widths[0], self.pictures_out * pixels, 3, padding=1)
        self.conv_out = nn.Sequential(nn.GroupNorm(8, widths[0]), nn.SiLU(), zero_init(last))
        if key_size:  # such models train in large batches, which CPUs convolve faster with the channels last
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, noisy: Tensor, amount: Tensor, key: Tensor | None = None) -> Tensor:
        """noisy: (B, 3, H, W), H and W a multiple of fold * 2 ** (levels - 1).  amount: (B,).

        key: (B, key_size); none is the same as zeros.  Raises CourseError for another shape of picture or key.
        """
        self.check(noisy, key, self.key_size)
        conditioning = self.amount(sinusoidal_embedding(amount))  # B x size
        if self.key is not None:
            key = noisy.new_zeros(len(noisy), self.key_size) if key is None else key
            conditioning = conditioning + self.key(key)
        folded = F.pixel_unshuffle(noisy, self.fold)  # B x 3ff x H/f x W/f
        return F.pixel_shuffle(self.unet(folded, conditioning), self.fold)  # B x 3 x H x W

    def check(self, noisy: Tensor, key: Tensor | None, key_size: int) -> None:
        """Raises CourseError if these can't be the pictures of a call, or their keys."""
        multiple = self.fold * 2 ** len(self.downsample)
        if noisy.shape[-1] % multiple or noisy.shape[-2] % multiple:
            raise CourseError(
                f"This denoiser takes sides that are a multiple of {multiple} pixels, "
                f"and the picture is {noisy.shape[-1]} x {noisy.shape[-2]}."
            )
        if key is not None and key.shape != (len(noisy), key_size):
            raise CourseError(
                f"This denoiser takes a key of {key_size or 'no'} numbers for each picture, so "
                f"{len(noisy)} x {key_size}, and was given {' x '.join(map(str, key.shape))}."
            )

    def unet(self, folded: Tensor, conditioning: Tensor) -> Tensor:
        """Folded pictures (B, C, h, w), C = 3ff for each picture in, to as many channels for each picture out."""
        x = self.conv_in(torch.cat([folded, position_channels(folded)], dim=1))
        skips = []
        for level, block in enumerate(self.down):
            x = block(x, conditioning)
            skips.append(x)
            if level < len(self.downsample):
                x = self.downsample[level](x)  # half the side
        x = self.middle(x, conditioning)
        for level, block in enumerate(self.up):
            x = block(torch.cat([x, skips.pop()], dim=1), conditioning)
            if level < len(self.upsample):
                x = F.interpolate(self.upsample[level](x), scale_factor=2.0)  # twice the side
        return self.conv_out(x)


class Block(nn.Module):
    """Two convolutions beside a short cut; the conditioning (amount, key) scales and shifts the channels.

    A residual block (He et al. 2015, arXiv:1512.03385), modulated by channel (Perez et al. 2017, arXiv:1709.07871).
    """

    def __init__(self, channels: int, out: int, conditioning: int, *, attention: bool = False):
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(conditioning, 2 * out))
        self.norm = nn.GroupNorm(8, out)
        self.second = zero_init(nn.Conv2d(out, out, 3, padding=1))
        self.short_cut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()
        self.attention = SelfAttention(out) if attention else nn.Identity()

    def forward(self, x: Tensor, conditioning: Tensor) -> Tensor:
        scale, shift = self.modulate(conditioning)[:, :, None, None].chunk(2, dim=1)  # each B x out x 1 x 1
        y = self.norm(self.first(x)) * (1 + scale) + shift
        return self.attention(self.short_cut(x) + self.second(F.silu(y)))


class SelfAttention(nn.Module):
    """Each place asks all places, and adds what those answer whose keys are like its question.

    So a tail can know on which side the head is.  Attention of several heads (Vaswani et al. 2017, arXiv:1706.03762)
    over the places of a picture, as in the U-Net of Ho et al. 2020 (arXiv:2006.11239).
    """

    def __init__(self, channels: int, *, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.ask = nn.Conv2d(channels, 3 * channels, 1)  # the question, key and answer of each place
        self.say = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, high, wide = x.shape
        split = (batch, 3, self.heads, channels // self.heads, high * wide)
        questions, keys, answers = self.ask(self.norm(x)).reshape(split).transpose(3, 4).unbind(1)  # B x heads x N x C
        heard = F.scaled_dot_product_attention(questions, keys, answers)
        return x + self.say(heard.transpose(2, 3).reshape(x.shape))


def zero_init(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that gives zeros at first, so that a new network starts as its short cuts and learns quickly."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def sinusoidal_embedding(amount: Tensor) -> Tensor:
    """A number in [0, 1] as 32 waves, slow to fast, which a network reads more easily.  amount: (B,); returns (B, 32).

    The sinusoids of Vaswani et al. 2017 (arXiv:1706.03762).
    """
    speed = torch.logspace(0, 3, 16, device=amount.device, dtype=amount.dtype)
    angle = amount[:, None] * speed
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def position_channels(x: Tensor) -> Tensor:
    """Where each position lies, as slow waves across and down: a convolution alone can't tell left from right.

    x: (B, C, H, W); returns (B, 8, H, W).  The idea of CoordConv (Liu et al. 2018, arXiv:1807.03247).
    """
    down, across = (torch.linspace(-1, 1, side, device=x.device, dtype=x.dtype) for side in x.shape[-2:])
    grid = torch.stack(torch.meshgrid(down, across, indexing="ij"))  # 2 x H x W
    turns = torch.cat([grid, 2 * grid]) * math.pi / 2
    return torch.cat([turns.sin(), turns.cos()]).expand(x.shape[0], -1, -1, -1)


def parameter_count(model: nn.Module) -> int:
    """How many numbers a model holds."""
    return sum(parameter.numel() for parameter in model.parameters())


def load_denoiser(path: Path | str, make: type[Denoiser] = Denoiser) -> tuple[Denoiser, dict[str, Any]]:
    """The model stored in a checkpoint, ready to use, and its recipe.  Raises CourseError if the file is not one."""
    tensors, recipe = load(path)
    try:
        model = make(**recipe["model"])
    except (KeyError, TypeError) as error:
        raise CourseError(f"{path} was made by another version of the course; delete it and train again.") from error
    load_prefixed(model, tensors, path)
    return model.eval(), recipe
