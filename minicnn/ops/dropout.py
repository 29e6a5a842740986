"""Random zeros for regularisation. Masks come from `minicnn.random`, so a seed repeats them."""

import numpy as np

from ..kernels import to_device
from ..random import generator
from ..tensor import Tensor, TensorLike, as_tensor


def dropout(x: TensorLike, p: float = 0.5, training: bool = True) -> Tensor:
    """y = x m / (1 - p) with m = 0 with probability p, else 1; the expected value of y is x

    Without ``training`` y is x. Paper: Srivastava et al., Dropout, 2014.
    """
    x = as_tensor(x)
    return _drop("dropout", x, p, training, x.shape)


def dropout2d(x: TensorLike, p: float = 0.5, training: bool = True) -> Tensor:
    """Dropout of whole channels of (N, C, H, W). Paper: Tompson et al., 2015, section 3.2."""
    x = as_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"dropout2d: x must be (N, C, H, W), got {x.shape}")
    return _drop("dropout2d", x, p, training, (*x.shape[:2], 1, 1))


def drop_path(x: TensorLike, p: float = 0.5, training: bool = True) -> Tensor:
    """Dropout of whole samples (N, ...), for residual branches.

    Paper: Huang et al., Deep Networks with Stochastic Depth, 2016.
    """
    x = as_tensor(x)
    return _drop("drop_path", x, p, training, (*x.shape[:1], *(1 for _ in x.shape[1:])))


def _drop(name: str, x: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must lie in [0, 1], got {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    keep = (generator().random(shape) >= p).astype(x.dtype) / np.asarray(1 - p, x.dtype)
    return x * Tensor(to_device(keep, x.device))
