"""How weights move down the slope: Adam, and Muon, which turns a large network's steps.  Lesson 5."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .errors import CourseError
from .threads import one_thread

OPTIMIZERS = ("adam", "muon")
OUTER = ("conv_in", "conv_out", "amount.0", "key.0")  # of a denoiser: where something enters or leaves it


class Muon(torch.optim.Optimizer):
    """Gives each matrix of weights a step that is equally long in all directions.

    A gradient's matrix mostly points in a few directions, and what is rare hardly moves.  Muon takes its running mean,
    and of that the nearest matrix whose rows (or columns) are orthogonal (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon).  A convolution's weights, out x in x 3 x 3, count as out rows.
    learning_rate: as Adam's: a step is scaled to the size that one of Adam's usually has (Liu et al. 2025,
    arXiv:2502.16982).
    """

    def __init__(self, weights: Iterable[Tensor], learning_rate: float, *, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": learning_rate, "momentum": momentum})

    @torch.no_grad()
    @one_thread()
    def step(self) -> None:  # type: ignore[override]  # no closure: nobody here needs one
        for group in self.param_groups:
            for weight in group["params"]:
                state, gradient = self.state[weight], weight.grad
                if "mean" not in state:
                    state["mean"] = torch.zeros_like(weight)
                mean = state["mean"].lerp_(gradient, 1 - group["momentum"])
                ahead = gradient.lerp(mean, group["momentum"]).flatten(1)  # Nesterov's look ahead; rows x columns
                step = orthogonal(ahead) * 0.2 * max(ahead.shape) ** 0.5
                weight.sub_(group["lr"] * step.view(weight.shape))


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values brought near to 1 (0.7 to 1.2): R x C, to R x C.

    Five turns of Newton and Schulz's iteration with the coefficients of Jordan et al. 2024.  Each turn multiplies by a
    polynomial in X X^T, so it is enough to turn that small square, and to multiply with the matrix once.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / (matrix.norm() + 1e-7)
    square = matrix @ matrix.T  # R x R
    one = torch.eye(len(square), dtype=square.dtype, device=square.device)
    turned = one
    for _ in range(5):
        turn = torch.addmm(3.4445 * one - 4.7750 * square, square, square, alpha=2.0315)
        turned, square = turn @ turned, turn @ square @ turn
    return turned @ matrix


def optimizers_of(model: nn.Module, name: str, learning_rate: float) -> list[torch.optim.Optimizer]:
    """The optimizers that move all weights of a denoiser: "adam" alone, or "muon" for the matrices within.

    Norms, biases and the layers through which something enters or leaves the network are Adam's in any case.
    Raises CourseError for another name.
    """
    if name not in OPTIMIZERS:
        raise CourseError(f"A training takes {' or '.join(map(repr, OPTIMIZERS))}, not {name!r}.")
    within: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for path, weight in model.named_parameters():
        turned = name == "muon" and weight.ndim > 1 and not path.startswith(OUTER)
        (within if turned else others).append(weight)
    adam = torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    return [adam, Muon(within, learning_rate)] if within else [adam]
