"""What the doctor measures of a training step: a Look. Nothing it does changes the training."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ... import random
from ...kernels import array_module, to_device
from ...modes import no_grad, observe
from ...nn import Module
from ...tensor import Tensor

IMAGES = 32  # of a batch, that are looked at inside the network
_FLOORED = ("relu", "hardtanh")  # the latter is what relu6 records
# Where the slope of the curve is under 2 % of its largest.
_FLAT = {"tanh": lambda y: np.abs(y) > 0.99, "sigmoid": lambda y: np.abs(y - 0.5) > 0.495}


class Activation(NamedTuple):
    """The outputs of one activation: ``dead`` (units,) bool, the units that are 0 for all images;
    ``flat``, the share of outputs in [0, 1] where the slope is nearly 0. None where not asked."""

    op: str
    dead: np.ndarray | None
    flat: float | None


@dataclass
class Look:
    """One step of a training.

    Gradients and updates are norms relative to that of their weight, by parameter name, for
    weights of two axes or more: |g| / |w| and |new w - w| / |w|.
    """

    step: int
    lr: float
    activations: dict[str, Activation]
    gradients: dict[str, float]
    silent: list[str]  # parameters that asked for a gradient and got none
    images: tuple[float, float, float]  # largest |value|, mean, standard deviation
    labels: np.ndarray  # (B,) int64, or (B, K) of 0 and 1
    outputs: np.ndarray  # (B, K)
    updates: dict[str, float] = field(default_factory=dict)


def look(
    model: Module, images: np.ndarray, labels: np.ndarray, outputs: Any, step: int, lr: float
) -> Look:
    """Measure a step between its backward and the optimizer's step."""
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
    logits = outputs.numpy().reshape(len(outputs), -1).astype(np.float64)
    with np.errstate(all="ignore"):
        return Look(
            step, lr, activations(model, images[:IMAGES]), _relative_gradients(model),
            [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None],
            (float(np.abs(images).max()), float(images.mean()), float(images.std())),
            _hard(labels), logits,
        )  # fmt: skip


def activations(model: Module, images: np.ndarray) -> dict[str, Activation]:
    """What comes out of every ReLU, sigmoid and tanh but the last, by the path of the layer.

    One more forward in the mode that the model is in. Running statistics and random numbers are
    put back, so the training goes on as if nothing had been.
    """
    found: list[tuple[str, str, Any]] = []
    inside = [""]

    def see(name: str, y: Tensor, inputs: Any, options: Any) -> None:
        if name in _FLOORED or name in _FLAT:
            found.append((inside[-1] or type(model).__name__, name, y.data))

    removers = [
        remove
        for path, module in model.named_modules()
        for remove in (
            module.register_forward_pre_hook(lambda m, x, path=path: inside.append(path)),
            module.register_forward_hook(lambda m, x, y: inside.__delitem__(-1)),
        )
    ]
    try:
        with unchanged(model), no_grad(), observe(see):
            outputs = model(Tensor(images).to(_device(model)))
    finally:
        for remove in removers:
            remove()
    last = [y.data for y in (outputs if isinstance(outputs, tuple) else (outputs,))]
    named: dict[str, Activation] = {}
    for path, op, y in found:
        if not any(y is array for array in last):
            calls = sum(name.partition(" call ")[0] == path for name in named)
            named[f"{path} call {calls + 1}" if calls else path] = _activation(op, y)
    return named


@contextmanager
def unchanged(model: Module) -> Iterator[None]:
    """Afterwards buffers and the library's random numbers are what they were."""
    state, buffers = random.get_state(), [(b, b.data.copy()) for b in model.buffers()]
    try:
        yield
    finally:
        random.set_state(state)
        for buffer, values in buffers:
            buffer.data[...] = values


def weights(model: Module) -> dict[str, Any]:
    """Copies of the weights of two axes or more that learn, by name."""
    return {name: p.data.copy() for name, p in _weights(model)}


def relative_updates(model: Module, before: dict[str, Any]) -> dict[str, float]:
    """|new w - w| / |w| by name; without weights that were all 0."""
    with np.errstate(all="ignore"):
        now = dict(_weights(model))
        norms = {name: _norm(w) for name, w in before.items()}
        return {
            name: _norm(now[name].data - w) / norms[name]
            for name, w in before.items()
            if norms[name] > 0 and name in now
        }


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Mean loss per label in nats of logits (B, K), whatever loss the training uses.

    -ln softmax(z)[t], or for one output and for several labels per image softplus(z) - t z.
    """
    if labels.ndim == 1 and outputs.shape[1] > 1:
        z = outputs - outputs.max(1, keepdims=True)
        return float((np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), labels]).mean())
    t = labels.reshape(outputs.shape)
    return float((np.logaddexp(0, outputs) - t * outputs).mean())


def chance_level(labels: np.ndarray) -> float:
    """The cross-entropy of always answering with the shares of the classes: their entropy.

    (N,) class indices, or (N, K) of 0 and 1, where it is the mean over the K labels. ln K for K
    classes of the same size.
    """
    if labels.ndim == 1:
        shares = np.bincount(labels) / len(labels)
        return float(-sum(p * math.log(p) for p in shares if p > 0))
    p = labels.mean(0).clip(1e-12, 1 - 1e-12)
    return float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).mean())


def _activation(op: str, y: Any) -> Activation:
    y = to_device(y, "cpu")
    if op in _FLAT:
        return Activation(op, None, float(_FLAT[op](y).mean()))
    unit = y.ndim - 1 if y.ndim == 3 else min(1, y.ndim - 1)  # tokens have their features last
    others = tuple(axis for axis in range(y.ndim) if axis != unit)
    return Activation(op, ~(y != 0).any(axis=others), None)


def _weights(model: Module) -> Iterator[tuple[str, Tensor]]:
    return ((n, p) for n, p in model.named_parameters() if p.requires_grad and p.ndim >= 2)


def _relative_gradients(model: Module) -> dict[str, float]:
    return {
        name: _norm(p.grad.data) / size
        for name, p in _weights(model)
        if p.grad is not None and (size := _norm(p.data)) > 0
    }


def _norm(array: Any) -> float:
    return math.sqrt(float(array_module(array).square(array).sum(dtype=np.float64)))


def _hard(labels: np.ndarray) -> np.ndarray:
    """Labels as they would be without mixing: (B,) stays, (B, K) of shares becomes 0 and 1."""
    if labels.ndim == 1:
        return labels.astype(np.int64)
    return (labels > 0.5).astype(np.int64)


def _device(model: Module) -> str:
    return next((p.device for p in model.parameters()), "cpu")
