"""Stable Diffusion from its published settings: its parts counted, and the course's walk through its U-Net.  Lesson 9.

Diffusers and transformers, of the optional extra `inside`, are imported by the functions that need them.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from .checkpoints import SHIPPED
from .errors import CourseError
from .models import parameter_count
from .sampling import draw

Settings = Mapping[str, Mapping[str, Any]]

# Published ones, and the same wiring small enough to draw in a second with weights that nobody trained.
_SETTINGS = tomllib.loads((SHIPPED / "stable_diffusion.toml").read_text(encoding="utf-8"))
PUBLISHED: Settings = _SETTINGS["published"]
TINY: Settings = _SETTINGS["tiny"]
LETTERS = [*map(chr, range(ord("a"), ord("z") + 1)), ",", "."]  # the tiny one spells: a tokenizer without words
# The noise schedule of the same files: how much noise each of the U-Net's rungs adds ("scaled linear").
SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012}

# Which of a network's modules, by the start of their names, make up a part of it; the rest is the last part.
PARTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "U-Net": {
        "way down": ("conv_in", "time_embedding", "down_blocks"),
        "middle": ("mid_block",),
        "way up": (),
    },
    "text encoder": {"table of words": ("embeddings",), "layers": ()},
    "autoencoder": {"encoder": ("encoder", "quant_conv"), "decoder": ()},
}
# What `count` finds in the networks of PUBLISHED, for readers who have not the libraries; a test compares.
COUNTED: Mapping[str, Mapping[str, int]] = {
    "U-Net": {"way down": 251_674_880, "middle": 97_038_080, "way up": 510_808_004},
    "text encoder": {"table of words": 38_004_480, "layers": 85_056_000},
    "autoencoder": {"encoder": 34_163_664, "decoder": 49_490_199},
}
CHECKPOINT = 4_265_380_512  # bytes of sd-v1-4.ckpt, as published


def libraries() -> tuple[ModuleType, ModuleType]:
    """The modules `diffusers` and `transformers`.  Raises CourseError if one is missing, or the two don't fit."""
    try:
        import transformers

        transformers.utils.logging.set_verbosity_error()  # else it tells of parts for pictures that nobody asked for
        import diffusers

        # Both import their parts at the first use: what doesn't fit shows here.
        _ = diffusers.StableDiffusionPipeline, diffusers.DDIMScheduler, transformers.CLIPTextModel
    except (ImportError, RuntimeError) as error:
        raise CourseError(
            f"Stable Diffusion's networks need two more libraries ({str(error).splitlines()[0]}): "
            "type `python -m pip install diffusers transformers`, or go on with the figures that the course has stored."
        ) from error
    diffusers.utils.logging.set_verbosity_error()
    return diffusers, transformers


def networks(settings: Settings = PUBLISHED, *, device: str = "meta") -> dict[str, nn.Module]:
    """Stable Diffusion's three networks, built from `settings`, by name.

    On the device "meta" weights have a shape and no values, so that a billion of them take no memory.
    Raises CourseError if the libraries are missing.
    """
    diffusers, transformers = libraries()
    with torch.device(device):
        return {
            "U-Net": diffusers.UNet2DConditionModel(**settings["U-Net"]),
            "text encoder": transformers.CLIPTextModel(transformers.CLIPTextConfig(**settings["text encoder"])),
            "autoencoder": diffusers.AutoencoderKL(**settings["autoencoder"]),
        }


def count(networks: Mapping[str, nn.Module]) -> dict[str, dict[str, int]]:
    """How many parameters the parts of each network have: name -> part -> number, as in `COUNTED`."""
    counts = {}
    for name, network in networks.items():
        parts = dict.fromkeys(PARTS[name], 0)
        for parameter_name, parameter in network.named_parameters():
            module = parameter_name.removeprefix("text_model.")
            part = next((part for part, starts in PARTS[name].items() if module.startswith(starts)), None)
            parts[part or list(parts)[-1]] += parameter.numel()
        assert sum(parts.values()) == parameter_count(network)
        counts[name] = parts
    return counts


# Two ways to write the same ladder.


