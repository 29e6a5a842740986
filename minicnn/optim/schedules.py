"""Learning-rate schedules: lr as a function of the number t of `step` calls.

Call `step()` after the optimizer's, once per epoch or once per batch, as the schedule is meant.
Each schedule is a closed formula of t and the group's first learning rate, so a schedule that is
loaded from a checkpoint gives the very same numbers.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from .optimizer import Optimizer


class Schedule:
    """Base of the schedules: a schedule is one formula, `lr_at`.

    ``base_lrs`` has the first learning rate of each parameter group, ``last_epoch`` is t.
    Two schedules on one optimizer do not multiply: each sets the learning rate by its own formula,
    and the last one to step wins. `SequentialLR` puts one after the other.
    """

    def __init__(self, optimizer: Optimizer, base_lrs: list[float] | None = None) -> None:
        self.optimizer = optimizer
        groups = optimizer.param_groups
        # "initial_lr" is what later schedules on the same optimizer start from.
        first_lrs = [group.setdefault("initial_lr", group["lr"]) for group in groups]
        self.base_lrs = base_lrs or first_lrs
        self._set(0)

    def lr_at(self, t: int, base_lr: float) -> float:
        """The learning rate after ``t`` steps of a group that starts with ``base_lr``."""
        raise NotImplementedError(f"{type(self).__name__}: define lr_at(t, base_lr)")

    def step(self) -> None:
        """Go on by one."""
        self._set(self.last_epoch + 1)

    def get_last_lr(self) -> list[float]:
        """The learning rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as plain numbers and lists."""
        return {name: v for name, v in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where the schedule that gave ``state_dict`` stood, learning rate included."""
        vars(self).update(state_dict)
        self._set(self.last_epoch)

    def _set(self, t: int) -> None:
        self.last_epoch = t
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.lr_at(t, base_lr)


class MultiStepLR(Schedule):
    """lr = base_lr gamma^(number of milestones <= t)."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base_lr: float) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, t)


class StepLR(Schedule):
    """lr = base_lr gamma^floor(t / step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        _check_at_least("StepLR", "step_size", step_size, 1)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base_lr: float) -> float:
        return base_lr * self.gamma ** (t // self.step_size)


class ExponentialLR(Schedule):
    """lr = base_lr gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base_lr: float) -> float:
        return base_lr * self.gamma**t


class CosineAnnealingLR(Schedule):
    """lr = eta_min + (base_lr - eta_min) (1 + cos(pi t / T_max)) / 2.

    Paper: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    equation 5 (one period, no restarts).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        _check_at_least("CosineAnnealingLR", "T_max", T_max, 1)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def lr_at(self, t: int, base_lr: float) -> float:
        return _cosine(base_lr, self.eta_min, t / self.T_max)


class LinearLR(Schedule):
    """Warm-up: base_lr times a factor that goes straight from start_factor to end_factor.

    lr = base_lr (start_factor + (end_factor - start_factor) min(t / total_iters, 1))
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:  # fmt: skip
        _check_at_least("LinearLR", "total_iters", total_iters, 1)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def lr_at(self, t: int, base_lr: float) -> float:
        part = min(t / self.total_iters, 1)
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * part)


class OneCycleLR(Schedule):
    """Up from max_lr / div_factor to max_lr, then down to max_lr / div_factor / final_div_factor.

    The way up takes ``pct_start`` of the ``total_steps`` (batches, not epochs), both ways are half
    a cosine. With ``cycle_momentum`` the momentum (beta1 of Adam) goes the other way, from
    ``max_momentum`` to ``base_momentum`` and back. ``max_lr`` may be a list, one per group.

    Raises ValueError after more than total_steps steps, and for cycle_momentum without momentum.
    Paper: Smith, Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2018, section 3 (the paper has straight lines).
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int,
        pct_start: float = 0.3, cycle_momentum: bool = True, base_momentum: float = 0.85,
        max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
    ) -> None:  # fmt: skip
        _check_at_least("OneCycleLR", "total_steps", total_steps, 1)
        groups = optimizer.param_groups
        if cycle_momentum and not ("betas" in groups[0] or groups[0].get("momentum")):
            raise ValueError(
                "OneCycleLR: cycle_momentum needs an optimizer with momentum or betas, got "
                f"{type(optimizer).__name__} without; pass cycle_momentum=False"
            )
        if not 0 <= pct_start < 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1), got {pct_start}")
        self.total_steps, self.pct_start = total_steps, pct_start
        self.cycle_momentum = cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        lrs = [max_lr] * len(groups) if isinstance(max_lr, float | int) else list(max_lr)
        if len(lrs) != len(groups):
            raise ValueError(f"OneCycleLR: max_lr must be one per group ({len(groups)}), got {lrs}")
        super().__init__(optimizer, lrs)

    def lr_at(self, t: int, base_lr: float) -> float:
        first = base_lr / self.div_factor
        return self._cycle(t, first, base_lr, first / self.final_div_factor)

    def _cycle(self, t: int, start: float, middle: float, end: float) -> float:
        peak, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if t < peak:
            return _cosine(start, middle, t / peak)
        return _cosine(middle, end, (t - peak) / (last - peak))

    def _set(self, t: int) -> None:
        if t > self.total_steps:
            raise ValueError(f"OneCycleLR: step() must be called {self.total_steps} times, got {t}")
        super()._set(t)
        if self.cycle_momentum:
            m = self._cycle(t, self.max_momentum, self.base_momentum, self.max_momentum)
            for group in self.optimizer.param_groups:
                new = {"betas": (m, group["betas"][1])} if "betas" in group else {"momentum": m}
                group.update(new)


