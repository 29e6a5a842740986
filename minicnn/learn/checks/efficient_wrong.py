"""Lesson 20: what an inverted residual computes, right and with typical mistakes."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from ... import nn, ops
from ...tensor import Tensor
from .examination import Wrong

Change = dict[str, Any]


def expected(
    values: list[np.ndarray], factor: np.ndarray | None, x: np.ndarray, sizes: tuple,
    acts: tuple[Any, Any, Any] | None = None, gated: int = 1,
) -> np.ndarray:  # fmt: skip
    """The block from its numbers: (weight, scale, shift, mean, var) for each convolution.

    acts: the activations; gated: behind which convolution the gate is.
    """
    c, e, o, k, s, activation, _ = sizes
    acts = acts or (activation, activation, None)
    layers = list(zip(*[iter(values)] * 5, strict=True))
    y = Tensor(x)
    for i, layer in zip(range(3 - len(layers), 3), layers, strict=True):
        weight, scale, shift, mean, var = (Tensor(a) for a in layer)
        how = {"stride": s if i == 1 else 1, "padding": weight.shape[2] // 2}
        y = ops.conv2d(y, weight, groups=y.shape[1] // weight.shape[1], **how)
        y = ops.batch_norm(y, mean, var, scale, shift, training=False, eps=1e-5)
        y = act()(y) if (act := acts[i]) else y
        y = y * factor if factor is not None and i == gated else y
    return y.numpy() + (x if s == 1 and c == o else 0)


def _activations(last: bool) -> Callable[[tuple], Iterator[Change]]:
    """All wrong choices, with one at the end or without."""

    def changes(sizes: tuple) -> Iterator[Change]:
        here = dict.fromkeys((sizes[5], None, nn.ReLU))
        for acts in product(here, here, here):
            if acts != (sizes[5], sizes[5], None) and (acts[2] is not None) == last:
                yield {"acts": acts}

    return changes


CHANGES: dict[str, Callable[[tuple], Iterator[Change]]] = {
    "activation-after-projection": _activations(last=True),
    "activation-missing": _activations(last=False),
    "gate-lost": lambda sizes: ({"gated": i} for i in (0, 2, 3) if sizes[6]),
}


def conv(c: int, o: int, k: int, stride: int = 1, groups: int = 1, activation: Any = None) -> list:
    """Convolution, batch norm, activation."""
    layer = nn.Conv2d(c, o, k, stride, k // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(o), *([activation()] if activation else [])]


class Block(nn.Module):
    def __init__(self, layers: list[nn.Module], skip: bool) -> None:
        super().__init__()
        self.layers, self.skip = nn.Sequential(*layers), skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.skip else y


def _block(
    bug: str, *, first: bool | None = None, dense: bool = False, at: int = 1, gate_at: int = 1,
    acts: tuple[int, int, int] = (1, 1, 0), skip: Any = lambda s, c, o: s == 1 and c == o,
) -> Wrong:  # fmt: skip
    """The block with a mistake; acts says which convolutions are followed by the activation."""

    def make(c: int, e: int, o: int, k: int, s: int, act: Any, gate: Any = None) -> nn.Module:
        strides = [s if i == at else 1 for i in range(3)]
        chosen = [act if on else None for on in acts]
        parts = [
            conv(c, e, 1, strides[0], 1, chosen[0]) if first or (first is None and e != c) else [],
            conv(e, e, k, strides[1], 1 if dense else e, chosen[1]),
            conv(e, o, 1, strides[2], 1, chosen[2]),
        ]
        if first is False:  # the depthwise layer as wide as the input
            parts[1:] = conv(c, c, k, s, c, act), conv(c, o, 1)
        elif gate is not None and gate_at < 3:
            parts[gate_at].append(gate)
        return Block([layer for part in parts for layer in part], skip(s, c, o))

    return Wrong(bug, {"InvertedResidual.__init__": make})


BLOCK = (
    _block("not-expanded", first=False),
    _block("expanded-in-vain", first=True),
    _block("not-depthwise", dense=True),
    _block("gate-lost", gate_at=3),
    _block("gate-lost", gate_at=0),
    _block("activation-after-projection", acts=(1, 1, 1)),
    _block("activation-missing", acts=(0, 1, 0)),
    _block("activation-missing", acts=(1, 0, 0)),
    _block("activation-missing", acts=(0, 0, 0)),
    _block("stride-misplaced", at=0),
    _block("stride-misplaced", at=2),
    _block("skip-lost", skip=lambda s, c, o: False),
    _block("skip-misfit", skip=lambda s, c, o: True),
    _block("skip-misfit", skip=lambda s, c, o: s == 1),
    _block("skip-misfit", skip=lambda s, c, o: c == o),
    Wrong("raises", {"InvertedResidual.__init__": lambda *sizes: None}),
)


def _dense(bug: str, place: Callable[[int, int, int], int | None]) -> Wrong:
    """``place(filter, groups, filters per group)`` is the group that a filter is copied to."""

    def make(weight: np.ndarray, groups: int) -> np.ndarray:
        filters, channels = weight.shape[:2]
        full = np.zeros((filters, channels * groups, *weight.shape[2:]))
        for o in range(filters):
            g = place(o, groups, filters // groups)
            if g is not None:
                full[o, g * channels : (g + 1) * channels] = weight[o]
        return full

    return Wrong(bug, {"dense_weight": make})


DENSE = (
    _dense("wrong-group", lambda o, groups, each: o % groups),
    _dense("one-filter-each", lambda o, groups, each: None if o % each else o // each),
    Wrong("groups-ignored", {"dense_weight": lambda w, groups: np.tile(w, (1, groups, 1, 1))}),
    Wrong("kernel-turned", {"dense_weight": lambda w, groups: _turned(w, groups)}),
    Wrong("wrong-shape", {"dense_weight": lambda w, groups: w}),
    Wrong("returns-none", {"dense_weight": lambda w, groups: None}),
)


def _turned(weight: np.ndarray, groups: int) -> np.ndarray:
    right = _dense("", lambda o, groups, each: o // each).functions["dense_weight"]
    return right(weight[:, :, ::-1, ::-1], groups)
