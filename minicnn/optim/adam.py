"""Adam, and AdamW with decoupled weight decay."""

from collections.abc import Iterable
from typing import Any

from ..kernels import array_module, kernels_for
from .optimizer import Optimizer


class Adam(Optimizer):
    """Steps of nearly equal size for every weight, from running moments of the gradient.

        g = gradient + weight_decay w
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)       in step t = 1, 2, ...

    Paper: Kingma, Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    """

    decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0,
    ) -> None:  # fmt: skip
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            zeros = array_module(w).zeros_like
            state.update(step=0, exp_avg=zeros(w), exp_avg_sq=zeros(w))
        state["step"] += 1
        kernels_for(w).adam_step(
            w, g, state["exp_avg"], state["exp_avg_sq"], state["step"], group["lr"],
            *group["betas"], group["eps"], group["weight_decay"], self.decoupled,
        )  # fmt: skip


class AdamW(Adam):
    """Adam whose weight decay is not divided by sqrt(v): w = (1 - lr weight_decay) w - (Adam step).

    Paper: Loshchilov, Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay)
