"""Adam, and AdamW with decoupled weight decay."""

from collections.abc import Iterable
from typing import Any

from ..kernels import array_module
from .optimizer import Optimizer


class Adam(Optimizer):
    """Steps of nearly equal size for every weight, from running moments of the gradient.

        g = gradient + weight_decay w
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)       in step t = 1, 2, ...

    Paper: Kingma, Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0,
    ) -> None:  # fmt: skip
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        xp = array_module(w)
        beta1, beta2 = group["betas"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * w
        if not state:
            state.update(step=0, exp_avg=xp.zeros_like(w), exp_avg_sq=xp.zeros_like(w))
        state["step"] += 1
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        root = xp.sqrt(v) / (1 - beta2**t) ** 0.5 + group["eps"]
        w -= group["lr"] / (1 - beta1**t) * m / root


class AdamW(Adam):
    """Adam whose weight decay is not divided by sqrt(v): w = (1 - lr weight_decay) w - (Adam step).

    Paper: Loshchilov, Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        w *= 1 - group["lr"] * group["weight_decay"]
        super().update(w, g, state, group | {"weight_decay": 0})
