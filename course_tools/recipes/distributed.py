"""Several processes that train one model together, as `torchrun` starts them: `course train`, docs/scaling.md.

Every process does the same work in the same order.  Of each batch it takes its own part, and only the main process
writes files and shows progress.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from course_lib.errors import CourseError


def rank_and_world_size() -> tuple[int, int]:
    """This process's number, from 0, and how many train together: (0, 1) for one that is alone."""
    together = dist.is_available() and dist.is_initialized()
    return (dist.get_rank(), dist.get_world_size()) if together else (0, 1)


def is_main() -> bool:
    """Whether this is the main process, the one that writes files and shows progress."""
    return rank_and_world_size()[0] == 0


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the other processes, if `torchrun` started this one, and leave them at the end; gives the device to take.

    They talk through NCCL where each has a GPU of its own, else through Gloo.
    Raises CourseError if a machine has more processes than GPUs.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield device
        return
    if device.type == "cuda":
        here = int(os.environ["LOCAL_RANK"])
        if here >= torch.cuda.device_count():
            raise CourseError(
                f"This machine has {torch.cuda.device_count()} GPUs, and torchrun starts more processes than that: "
                "lower --nproc-per-node, or say --device cpu."
            )
        device = torch.device("cuda", here)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def wrap_ddp(model: Any) -> Any:
    """A denoiser such that `backward` leaves in each process the mean of all processes' gradients; alone, as it was."""
    if rank_and_world_size()[1] == 1:
        return model
    wrapped: Any = DistributedDataParallel(model)
    wrapped.predicts = model.predicts  # all that a loss asks of a model beside calling it
    return wrapped


def all_reduce_mean(value: Tensor) -> Tensor:
    """The mean of what the processes have."""
    if rank_and_world_size()[1] > 1:
        value = value.detach().clone()
        dist.all_reduce(value)
        value /= rank_and_world_size()[1]
    return value


def require_equal(done: int, what: str) -> None:
    """Raises CourseError unless all processes have done as many steps, which is read from the file `what`."""
    counts: list[int | None] = [None] * rank_and_world_size()[1]
    if len(counts) > 1:
        dist.all_gather_object(counts, done)
        if len(set(counts)) > 1:
            raise CourseError(
                f"The machines do not see the same {what}: keep it in a folder that all of them share, and try again."
            )


def barrier() -> None:
    """Wait until all processes are here."""
    if rank_and_world_size()[1] > 1:
        dist.barrier()