def published_alphas() -> Tensor:
    """What Stable Diffusion's files say of its 1000 rungs: papers' alpha-bar, from almost 1 down to almost 0.

    On rung i a latent is `sqrt(alpha) * clean + sqrt(1 - alpha) * noise` (Ho et al. 2020, arXiv:2006.11239).
    """
    ends = (SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5)
    betas = torch.linspace(*ends, int(SCHEDULE["num_train_timesteps"])) ** 2
    return (1 - betas).cumprod(dim=0)


def matching_amount(alpha: Tensor) -> Tensor:
    """The course's amount of noise, in [0, 1], with as much noise for each bit of picture as alpha-bar says.

    alpha: in (0, 1], any shape.  With `s = sqrt((1 - alpha) / alpha)` parts of noise to one of picture, the straight
    path `(1 - t) * picture + t * noise` has as many at `t = s / (1 + s)`.
    """
    strength = ((1 - alpha) / alpha).sqrt()
    return strength / (1 + strength)


def length(amount: Tensor | float) -> Tensor:
    """What to divide a noisy picture at `amount` by, to have it as Stable Diffusion's U-Net does: 1 at both ends.

    The straight path's shares, `1 - t` and `t`, add up to 1; the U-Net's have squares that do.
    """
    amount = torch.as_tensor(amount)
    return torch.hypot(1 - amount, amount)


