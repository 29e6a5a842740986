"""What each layer of a model costs: shapes, parameters, multiply-adds, memory."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .modes import observe
from .nn import Module, OpLayer, Parameter, evaluating, shape_input
from .nn.module import find
from .tensor import Tensor


class LayerRow(NamedTuple):
    """One layer's call, all numbers for the whole batch, memory in bytes.

    ``multiply_adds`` counts convolutions and products of matrices, biases excluded;
    ``activation_bytes`` is the size of the output, 0 where it is only a view of the input;
    ``im2col_bytes`` that of the matrix of windows that a convolution by im2col makes for a moment.
    """

    path: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int
    im2col_bytes: int


def summarize(model: Module, input_shape: Sequence[int]) -> list[LayerRow]:
    """One row per layer call, in the order in which they end, for an input (N, C, H, W).

    Modules with modules inside have a row only for what they do themselves: parameters of their
    own, and products of matrices outside their layers. Runs the model in eval mode on shapes alone
    (`kernels.shape_only`; on a GPU, on zeros); nothing of it is changed.
    """
    tracer = _Tracer(model)
    trace(model, input_shape, tracer.enter, tracer.leave, tracer.count)
    return tracer.rows


def trace(
    model: Module, input_shape: Sequence[int], enter: Callable[..., Any],
    leave: Callable[..., Any], see: Callable[..., Any],
) -> None:  # fmt: skip
    """Run a model on shapes alone and tell of every module's call and of every op.

    Calls ``enter(module, inputs)`` and ``leave(module, inputs, output)`` around each module's
    forward, and ``see(op, output, inputs, options)`` after each op.
    """
    removers = []
    for module in model.modules():
        removers.append(module.register_forward_pre_hook(enter))
        removers.append(module.register_forward_hook(leave))
    try:
        with evaluating(model), observe(see):
            model(shape_input(model, input_shape))
    finally:
        for remove in removers:
            remove()


def total(rows: Sequence[LayerRow]) -> LayerRow:
    """The sums of all rows; of im2col the largest, since one matrix is freed before the next."""
    return LayerRow(
        "total",
        "",
        rows[-1].output_shape,
        sum(row.parameters for row in rows),
        sum(row.multiply_adds for row in rows),
        sum(row.activation_bytes for row in rows),
        max(row.im2col_bytes for row in rows),
    )


class _Tracer:
    """Follows the calls of modules and counts each op for the innermost module that runs."""

    def __init__(self, model: Module) -> None:
        self.paths = {module: path for path, module in model.named_modules()}
        self.rows: list[LayerRow] = []
        self.running: list[list[int]] = []  # [multiply-adds, im2col bytes] of each
        self.counted: set[int] = set()

    def enter(self, module: Module, inputs: tuple[Any, ...]) -> None:
        self.running.append([0, 0])

    def count(self, op: str, y: Tensor, inputs: tuple[Tensor, ...], options: Any) -> None:
        costs = self.running[-1]
        costs[0] += _multiply_adds(op, y, inputs)
        costs[1] = max(costs[1], _im2col_bytes(op, y, inputs))

    def leave(self, module: Module, inputs: tuple[Any, ...], y: Any) -> None:
        multiply_adds, im2col_bytes = self.running.pop()
        own = {id(p): p.numel() for _, p in module._members(Parameter)}
        parameters = sum(n for key, n in own.items() if key not in self.counted)
        self.counted.update(own)
        is_leaf = not list(module.children())
        if not (is_leaf or own or multiply_adds):
            return
        if isinstance(module, OpLayer):  # how a pool or a norm computes is no property of the model
            multiply_adds = im2col_bytes = 0
        outputs = [out for _, out in find("", y, Tensor)]
        made = [out for out in outputs if is_leaf and not _is_view(out, inputs)]
        size = sum(out.numel() * out.dtype.itemsize for out in made)
        path, name = self.paths[module], type(module).__name__
        shape = outputs[0].shape if outputs else ()
        row = LayerRow(path, name, shape, parameters, multiply_adds, size, im2col_bytes)
        self.rows.append(row)


def _multiply_adds(op: str, y: Tensor, inputs: tuple[Tensor, ...]) -> int:
    if op in ("conv2d", "depthwise_conv2d"):
        return y.numel() * math.prod(inputs[1].shape[1:])
    if op == "conv2d_input_grad":  # what conv_transpose2d is made of
        return inputs[0].numel() * math.prod(inputs[1].shape[1:])
    return y.numel() * inputs[0].shape[-1] if op in ("linear", "matmul") else 0


def _im2col_bytes(op: str, y: Tensor, inputs: tuple[Tensor, ...]) -> int:
    """N H' W' rows of kh kw C numbers; a 1x1 convolution of stride 1 needs no such matrix."""
    if op not in ("conv2d", "conv2d_input_grad"):
        return 0
    small, large = (y, inputs[0]) if op == "conv2d" else (inputs[0], y)
    n, _, h, w = small.shape
    kh, kw = inputs[1].shape[2:]
    if (kh, kw) == (1, 1) and small.shape[2:] == large.shape[2:]:
        return 0
    return n * h * w * kh * kw * large.shape[1] * y.dtype.itemsize


def _is_view(y: Tensor, inputs: tuple[Any, ...]) -> bool:
    xs = [x for _, x in find("", inputs, Tensor) if x.device == y.device == "cpu"]
    return any(np.may_share_memory(x.data, y.data) for x in xs)
