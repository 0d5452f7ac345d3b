"""Trains a small model, alone or as one of the processes that torchrun starts.

python -m tests.support.together OUT KEPT [N [OPTIMIZER]]

OUT gets the weights and their running mean.  KEPT is the checkpoint, of each process its own if {} stands in it.  The
first process kills itself when it has come to step N.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from course_lib import distributed, training
from course_lib.checkpoints import store
from course_lib.models import Denoiser

BATCH, STEPS = 16, 24


def main(output: str, kept: str, kill_at: str = "0", optimizer: str = "adam") -> None:
    with distributed.joined(torch.device("cpu")):
        random = torch.Generator().manual_seed(0)
        pictures, keys = torch.rand(40, 3, 16, 16, generator=random) * 2 - 1, torch.randn(8, 3, 5, generator=random)
        torch.manual_seed(0)
        model, averaged = (Denoiser(predicts="velocity", fold=2, widths=(16, 16), key_size=5) for _ in range(2))
        for step in training.train(
            model, pictures, keys=keys, steps=STEPS, seed=0, batch=BATCH, amounts="bell", optimizer=optimizer,
            averaged=averaged, checkpoint=kept.format(distributed.share()[0]), save_every=5,
        ):  # fmt: skip
            # One write, so that the lines of two processes don't mix.
            os.write(1, f"{distributed.share()[0]} {step.number} {step.loss:.6f}\n".encode())
            if distributed.first() and step.number == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)
        both = training.weights(model, "model") | training.weights(averaged, "averaged")
        store(both, Path(output), recipe={"wrote": distributed.share()[0]})


if __name__ == "__main__":
    main(*sys.argv[1:])
