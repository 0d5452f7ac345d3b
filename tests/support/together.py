"""Trains a small model, alone or as one of the processes that torchrun starts.

python -m tests.support.together OUT KEPT [N [OPTIMIZER]]

OUT gets the weights and their moving average.  KEPT is the checkpoint, of each process its own if {} stands in it.  The
first process kills itself when it has come to step N.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from course_lib.models import Denoiser
from course_lib.training import DenoisingLoss
from course_tools.recipes import distributed
from course_tools.recipes.run import prefixed_state, resumable, save

BATCH, STEPS = 16, 24


def main(output: str, kept: str, kill_at: str = "0", optimizer: str = "adam") -> None:
    with distributed.process_group(torch.device("cpu")):
        random = torch.Generator().manual_seed(0)
        pictures, keys = torch.rand(40, 3, 16, 16, generator=random) * 2 - 1, torch.randn(8, 3, 5, generator=random)
        torch.manual_seed(0)
        model, ema_model = (Denoiser(predicts="velocity", fold=2, widths=(16, 16), key_size=5) for _ in range(2))
        rank = distributed.rank_and_world_size()[0]
        loss = DenoisingLoss(pictures, keys, BATCH, amounts="logit-normal")
        for step in resumable(
            model, loss, steps=STEPS, seed=0, optimizer=optimizer, ema_model=ema_model,
            checkpoint=Path(kept.format(rank)), save_every=5,
        ):  # fmt: skip
            # One write, so that the lines of two processes don't mix.
            os.write(1, f"{rank} {step.number} {step.loss:.6f}\n".encode())
            if distributed.is_main() and step.number == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)
        both = prefixed_state(model, prefix="model") | prefixed_state(ema_model, prefix="ema")
        save(both, Path(output), recipe={"wrote": rank})


if __name__ == "__main__":
    main(*sys.argv[1:])
