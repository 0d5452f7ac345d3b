"""Lets torchvision be imported beside a torch that it was not built for: peers import it, to read photos."""

import importlib.util

import torch

NEEDED = ("nms", "qnms")  # the operators that its import asks for, loaded or not
_declared: list[torch.library.Library] = []  # a declaration lasts as long as its library


def import_torchvision() -> None:
    """Import torchvision where it is installed, even if its own operators can't be loaded.

    The usual build of torchvision wants torch's CUDA libraries.  Beside a torch for the CPU its operators are missing,
    and then its import fails at the first of `NEEDED`.  Nothing here uses one, so it is enough to declare them.
    """
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        _declared.append(torch.library.Library("torchvision", "DEF"))
        for name in NEEDED:
            _declared[0].define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        importlib.import_module("torchvision")