class ReduceLROnPlateau(Schedule):
    """lr = max(lr factor, min_lr) when the metric has not improved for more than patience steps.

    Improved means, by ``mode`` ("min" for a loss, "max" for an accuracy) and ``threshold_mode``:

        "min", "rel": metric < best (1 - threshold)        "min", "abs": metric < best - threshold
        "max", "rel": metric > best (1 + threshold)        "max", "abs": metric > best + threshold

    A negative best moves the "rel" bound towards worse, as in torch; take "abs" there. After a
    reduction ``cooldown`` steps do not count. A change of at most ``eps`` is not made.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float = 0.0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                'ReduceLROnPlateau: mode must be "min" or "max" and threshold_mode "rel" or "abs", '
                f"got {mode!r} and {threshold_mode!r}"
            )
        if not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be in [0, 1), got {factor}")
        self.mode, self.factor, self.patience, self.min_lr = mode, factor, patience, min_lr
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.eps = eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer, [group["lr"] for group in optimizer.param_groups])

    def lr_at(self, t: int, base_lr: float) -> float:
        return base_lr

    def step(self, metrics: float) -> None:  # type: ignore[override]
        """Go on by one with this epoch's metric (a number or a Tensor of one element)."""
        value = float(metrics)
        self.num_bad_epochs = 0 if self._is_better(value) else self.num_bad_epochs + 1
        if self.num_bad_epochs == 0:
            self.best = value
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self.base_lrs = [self._reduced(lr) for lr in self.get_last_lr()]
        else:
            self.base_lrs = self.get_last_lr()
        self._set(self.last_epoch + 1)

    def _is_better(self, value: float) -> bool:
        margin = -self.threshold if self.mode == "min" else self.threshold
        relative = self.threshold_mode == "rel"
        bound = self.best * (1 + margin) if relative else self.best + margin
        return value < bound if self.mode == "min" else value > bound

    def _reduced(self, lr: float) -> float:
        new = max(lr * self.factor, self.min_lr)
        return new if lr - new > self.eps else lr


class SequentialLR(Schedule):
    """One schedule after the other: `schedulers[i]` rules from step ``milestones[i-1]`` on.

    Each counts from 0 when its turn comes. Warm-up and cosine:

    >>> SequentialLR(sgd, [LinearLR(sgd, total_iters=5), CosineAnnealingLR(sgd, 95)], [5])
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[Schedule], milestones: Sequence[int]
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR: there must be one milestone fewer than schedulers, got "
                f"{len(milestones)} and {len(schedulers)}"
            )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def _set(self, t: int) -> None:
        self.last_epoch = t
        i = bisect_right(self.milestones, t)
        self.schedulers[i]._set(t - (self.milestones[i - 1] if i else 0))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for schedule, state in zip(self.schedulers, state_dict["schedulers"], strict=True):
            schedule.load_state_dict(state)
        super().load_state_dict(state_dict | {"schedulers": self.schedulers})


def _cosine(start: float, end: float, part: float) -> float:
    """From ``start`` (part 0) to ``end`` (part 1) along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def _check_at_least(who: str, name: str, value: float, least: float) -> None:
    if value < least:
        raise ValueError(f"{who}: {name} must be at least {least}, got {value}")
