"""Lesson 22: versions of an image, a small network, and typical mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn
from .examination import Wrong


def moved(image: np.ndarray, dy: int, dx: int, mirrored: bool, kind: str = "") -> np.ndarray:
    """image[..., i + dy, j + dx], of a mirrored image if asked; ``kind`` of what comes in from
    outside: zeros, or NumPy's "wrap", "edge", "reflect"."""
    h, w = image.shape[-2:]
    image = image[..., ::-1] if mirrored else image
    rim = (*[(0, 0)] * (image.ndim - 2), (h, h), (w, w))
    padded = np.pad(image, rim, kind) if kind else np.pad(image, rim)  # type: ignore[call-overload]
    return padded[..., h + dy : 2 * h + dy, w + dx : 2 * w + dx]


def _augment(
    bug: str, low: int = 0, high: int = 0, kind: str = "", flips: Any = None, axis: int = -1,
    validates: bool = True, each: bool = True, seeded: bool = True,
) -> Wrong:  # fmt: skip
    """The right function with one thing changed; low and high are added to the interval's ends."""

    def make(
        images: np.ndarray, pixels: int, training: bool, rng: np.random.Generator
    ) -> np.ndarray:
        if not training and validates:
            return images
        rng = rng if seeded else np.random.default_rng()
        n = len(images)
        least, most = (-pixels + low, pixels + high) if pixels else (0, 0)
        dy, dx = rng.integers(least, most + 1, (2, n) if each else (2, 1)) + np.zeros((2, n), int)
        coins = rng.random(n if each else 1) + np.zeros(n) < 0.5
        coins = coins if flips is None else np.full(n, flips)
        parts = [
            moved(image, y, x, False, kind) for image, y, x in zip(images, dy, dx, strict=True)
        ]
        flipped = [np.flip(p, axis) if coin else p for p, coin in zip(parts, coins, strict=True)]
        return np.stack(flipped)

    return Wrong(bug, {"augment": make})


AUGMENT = (
    _augment("validation-changed", validates=False),
    _augment("same-for-all", each=False),
    _augment("wraps-around", kind="wrap"),
    _augment("border-repeated", kind="edge"),
    _augment("mirrored-upside-down", axis=-2),
    _augment("never-mirrored", flips=False),
    _augment("always-mirrored", flips=True),
    _augment("moves-one-sided", low=2),
    _augment("moves-one-sided", high=-1),
    _augment("moves-too-far", high=1),
    _augment("other-generator", seeded=False),
    Wrong("returns-none", {"augment": lambda images, pixels, training, rng: None}),
)


def _mixed(x: np.ndarray, own: float, other: float, turn: int) -> np.ndarray:
    return own * x + other * np.roll(x, turn, 0)


MIXUP = (
    Wrong("targets-not-mixed", {"mixup": lambda x, t, lam: (_mixed(x, lam, 1 - lam, 1), t)}),
    Wrong("shares-exchanged", {"mixup": lambda x, t, lam: tuple(
        _mixed(a, 1 - lam, lam, 1) for a in (x, t))}),
    Wrong("shares-exchanged", {"mixup": lambda x, t, lam: (
        _mixed(x, lam, 1 - lam, 1), _mixed(t, 1 - lam, lam, 1))}),
    Wrong("mixed-with-next", {"mixup": lambda x, t, lam: tuple(
        _mixed(a, lam, 1 - lam, -1) for a in (x, t))}),
    Wrong("other-partner", {"mixup": lambda x, t, lam: (
        _mixed(x, lam, 1 - lam, 1), _mixed(t, lam, 1 - lam, -1))}),
    Wrong("shares-not-one", {"mixup": lambda x, t, lam: tuple(
        _mixed(a, lam, lam, 1) for a in (x, t))}),
    Wrong("returns-none", {"mixup": lambda x, t, lam: None}),
)  # fmt: skip


def network() -> nn.Module:
    """A backbone with batch norm and dropout, and a head with a batch norm of its own."""
    backbone = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(),
        nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.Dropout(0.3)),
    )  # fmt: skip
    head = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 3))
    return nn.Sequential({"backbone": backbone, "head": head}).double()


def head_of(net: Any) -> nn.Module:
    return net.head


def _freeze(
    bug: str, *, learns: Callable[[str], bool] = lambda path: False, norms: bool = True,
    dropouts: bool = True, head: bool = True, inner: bool = True, last: bool = True,
    only_now: bool = False,
) -> Wrong:  # fmt: skip
    """The right function with one thing left out; ``learns`` says which of the rest do."""

    def make(net: nn.Module, top: nn.Module) -> None:
        for name, p in net.named_parameters():
            p.requires_grad_(learns(name))
        if head:
            top.requires_grad_(True)
        for module in net.modules():
            is_norm, is_dropout = (isinstance(module, k) for k in (nn.BatchNorm2d, nn.Dropout))
            module.frozen = not ((is_norm and not norms) or (is_dropout and not dropouts))
        for module in top.modules() if inner else [top]:
            module.frozen = not head
        if only_now:
            for module in net.modules():
                module.frozen = False
            net.eval()
            for module in top.modules():
                module.train()
        elif last:
            net.train()

    return Wrong(bug, {"freeze": make})


FREEZE = (
    _freeze("weights-moved", learns=lambda name: True),
    _freeze("weights-moved", learns=lambda name: name.endswith("bias")),
    _freeze("statistics-moved", norms=False),
    _freeze("statistics-moved", only_now=True),
    _freeze("dropout-on", dropouts=False),
    _freeze("head-frozen", head=False),
    _freeze("head-frozen", inner=False),
    _freeze("not-at-once", last=False),
    Wrong("weights-moved", {"freeze": lambda net, head: None}, also=("statistics-moved",)),
)
