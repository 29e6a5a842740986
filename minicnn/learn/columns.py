"""A learner's im2col and col2im as kernels of the library.

The lesson's columns are (N, C*kh*kw, H'*W') and its padding is equal on both sides; the kernels'
are (N, H', W', kh, kw, C), with ((top, bottom), (left, right)).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..kernels import override
from ..kernels.reference.conv import out_size

Function = Callable[..., Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def im2col(function: Function) -> AbstractContextManager[None]:
    def kernel(x: Any, size: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Any:
        more, both = _split(padding)
        x = np.pad(x, ((0, 0), (0, 0), *more))
        columns = function(x, size, stride=stride, padding=both, dilation=dilation)
        height = out_size(x.shape[2], size[0], stride[0], (both[0], both[0]), dilation[0])
        parts = columns.reshape(*x.shape[:2], *size, height, -1)
        return parts.transpose(0, 4, 5, 2, 3, 1)

    return override(im2col=kernel)


def col2im(function: Function) -> AbstractContextManager[None]:
    def kernel(columns: Any, shape: Any, stride: Pair, padding: Padding, dilation: Pair) -> Any:
        (n, c, h, w), (_, oh, ow, kh, kw, _) = shape, columns.shape
        more, both = _split(padding)
        flat = columns.transpose(0, 5, 3, 4, 1, 2).reshape(n, c * kh * kw, oh * ow)
        size = (h + sum(more[0]), w + sum(more[1]))
        x = function(flat, size, (kh, kw), stride=stride, padding=both, dilation=dilation)
        top, left = more[0][0], more[1][0]
        return x[:, :, top : top + h, left : left + w]

    return override(col2im=kernel)


def _split(padding: Padding) -> tuple[Padding, Pair]:
    """What one side has more than the other, and what both have."""
    both = tuple(min(sides) for sides in padding)
    more = tuple((a - p, b - p) for (a, b), p in zip(padding, both, strict=True))
    return more, both  # type: ignore[return-value]
