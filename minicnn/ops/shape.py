"""Ops that move values without changing them. Their gradients move them back."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..kernels import array_module, kernels_for
from ..kernels import pad as pad_array
from ..tensor import Tensor, TensorLike, as_tensor, record

Dims = int | tuple[int, ...] | None


def axes_of(name: str, ndim: int, dim: Dims) -> tuple[int, ...]:
    """``dim`` (an int, a tuple, or None for all) as a tuple of axes counted from the front."""
    dims = range(ndim) if dim is None else dim if isinstance(dim, Iterable) else (dim,)
    try:
        dims = tuple(operator.index(d) for d in dims)
    except TypeError:
        raise TypeError(f"{name}: dim must be whole numbers, got {dim!r}") from None
    for d in dims:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise ValueError(f"{name}: dim must lie in [{-ndim}, {ndim - 1}], got {d}")
    axes = tuple(d % max(ndim, 1) for d in dims)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: every dim may be named once, got {dims}")
    return axes if ndim else ()


def axis_of(name: str, ndim: int, dim: int) -> int:
    """One ``dim``, counted from the front."""
    if ndim == 0:
        raise ValueError(f"{name}: needs a tensor with axes, got one without; reshape it to (1,)")
    return axes_of(name, ndim, dim)[0]


def common_dtype(*tensors: Tensor) -> np.dtype:
    """The dtype in which tensors meet: the widest, where any float counts as wider than integers.

    As in PyTorch, and unlike in NumPy, int64 and float32 meet in float32.
    """
    floats = [x.dtype for x in tensors if x.dtype.kind == "f"]
    return np.result_type(*(floats or [x.dtype for x in tensors]))


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Sum the axes that broadcasting from ``shape`` to x's shape has copied.

    The gradient of `broadcast_to`, and the other way round.
    """
    here = x.shape
    if here == shape:
        return x
    extra = len(here) - len(shape)
    copied = tuple(i + extra for i, n in enumerate(shape) if n == 1 and here[i + extra] != 1)
    y = kernels_for(x.data).sum(x.data, tuple(range(extra)) + copied).reshape(shape)
    return record("sum_to", y, (x,), lambda gy: broadcast_to(gy, here))


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Copy x along new axes and axes of length 1, without using memory."""
    here = x.shape
    if here == shape:
        return x
    y = array_module(x.data).broadcast_to(x.data, shape)
    return record("broadcast_to", y, (x,), lambda gy: sum_to(gy, here))


def expand(x: TensorLike, *shape: Any) -> Tensor:
    """x copied to ``shape``; -1 keeps an axis as it is. Raises ValueError if it does not fit."""
    x, sizes = as_tensor(x), _as_sizes(shape)
    extra = len(sizes) - x.ndim
    full = tuple(x.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(sizes))
    fits = extra >= 0 and all(n in (1, m) for n, m in zip(x.shape, full[extra:], strict=True))
    if not fits or min(full, default=0) < 0:
        raise ValueError(
            f"expand: only axes of length 1 and new leading axes can grow, got {x.shape} -> {sizes}"
        )
    return broadcast_to(x, full)


def reshape(x: TensorLike, *shape: Any) -> Tensor:
    """The same values in reading order in another shape; one entry may be -1 (whatever is left)."""
    x, sizes = as_tensor(x), _as_sizes(shape)
    here = x.shape
    try:
        y = x.data.reshape(sizes)
    except (ValueError, TypeError):
        raise ValueError(
            f"reshape: the number of elements must stay {x.numel()}, got {here} -> {sizes}"
        ) from None
    return record("reshape", y, (x,), lambda gy: reshape(gy, here))


def flatten(x: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes start_dim ... end_dim joined into one: (N, C, H, W) -> (N, C*H*W) from start_dim=1."""
    x = as_tensor(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    start, end = axis_of("flatten", x.ndim, start_dim), axis_of("flatten", x.ndim, end_dim)
    if start > end:
        raise ValueError(f"flatten: start_dim must not come after end_dim, got {start} and {end}")
    joined = int(np.prod(x.shape[start : end + 1]))  # not -1, which a batch of 0 cannot resolve
    return reshape(x, (*x.shape[:start], joined, *x.shape[end + 1 :]))


def squeeze(x: TensorLike, dim: Dims = None) -> Tensor:
    """Drop axes of length 1 (all, or those named; a longer one that is named stays)."""
    x = as_tensor(x)
    axes = axes_of("squeeze", x.ndim, dim)
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in axes))


def unsqueeze(x: TensorLike, dim: int) -> Tensor:
    """A new axis of length 1 at position ``dim`` of the result."""
    x = as_tensor(x)
    axis = axis_of("unsqueeze", x.ndim + 1, dim)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def permute(x: TensorLike, *dims: Any) -> Tensor:
    """Axes in another order: y's axis i is x's axis dims[i]."""
    x, order = as_tensor(x), axes_of("permute", as_tensor(x).ndim, _as_sizes(dims))
    if len(order) != x.ndim:
        raise ValueError(f"permute: every axis of {x.shape} must be named once, got {order}")
    back = tuple(int(i) for i in np.argsort(order))
    return record("permute", x.data.transpose(order), (x,), lambda gy: permute(gy, back))


