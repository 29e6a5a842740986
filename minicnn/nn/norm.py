"""Normalisation layers, see the ops of the same names. Weights start as 1, biases as 0."""

from typing import Any

import numpy as np

from .. import ops
from ..tensor import Tensor
from .checks import check, check_divides
from .layer import Layer, OpLayer
from .module import Parameter


class _BatchNorm(Layer):
    """y = (x - mean) / sqrt(var + eps) weight + bias, per channel.

    In training with the batch's mean and biased variance, while the running estimates move:
    r <- (1 - momentum) r + momentum * batch value (the variance unbiased). ``momentum`` None makes
    them plain averages over all batches so far. In eval mode the running estimates normalise, or
    the batch's own without ``track_running_stats``. In a call, a ``residual`` that is added and an
    ``activation`` "relu" or "relu6" are computed in the same pass; see `blocks.norm_act`.
    Paper: Ioffe, Szegedy, "Batch normalization", 2015, algorithms 1 and 2.
    """

    axes: tuple[str, ...]  # of x, one letter each
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        check(type(self).__name__, num_features=num_features, eps=eps, momentum=momentum)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight, self.bias = _ones_and_zeros(num_features, affine, affine)
        zeros, ones = np.zeros(num_features, np.float32), np.ones(num_features, np.float32)
        self.register_buffer("running_mean", zeros if track_running_stats else None)
        self.register_buffer("running_var", ones if track_running_stats else None)
        count = np.zeros((), np.int64)
        self.register_buffer("num_batches_tracked", count if track_running_stats else None)

    def forward(
        self, x: Tensor, residual: Tensor | None = None, activation: str | None = None
    ) -> Tensor:
        if x.ndim not in map(len, self.axes) or x.shape[1] != self.num_features:
            shapes = " or ".join(f"({', '.join(letters)})" for letters in self.axes)
            name, c = type(self).__name__, self.num_features
            raise ValueError(f"{name}: x must be {shapes} with C={c}, got {x.shape}")
        momentum, moves = self.momentum, self.training and self.track_running_stats
        if momentum is None:
            momentum = 1 / (int(self.num_batches_tracked) + 1) if moves else 0.0
        y = ops.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training,
            momentum, self.eps, residual=residual, activation=activation,
        )  # fmt: skip
        if moves:
            self.num_batches_tracked.data += 1
        return y


class BatchNorm1d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    axes = ("NC", "NCL")


class BatchNorm2d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    axes = ("NCHW",)


class LayerNorm(Layer):
    """Each sample normalised over its last axes, whose shape is that of weight and bias.

    Paper: Ba, Kiros, Hinton, "Layer normalization", 2016, equation 4.
    """

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5,
        elementwise_affine: bool = True, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        for n in shape:
            check("LayerNorm", normalized_shape=n, eps=eps)
        self.normalized_shape, self.eps = tuple(shape), eps
        self.elementwise_affine = affine = elementwise_affine
        self.weight, self.bias = _ones_and_zeros(self.normalized_shape, affine, affine and bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(Layer):
    """Each sample normalised over each of ``num_groups`` groups of channels; weight, bias (C,).

    Paper: Wu, He, "Group normalization", 2018, equation 7.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        super().__init__()
        check("GroupNorm", num_groups=num_groups, eps=eps)
        check_divides("GroupNorm", num_groups, num_channels=num_channels)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self.weight, self.bias = _ones_and_zeros(num_channels, affine, affine)

    def forward(self, x: Tensor) -> Tensor:
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class LocalResponseNorm(OpLayer):
    """LocalResponseNorm(size, alpha=1e-4, beta=0.75, k=1.0): over ``size`` neighbour channels.

    Paper: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
    networks", 2012, section 3.3.
    """

    op = ops.local_response_norm


def _ones_and_zeros(shape: int | tuple[int, ...], weight: bool, bias: bool) -> tuple[Any, Any]:
    return (
        Parameter(np.ones(shape, np.float32)) if weight else None,
        Parameter(np.zeros(shape, np.float32)) if bias else None,
    )
