"""RMSprop."""

from collections.abc import Iterable
from typing import Any

from ..kernels import array_module, kernels_for
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """The gradient over the root of its running mean square.

        g = gradient + weight_decay w
        s = alpha s + (1 - alpha) g^2
        a = alpha a + (1 - alpha) g;  s - a^2 in place of s        (centered only: the variance)
        v = momentum v + g / (sqrt(s) + eps)
        w = w - lr v

    Sources: Tieleman, Hinton, "Neural networks for machine learning", lecture 6.5, 2012; centered:
    Graves, "Generating sequences with recurrent neural networks", 2013, equations 38-41 (which
    has eps under the root; here it stands outside, as in torch).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum,
            centered=centered,
        )  # fmt: skip

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        names = ["square_avg"]
        names += ["grad_avg"] * bool(group["centered"])
        names += ["momentum_buffer"] * bool(group["momentum"])
        for name in names:
            if name not in state:
                state[name] = array_module(w).zeros_like(w)
        a = state["grad_avg"] if group["centered"] else None
        v = state["momentum_buffer"] if group["momentum"] else None
        kernels_for(w).rmsprop_step(
            w, g, state["square_avg"], a, v, group["lr"], group["alpha"], group["eps"],
            group["weight_decay"], group["momentum"],
        )  # fmt: skip
