"""A convolution for use, not for training: with the batch norm after it in its weights.

    norm(conv(x)) = w' * x + b',    w' = w s,  b' = beta + (b - mean) s

per output channel, with s = gamma / sqrt(var + eps).
Paper: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-
only inference", 2018, section 3.2.
"""

from typing import Any

import numpy as np

from .. import ops
from ..autograd import tick
from ..inplace import written_since
from ..kernels import kernels_for
from ..modes import is_recording
from ..ops.conv import check_fits, pad_pairs
from ..ops.linear import matching
from ..ops.norm import LIMITS
from ..tensor import Tensor, record
from .conv import Conv2d, DepthwiseConv2d
from .module import Module
from .norm import BatchNorm2d


class FoldedConv2d(Module):
    """y = activation(w' * x + b' + residual): (N, C, H, W) -> (N, O, H', W')

    Ordinary or depthwise. It is called like the norm that it replaces: what often comes next, a
    ``residual`` and "relu" or "relu6" as ``activation``, is done before y is written to memory.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: Conv2d | DepthwiseConv2d, norm: BatchNorm2d | None = None) -> None:
        super().__init__()
        weight, bias = conv.weight.data, None if conv.bias is None else conv.bias.data
        if norm is not None:
            weight, bias = _folded(weight, bias, norm)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.how = _how(conv)
        self.groups = conv.groups if isinstance(conv, Conv2d) else None  # None: depthwise
        self.in_channels, self.training = conv.in_channels, False
        self._packed = _Memory()

    def forward(
        self, x: Tensor, residual: Tensor | None = None, activation: str | None = None
    ) -> Tensor:
        w, bias = self.weight, self.bias
        self._check(x)
        if x.dtype != w.dtype or type(x.data) is not type(w.data):
            x, w = matching("FoldedConv2d", x, w)
        name, groups = ("conv2d", (self.groups,)) if self.groups else ("depthwise_conv2d", ())
        if is_recording() and (x.requires_grad or _requires_grad(residual)):
            y = getattr(ops, name)(x, w, bias, *self.how, *groups)
            y = y if residual is None else y + residual
            return getattr(ops, activation)(y) if activation else y
        if written_since(self.weight, self._packed.time):
            self._packed = _Memory()
        kernel = getattr(kernels_for(x.data), f"{name}_limited")
        b, r = None if bias is None else bias.data, None if residual is None else residual.data
        y = kernel(x.data, w.data, b, *self.how, *groups, r, LIMITS[activation], self._packed)
        return record(name, y, (x, w), lambda gy: None)

    def _check(self, x: Tensor) -> None:
        if self.training:
            raise RuntimeError(
                "FoldedConv2d: a fused model must be in eval mode, got train(); train the model "
                "that it was made from, and fuse that again"
            )
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"FoldedConv2d: x must be (N, C, H, W) with C={self.in_channels}, got {x.shape}"
            )
        _, padding, (dh, dw) = self.how
        kh, kw = self.weight.shape[2:]
        check_fits("FoldedConv2d", x, (dh * (kh - 1) + 1, dw * (kw - 1) + 1), padding)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.weight.shape[0]}, kernel_size={self.weight.shape[2:]}"


class _Memory(dict):
    """What kernels make of the weights and keep; a copy of a layer starts with none."""

    def __init__(self) -> None:
        super().__init__()
        self.time = tick()

    def __reduce__(self) -> Any:
        return _Memory, ()


def _how(conv: Conv2d | DepthwiseConv2d) -> Any:
    """Stride, padding and dilation of a layer as kernels take them."""
    (kh, kw), (dh, dw) = conv.kernel_size, conv.dilation
    window = dh * (kh - 1) + 1, dw * (kw - 1) + 1
    return conv.stride, pad_pairs("Conv2d", conv.padding, window, conv.stride), conv.dilation


def _requires_grad(x: Tensor | None) -> bool:
    return x is not None and x.requires_grad


def _folded(weight: Any, bias: Any, norm: BatchNorm2d) -> tuple[Any, Any]:
    assert norm.running_mean is not None and norm.running_var is not None
    mean, s = norm.running_mean.data, 1 / np.sqrt(norm.running_var.data + norm.eps)
    s = s if norm.weight is None else s * norm.weight.data
    bias = -mean * s if bias is None else (bias - mean) * s
    bias = bias if norm.bias is None else bias + norm.bias.data
    return weight * s.reshape(-1, 1, 1, 1).astype(weight.dtype), bias.astype(weight.dtype)
