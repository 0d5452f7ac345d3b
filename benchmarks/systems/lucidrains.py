"""denoising-diffusion-pytorch: its U-Net and diffusion with classifier-free guidance; DDIM draws."""

from typing import Any

import torch
from denoising_diffusion_pytorch.classifier_free_guidance import GaussianDiffusion, Unet
from torch import Tensor, nn

from . import DROP_KEY, KEY, Peer

# Full pictures have four times the places, so each size of theirs has fewer channels.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "full": {
        "small": {"dim": 8, "dim_mults": (1, 2, 4)},
        "medium": {"dim": 16, "dim_mults": (1, 2, 4)},
        "large": {"dim": 24, "dim_mults": (1, 2, 4)},
    },
    "folded": {
        "small": {"dim": 16, "dim_mults": (1, 2, 4)},
        "medium": {"dim": 32, "dim_mults": (1, 2, 4)},
        "large": {"dim": 48, "dim_mults": (1, 2, 4)},
    },
}


class KeyedUnet(Unet):
    """Its U-Net, in which a linear layer on the key takes the place of the table of classes."""

    def __init__(self, **config: Any) -> None:
        super().__init__(num_classes=1, cond_drop_prob=DROP_KEY, **config)
        self.classes_emb = nn.Linear(KEY, config["dim"])
        nn.init.normal_(self.classes_emb.weight, std=0.5)  # about 1 a number, as the table's were

    def forward_with_cond_scale(self, *arguments: Any, cond_scale: float = 1.0, **settings: Any) -> tuple[Tensor, ...]:
        if cond_scale != 1:
            return super().forward_with_cond_scale(*arguments, cond_scale=cond_scale, **settings)
        # Without guidance the package's own returns one tensor where its caller (2.3.4) unpacks two.
        said = self(*arguments, cond_drop_prob=0.0)
        return said, said


class DenoisingDiffusion(Peer):
    """The settings are the module's own, for `Unet`, for `GaussianDiffusion` and for Adam."""

    package = "denoising-diffusion-pytorch"
    clip = 1.0

    def __init__(self, variant: str, size: str) -> None:
        super().__init__(variant)
        self.model = KeyedUnet(channels=self.channels, **SIZES[variant][size])
        diffusion = {"timesteps": 1000, "objective": "pred_noise", "beta_schedule": "cosine"}
        drawing = {"sampling_timesteps": 25, "ddim_sampling_eta": 0.0}
        self.diffusion = GaussianDiffusion(self.model, image_size=self.side, **diffusion, **drawing)
        self.optimizer = {"lr": self.rate, "betas": (0.9, 0.99), "weight_decay": 0.0}
        self.samplers = {f"DDIM, 25 steps, guidance {guidance:g}": {"cond_scale": guidance} for guidance in (1.0, 2.0)}
        self.settings = {
            "from": "classifier_free_guidance.py and Trainer: cosine schedule, epsilon, clipping at 1, Adam's betas",
            "model": SIZES[variant][size],
            "diffusion": diffusion | drawing,
            "drop_key": DROP_KEY,
            "optimizer": self.optimizer,
            "differs": f"learning rate {self.rate:g} instead of 1e-4; batches of {self.batch} (16 there); "
            "keys dropped at 0.1 instead of 0.5; DDIM of 25 steps",
        }

    def batch_loss(self, pictures: Tensor, keys: Tensor) -> Tensor:
        return self.diffusion((pictures + 1) / 2, classes=keys)  # it takes pictures in [0, 1], and drops keys itself

    @torch.no_grad()
    def sample(self, keys: Tensor, **sampler: Any) -> Tensor:
        return 2 * self.diffusion.sample(keys, **sampler) - 1
