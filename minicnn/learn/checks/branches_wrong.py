"""Lesson 17: typical mistakes, which the exam of the checks plants."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn
from .examination import Wrong


def _pointwise(
    weight: str = "oc", mean: Callable[[Any], float] = lambda gy: 1, turned: bool = False,
    order: tuple[int, int, int] = (0, 1, 2),
) -> dict[str, Any]:  # fmt: skip
    """The gradients, with a step as a typical mistake has it."""

    def backward(gy: Any, x: Any, w: Any, b: Any) -> Any:
        gx = np.einsum(f"nohw,{weight}->nchw", gy, w)
        gw = np.einsum("nohw,nchw->oc", gy, x) / mean(gy)
        gradients = (gx, gw.T if turned else gw, gy.sum((0, 2, 3)) / mean(gy))
        return tuple(gradients[i] for i in order)

    return {"pointwise_backward": backward}


POINTWISE_WRONG = (
    Wrong("weight-axes-exchanged", _pointwise(weight="co")),
    Wrong("weight-axes-exchanged", _pointwise(turned=True)),
    Wrong("uses-averaged", _pointwise(mean=lambda gy: gy.shape[0])),
    Wrong("uses-averaged", _pointwise(mean=lambda gy: gy[0, 0].size)),
    Wrong("uses-averaged", _pointwise(mean=lambda gy: gy[:, 0].size)),
    Wrong("gradients-exchanged", _pointwise(order=(1, 0, 2))),
    Wrong("gradients-exchanged", _pointwise(order=(0, 2, 1))),
)


def _branches(
    keep: Callable[[Any, Any], Any] = lambda gx, part: gx + part, move: bool = True,
    share: Callable[[Any], float] = lambda branches: 1, from_end: bool = False,
) -> dict[str, Any]:  # fmt: skip
    def branches_backward(gy: Any, x: Any, branches: Any) -> Any:
        gx, first = np.zeros_like(x), 0
        for forward, backward in branches:
            width = forward(x).shape[1]
            at = gy.shape[1] - first - width if from_end else first
            gx = keep(gx, backward(gy[:, at : at + width], x))
            first += width * move
        return gx / share(branches)

    return {"branches_backward": branches_backward}


BRANCHES_WRONG = (
    Wrong("branch-overwritten", _branches(keep=lambda gx, part: part)),
    Wrong("branch-overwritten", _branches(keep=lambda gx, part: gx if gx.any() else part)),
    Wrong("branches-averaged", _branches(share=len)),
    Wrong("pieces-from-start", _branches(move=False)),
    Wrong("slices-swapped", _branches(from_end=True)),
    Wrong("returns-none", {"branches_backward": lambda gy, x, branches: None}),
)


def _conv(channels: int, filters: int, kernel: int, padded: bool = True) -> nn.Sequential:
    layer = nn.Conv2d(channels, filters, kernel, padding=kernel // 2 * padded, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(filters, 0.001), nn.ReLU())


def _inception(
    order: tuple[int, ...] = (0, 1, 2, 3), padded: bool = True, pool: Any = None,
    reduce: bool = True, project: bool = True, late: bool = False, window: int = 0,
    swapped: bool = False,
) -> dict[str, Any]:  # fmt: skip
    def inception(
        c: int, n1: int, r3: int, n3: int, r5: int, n5: int, to: int, large: int = 5
    ) -> Any:
        if swapped:
            r3, r5 = r5, r3
        fourth: list[nn.Module] = [pool or nn.MaxPool2d(3, 1, padding=1)]
        fourth += [_conv(c, to, 1)] if project else []
        third = [_conv(c, r5, 1), _conv(r5, n5, window or large, padded)]
        branches = [
            _conv(c, n1, 1),
            nn.Sequential(_conv(c, r3, 1), _conv(r3, n3, 3, padded)),
            nn.Sequential(*(third if reduce else [_conv(c, n5, large)])),
            nn.Sequential(*(fourth[::-1] if late else fourth)),
        ]
        return [branches[i] for i in order]

    return {"inception": inception}


INCEPTION_WRONG = (
    Wrong("branch-order", _inception(order=(0, 2, 1, 3))),
    Wrong("branch-order", _inception(order=(3, 0, 1, 2))),
    Wrong("no-padding", _inception(padded=False)),
    Wrong("no-padding", _inception(pool=nn.MaxPool2d(3, 1))),
    Wrong("no-padding", _inception(pool=nn.MaxPool2d(3, 2, padding=1))),
    Wrong("pool-averages", _inception(pool=nn.AvgPool2d(3, 1, 1))),
    Wrong("reduce-missing", _inception(reduce=False)),
    Wrong("projection-missing", _inception(project=False)),
    Wrong("projection-before-pool", _inception(late=True)),
    Wrong("other-window", _inception(window=5)),
    Wrong("other-window", _inception(window=3)),
    Wrong("other-widths", _inception(swapped=True)),
    Wrong("returns-none", {"inception": lambda *row, **options: None}),
)