def ddim_step(latent: Tensor, noise: Tensor, alpha: Tensor | float, after: Tensor | float) -> Tensor:
    """From the rung `alpha` to the rung `after` (alpha-bars), by a guess of the noise.  latent, noise: of one shape.

    Denoising diffusion implicit models (Song et al. 2020, arXiv:2010.02502), without fresh noise (eta 0).
    """
    alpha, after = torch.as_tensor(alpha), torch.as_tensor(after)
    clean = (latent - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    return after.sqrt() * clean + (1 - after).sqrt() * noise


# The course's walk drives a pipeline.


class LatentDenoiser(nn.Module):
    """A pipeline's U-Net as the course calls a model: `model(noisy, amount, key=None)`, a guess of the noise.

    pipeline: a `diffusers.StableDiffusionPipeline` whose U-Net predicts the noise.
    A key is what the text encoder makes of a caption, less what it makes of an empty one.  So no key is zeros, as in
    lesson 5, and guidance works as it did there.  Raises CourseError for a U-Net that predicts something else.
    """

    predicts = "noise"

    def __init__(self, pipeline: Any):
        super().__init__()
        predicts = pipeline.scheduler.config.prediction_type
        if predicts != "epsilon":
            raise CourseError(f"This walk takes a U-Net that predicts the noise (epsilon), not '{predicts}'.")
        self.unet, self.pipeline = pipeline.unet, pipeline
        device = self.unet.device
        self.amounts = matching_amount(pipeline.scheduler.alphas_cumprod.float()).to(device)  # rising
        self.empty = encode(pipeline, [""])  # 1 x words x D

    def keys(self, captions: Sequence[str]) -> Tensor:
        """What captions say: len(captions) x D for each of the encoder's 77 words, in one row."""
        return (encode(self.pipeline, captions) - self.empty).flatten(1)

    def stops(self, steps: int) -> list[float]:
        """The amounts of a walk in `steps` steps: every so many rungs of the U-Net's ladder, and 0.

        Raises CourseError for less than one step, or more than there are rungs.
        """
        rungs = len(self.amounts)
        if not 1 <= steps < rungs:
            raise CourseError(f"A walk on {rungs} rungs takes 1 to {rungs - 1} steps, not {steps}.")
        chosen = torch.arange(steps - 1, -1, -1) * (rungs // steps) + 1  # the files' steps_offset of 1
        return [*self.amounts[chosen.to(self.amounts.device)].tolist(), 0.0]

    def forward(self, noisy: Tensor, amount: Tensor, key: Tensor | None = None) -> Tensor:
        """noisy: (B, 4, H/8, W/8) on the straight path.  amount: (B,); the nearest rung counts.  key: as of `keys`."""
        rung = (amount[:, None] - self.amounts).abs().argmin(dim=1)
        text = self.empty.expand(len(noisy), -1, -1)
        if key is not None:
            text = text + key.reshape(text.shape)
        latent = noisy / length(amount)[:, None, None, None]
        return self.unet(latent.to(self.unet.dtype), rung, text.to(self.unet.dtype)).sample.to(noisy)


@torch.no_grad()
def encode(pipeline: Any, captions: Sequence[str]) -> Tensor:
    """What the pipeline's text encoder makes of captions, B x 77 x D: one row for each word or piece of a word."""
    pieces = pipeline.tokenizer(
        list(captions),
        padding="max_length",
        max_length=pipeline.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return pipeline.text_encoder(pieces.input_ids.to(pipeline.text_encoder.device))[0].float()


def draw_latents(
    pipeline: Any, captions: Sequence[str], noise: Tensor, *, steps: int = 25, guidance: float = 7.5
) -> Tensor:
    """Walk from `noise` to a latent of each caption, with the course's `walk`.  noise, result: (B, 4, H/8, W/8).

    Like diffusers' own pipeline it begins with pure noise where the U-Net expects a trace of a picture.
    """
    model = LatentDenoiser(pipeline)
    stops = model.stops(steps)
    begin = noise.to(model.amounts.device) * length(stops[0])
    return draw(model, begin, amounts=stops, key=model.keys(captions), guidance=guidance, limit=None)


@torch.no_grad()
def develop(pipeline: Any, latents: Tensor) -> Tensor:
    """The pictures that the pipeline's decoder makes of latents: (B, 4, h, w) to (B, 3, 8h, 8w) in [-1, 1]."""
    vae = pipeline.vae
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor).sample.float().clamp(-1, 1)


def tiny_pipeline(*, seed: int = 0) -> Any:
    """A `diffusers.StableDiffusionPipeline` wired like Stable Diffusion 1, tiny, with weights by chance.

    It draws 64 x 64 pixels of nothing: it shows that parts fit, not what they can do.
    Raises CourseError if the libraries are missing.
    """
    diffusers, transformers = libraries()
    with torch.random.fork_rng():  # the reader's own random numbers stay as they are
        torch.manual_seed(seed)
        parts = networks(TINY, device="cpu")
    pieces = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(letter + "</w>" for letter in LETTERS)]
    tokenizer = transformers.CLIPTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)}, merges=[], model_max_length=77
    )
    scheduler = diffusers.DDIMScheduler(**SCHEDULE, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
    pipeline = diffusers.StableDiffusionPipeline(
        vae=parts["autoencoder"].eval(),
        text_encoder=parts["text encoder"].eval(),
        tokenizer=tokenizer,
        unet=parts["U-Net"].eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


# The real one.

REPOSITORY = "CompVis/stable-diffusion-v1-4"
LICENCE = "CreativeML OpenRAIL-M"
WEIGHTS = (
    "unet/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)
SMALL_FILES = ("model_index.json", "*/config.json", "scheduler/*.json", "tokenizer/*")


def terms() -> str:
    """What `published_pipeline` would download, how much that is, and under which licence."""
    size = 4 * sum(sum(parts.values()) for parts in COUNTED.values()) / 1e9
    return (
        f"{REPOSITORY} on huggingface.co, {size:.1f} GB ({', '.join(WEIGHTS)}, and small files), under the licence "
        f"{LICENCE}, which forbids some uses: read it there first"
    )


def published_pipeline(source: str | Path = REPOSITORY, *, download: bool = False) -> Any:
    """Stable Diffusion itself as a `diffusers.StableDiffusionPipeline`, in half precision where there is a GPU.

    source: a folder that holds one, or the name of a repository, whose files are downloaded once and kept.
    Without download=True nothing is downloaded, and a CourseError says what would be.  The filter that blacks out
    pictures that it takes for indecent is not loaded.
    Raises CourseError also if the libraries or the network are missing, or the files don't make a pipeline.
    """
    folder = Path(source)
    if not folder.is_dir() and not download:
        raise CourseError(f"Nothing was downloaded: say download=True to get {terms()}.")
    diffusers, _ = libraries()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(str(source), allow_patterns=[*WEIGHTS, *SMALL_FILES]))
        except Exception as error:  # the hub's clients raise errors of several libraries
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CourseError(
                f"{source} could not be downloaded ({cause}): look at the network and try again, what is there is kept."
            ) from error
    try:
        pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
            folder,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise CourseError(
            f"{folder} holds no whole Stable Diffusion pipeline: delete it and download it again."
        ) from error
    return pipeline.to("cuda", torch.float16) if torch.cuda.is_available() else pipeline
