"""Linear, and layers that only change the shape."""

from collections.abc import Sequence

from .. import ops
from ..tensor import Tensor
from .checks import check, floating
from .init import weight_and_bias
from .layer import Layer


class Linear(Layer):
    """y = x W^T + b: (..., I) -> (..., O) with weight (O, I) and bias (O,).

    Both start as U(-1/sqrt(I), 1/sqrt(I)).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        check("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight, self.bias = weight_and_bias((out_features, in_features), out_features, bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(floating("linear", x), self.weight, self.bias)


class Identity(Layer):
    """y = x: to take the place of a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(Layer):
    """Join the axes start_dim ... end_dim: (N, C, H, W) -> (N, C H W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.flatten(x, self.start_dim, self.end_dim)


class Unflatten(Layer):
    """Split the axis ``dim``: Unflatten(1, (C, H, W)) makes (N, C H W) -> (N, C, H, W)."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        dim = self.dim % max(x.ndim, 1)
        return ops.reshape(x, (*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :]))
