"""smalldiffusion: its U-Net, schedules and sampler, as its example for CIFAR-10 sets them."""

from typing import Any

import torch
from accelerate import Accelerator
from smalldiffusion import (
    Scaled,
    ScheduleLogLinear,
    ScheduleSigmoid,
    Unet,
    generate_train_sample,
    samples,
)
from torch import Tensor, nn

from . import DROP_KEY, Peer, keep_some, key_layers

# Full pictures have four times the places, so each size of theirs has fewer channels, though never under 32: so many
# groups its norms have.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "full": {
        "small": {"ch": 32, "ch_mult": (1, 1, 1), "num_res_blocks": 1},
        "medium": {"ch": 32, "ch_mult": (1, 1, 2), "num_res_blocks": 1},
        "large": {"ch": 32, "ch_mult": (1, 1, 2), "num_res_blocks": 2},
    },
    "folded": {
        "small": {"ch": 32, "ch_mult": (1, 1, 2), "num_res_blocks": 1},
        "medium": {"ch": 32, "ch_mult": (1, 2, 2), "num_res_blocks": 2},
        "large": {"ch": 64, "ch_mult": (1, 1, 2), "num_res_blocks": 2},
    },
}


class KeyEmbedder(nn.Module):
    """In the place of `CondEmbedderLabel`: keys, (B, KEY), instead of numbers of classes."""

    null_cond = 0.0  # its guidance fills what stands for no key with this

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.layers = key_layers(hidden_size)

    def forward(self, keys: Tensor) -> Tensor:
        return self.layers(keep_some(keys) if self.training else keys)


class SmallDiffusion(Peer):
    """Attention stands at half the side, where both of its examples have it."""

    package = "smalldiffusion"
    model: Any

    def __init__(self, variant: str, size: str) -> None:
        super().__init__(variant)
        config = SIZES[variant][size] | {"attn_resolutions": (self.side // 2,)}
        embedder = KeyEmbedder(4 * config["ch"])  # as long as its embedding of sigma
        self.model = Scaled(Unet)(self.side, self.channels, self.channels, cond_embed=embedder, **config)
        self.schedule = ScheduleSigmoid(N=1000)
        self.sigmas = ScheduleLogLinear(sigma_min=0.01, sigma_max=35, N=1000)
        self.accelerator = Accelerator(cpu=True)
        self.optimizer = {"lr": self.rate, "weight_decay": 1e-2}
        self.samplers = {
            f"{steps} steps, gam {gam}, guidance {guidance:g}": {"steps": steps, "gam": gam, "guidance": guidance}
            for steps, gam in ((10, 2.1), (20, 1.6))
            for guidance in (1.0, 2.0)
        }
        self.settings = {
            "from": "examples/cifar_unet.py: Scaled(Unet), ScheduleSigmoid, sampling on ScheduleLogLinear(0.01, 35)",
            "model": config,
            "drop_key": DROP_KEY,
            "optimizer": self.optimizer,
            "differs": f"learning rate {self.rate:g} instead of 2e-4; batches of {self.batch}",
        }

    def batch_loss(self, pictures: Tensor, keys: Tensor) -> Tensor:
        clean, sigma, noise, _ = generate_train_sample(pictures, self.schedule)
        return self.model.get_loss(clean, sigma, noise, cond=keys)

    @torch.no_grad()
    def sample(self, keys: Tensor, **sampler: Any) -> Tensor:
        *_, drawn = samples(
            self.model,
            self.sigmas.sample_sigmas(sampler["steps"]),
            gam=sampler["gam"],
            cfg_scale=sampler["guidance"] - 1,  # it counts from the guess with the key
            batchsize=len(keys),
            cond=keys,
            accelerator=self.accelerator,
        )
        return drawn
