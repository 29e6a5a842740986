"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from ..kernels import array_module, kernels_for
from .optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent with momentum, Nesterov's variant and weight decay.

        g = gradient + weight_decay w
        v = momentum v + (1 - dampening) g        (v = g in the first step)
        w = w - lr v                              (nesterov: w - lr (g + momentum v))

    Raises ValueError for nesterov without momentum or with dampening.
    Papers: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964;
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
    learning", 2013, equations 1-4 (here with the learning rate outside v, as in torch).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
            nesterov=nesterov,
        )  # fmt: skip

    def _check_options(self, options: dict[str, Any]) -> None:
        super()._check_options(options)
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            got = f"momentum={options['momentum']}, dampening={options['dampening']}"
            raise self._error("nesterov needs momentum above 0 and dampening 0", got)

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        v, dampening = None, group["dampening"]
        if group["momentum"]:
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = array_module(w).zeros_like(w)
                dampening = 0  # v = g in the first step
            v = state["momentum_buffer"]
        kernels_for(w).sgd_step(
            w, g, v, group["lr"], group["momentum"], dampening, group["weight_decay"],
            group["nesterov"],
        )  # fmt: skip