def transpose(x: TensorLike, dim0: int = 0, dim1: int = 1) -> Tensor:
    """Two axes exchanged."""
    x = as_tensor(x)
    a, b = axis_of("transpose", x.ndim, dim0), axis_of("transpose", x.ndim, dim1)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return permute(x, tuple(order))


def concat(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """Tensors one after the other along ``dim``; their other axes must agree."""
    xs = tuple(as_tensor(x) for x in tensors)
    if not xs:
        raise ValueError("concat: at least one tensor is needed, got none")
    axis = axis_of("concat", xs[0].ndim, dim)
    shapes = [x.shape for x in xs]
    if len({s[:axis] + s[axis + 1 :] for s in shapes}) > 1 or len({x.ndim for x in xs}) > 1:
        raise ValueError(f"concat: shapes must agree except along dim {axis}, got {shapes}")
    sizes = [s[axis] for s in shapes]
    dtype = common_dtype(*xs)
    xs = tuple(x if x.dtype == dtype else x.astype(dtype) for x in xs)
    y = array_module(xs[0].data).concatenate([x.data for x in xs], axis)
    return record("concat", y, xs, lambda gy: split(gy, sizes, axis), dim=axis)


def stack(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis ``dim``."""
    xs = [as_tensor(x) for x in tensors]
    if not xs:
        raise ValueError("stack: at least one tensor is needed, got []")
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"stack: all shapes must be equal, got {[x.shape for x in xs]}")
    return concat([unsqueeze(x, dim) for x in xs], axis_of("stack", xs[0].ndim + 1, dim))


def split(x: TensorLike, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed."""
    x = as_tensor(x)
    axis = axis_of("split", x.ndim, dim)
    total = x.shape[axis]
    if isinstance(split_size, int):
        if split_size < 1:
            raise ValueError(f"split: the size must be at least 1, got {split_size}")
        sizes = [min(split_size, total - i) for i in range(0, max(total, 1), split_size)]
    else:
        sizes = list(split_size)
    if sum(sizes) != total or min(sizes, default=0) < 0:
        raise ValueError(f"split: sizes must add up to {total} (dim {axis}), got {sizes}")
    ends = np.cumsum(sizes).tolist()
    before = (slice(None),) * axis
    return tuple(x[(*before, slice(e - n, e))] for e, n in zip(ends, sizes, strict=True))


def pad(
    x: TensorLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """A border around x: ``pad`` is (left, right, top, bottom, ...), the last axis first.

    Negative entries crop. ``mode`` is constant, reflect, replicate or circular, as in torch.
    """
    x = as_tensor(x)
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: needs (before, after) of up to {x.ndim} axes, got {tuple(pad)}")
    if mode != "constant":
        return _pad_by_index(x, tuple(pad), mode)
    cut = tuple(max(-p, 0) for p in pad)
    x = crop(x, cut) if any(cut) else x
    grow = tuple(max(p, 0) for p in pad)
    y = pad_array(x.data, _per_axis(grow, x.ndim), value or 0)
    return record("pad", y, (x,), lambda gy: crop(gy, grow))


def crop(x: TensorLike, pad: Sequence[int]) -> Tensor:
    """Take a border away: the gradient of `pad`, with the same argument."""
    x, widths = as_tensor(x), _per_axis(tuple(pad), as_tensor(x).ndim)
    if any(a < 0 or b < 0 or a + b > n for (a, b), n in zip(widths, x.shape, strict=True)):
        raise ValueError(f"crop: the border {tuple(pad)} must be in shape {x.shape}")
    key = tuple(slice(a, n - b) for (a, b), n in zip(widths, x.shape, strict=True))
    return record("crop", x.data[key], (x,), lambda gy: _pad_to(gy, tuple(pad)))


def _pad_to(gy: Tensor, widths: tuple[int, ...]) -> Tensor:
    return pad(gy, widths)  # inside `crop` the name `pad` is its argument


def _pad_by_index(x: Tensor, widths: tuple[int, ...], mode: str) -> Tensor:
    """Every border pixel is a pixel of x: look up which."""
    for axis, (before, after) in enumerate(_per_axis(widths, x.ndim)):
        if not (before or after):
            continue
        n = x.shape[axis]
        at = np.arange(-before, n + after)
        if mode == "replicate":
            at = at.clip(0, n - 1)
        elif mode == "circular" and max(before, after) <= n:
            at = at % n
        elif mode == "reflect" and max(before, after) < n:
            at = n - 1 - abs(n - 1 - abs(at))
        else:
            raise ValueError(
                f"pad: mode must be constant, reflect, replicate or circular and the border "
                f"{(before, after)} must fit size {n}, got {mode!r}"
            )
        x = x[(slice(None),) * axis + (at,)]
    return x


def _per_axis(pad: tuple[int, ...], ndim: int) -> list[tuple[int, int]]:
    """(left, right, top, bottom, ...) as one (before, after) per axis, first axis first."""
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _as_sizes(sizes: tuple) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) mean the same."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], Iterable) else sizes
