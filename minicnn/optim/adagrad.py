"""Adagrad."""

from collections.abc import Iterable
from typing import Any

from ..kernels import array_module, kernels_for
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """The gradient over the root of the sum of all its squares so far.

        g = gradient + weight_decay w
        s = s + g^2                                (s = initial_accumulator_value at first)
        w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)                in step t = 1, 2, ...

    Paper: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011, section 1.1 (with a diagonal matrix).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0,
        weight_decay: float = 0, initial_accumulator_value: float = 0, eps: float = 1e-10,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps,
        )  # fmt: skip

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, sum=array_module(w).zeros_like(w))
            state["sum"] += group["initial_accumulator_value"]
        lr = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        kernels_for(w).adagrad_step(w, g, state["sum"], lr, group["eps"], group["weight_decay"])
