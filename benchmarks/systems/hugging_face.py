"""diffusers: UNet2DModel, trained as its tutorial "Train a diffusion model" does; DDIM and DPM-Solver++ draw."""

from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
from torch import Tensor, nn

from . import DROP_KEY, Peer, keep_some, key_layers

# Full pictures have four times the places, so each size of theirs has fewer channels.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "full": {
        "small": {"block_out_channels": (16, 32, 64), "layers_per_block": 1, "norm_num_groups": 16},
        "medium": {"block_out_channels": (16, 32, 64), "layers_per_block": 2, "norm_num_groups": 16},
        "large": {"block_out_channels": (32, 64, 64), "layers_per_block": 1},
    },
    "folded": {
        "small": {"block_out_channels": (32, 64, 64), "layers_per_block": 1},
        "medium": {"block_out_channels": (32, 64, 128), "layers_per_block": 2},
        "large": {"block_out_channels": (64, 128, 128), "layers_per_block": 1},
    },
}
SOLVERS = {"DDIM": DDIMScheduler, "DPM-Solver++": DPMSolverMultistepScheduler}


class KeyedUNet(nn.Module):
    """UNet2DModel with a vector for a class: its "identity" embedding takes what the key's layers make."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.unet: Any = UNet2DModel(class_embed_type="identity", **config)
        self.key = key_layers(4 * config["block_out_channels"][0])  # as long as the embedding of the time

    def forward(self, noisy: Tensor, time: Tensor, key: Tensor) -> Tensor:
        return self.unet(noisy, time, class_labels=self.key(key), return_dict=False)[0]


class Diffusers(Peer):
    """Like the tutorial's, attention stands at the level above the coarsest; it has three levels, for 32 px."""

    package = "diffusers"
    clip = 1.0

    def __init__(self, variant: str, size: str) -> None:
        super().__init__(variant)
        config = {
            "sample_size": self.side,
            "in_channels": self.channels,
            "out_channels": self.channels,
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        } | SIZES[variant][size]
        self.model = KeyedUNet(**config)
        self.noise: Any = DDPMScheduler(num_train_timesteps=1000)
        self.optimizer = {"lr": self.rate, "weight_decay": 1e-2}
        self.samplers = {
            f"{solver}, {steps} steps, guidance {guidance:g}": {"solver": solver, "steps": steps, "guidance": guidance}
            for solver, steps in (("DDIM", 25), ("DPM-Solver++", 25))
            for guidance in (1.0, 2.0)
        }
        self.settings = {
            "from": "the tutorial 'Train a diffusion model': DDPMScheduler of 1000 steps, epsilon, clipping at 1",
            "model": config,
            "drop_key": DROP_KEY,
            "optimizer": self.optimizer,
            "differs": f"learning rate {self.rate:g} instead of 1e-4, batches of {self.batch} (16 there), "
            "20 steps of warm-up instead of 500: the runs are short",
        }

    def batch_loss(self, pictures: Tensor, keys: Tensor) -> Tensor:
        noise = torch.randn_like(pictures)
        times = torch.randint(self.noise.config.num_train_timesteps, (len(pictures),))
        noisy = self.noise.add_noise(pictures, noise, times)
        return F.mse_loss(self.model(noisy, times, keep_some(keys)), noise)

    @torch.no_grad()
    def sample(self, keys: Tensor, **sampler: Any) -> Tensor:
        scheduler = SOLVERS[sampler["solver"]].from_config(self.noise.config)
        scheduler.set_timesteps(sampler["steps"])
        drawn = torch.randn(len(keys), self.channels, self.side, self.side) * scheduler.init_noise_sigma
        for time in scheduler.timesteps:
            noisy = scheduler.scale_model_input(drawn, time)
            said = self.model(noisy, time, keys)
            if sampler["guidance"] != 1:
                free = self.model(noisy, time, torch.zeros_like(keys))
                said = free + sampler["guidance"] * (said - free)
            drawn = scheduler.step(said, time, drawn).prev_sample
        return drawn
