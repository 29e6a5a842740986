"""ShapeArray: an array of which only the shape and the dtype are true.

It is a NumPy array of one number, seen in any shape through strides of 0, so it costs no memory;
arithmetic with it costs no time and gives another ShapeArray. A model that is called with one
shows what it does with shapes: sizes, parameters, multiply-adds, without a single product.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np


class ShapeArray(np.ndarray):
    """Made by `shape_only`; whatever touches one becomes one."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Do it with single numbers, which decides on the dtype, and work out the shape."""
        out = options.pop("out", (None,))[0]
        if isinstance(out, np.ndarray) and not isinstance(out, ShapeArray):
            return out  # real numbers, such as running means, are not written to
        with np.errstate(all="ignore"):
            y = getattr(ufunc, method)(*map(_single, inputs), **options)
        if method == "reduce":
            shape = _reduced(inputs[0].shape, options.get("axis", 0), options.get("keepdims"))
        elif ufunc is np.matmul:
            a, b = map(np.shape, inputs)
            if a[-1] != b[-min(2, len(b))]:
                raise ValueError(f"matmul: the inner axes must be equal, got {a} and {b}")
            columns = b[-1:] if len(b) > 1 else ()
            shape = (*np.broadcast_shapes(a[:-2], b[:-2]), *a[-2:-1], *columns)
        else:
            shape = np.broadcast_shapes(*map(np.shape, inputs))
        return shape_only(shape, y.dtype if out is None else out.dtype)

    def __array_function__(
        self, function: Callable, types: Any, arguments: Any, options: Any
    ) -> Any:
        rule = _RULES.get(function)
        if rule is None:
            return super().__array_function__(function, types, arguments, options)
        return rule(*arguments, **options)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        return shape_only(self.shape, dtype)

    def copy(self, *_: Any, **__: Any) -> Self:
        return self


def shape_only(shape: Sequence[int], dtype: Any) -> Any:
    """A ShapeArray. Raises ValueError for more elements than can be counted."""
    try:
        return np.broadcast_to(np.ones((), dtype), tuple(shape)).view(ShapeArray)
    except ValueError as error:
        raise ValueError(
            f"shape_only: a shape must have fewer than 2^63 elements, got {tuple(shape)}; "
            "choose a smaller size"
        ) from error


def _single(x: Any) -> Any:
    """The first number of an array, with as many axes; a Python number stays what it is."""
    return np.ones((1,) * x.ndim, x.dtype) if isinstance(x, np.ndarray) else x


def _reduced(shape: tuple[int, ...], axis: Any, keepdims: Any) -> tuple[int, ...]:
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {a % len(shape) for a in axes}
    sizes = [1 if i in gone else n for i, n in enumerate(shape) if keepdims or i not in gone]
    return tuple(sizes)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    shape = list(arrays[0].shape)
    others = {x.shape[:axis] + x.shape[axis:][1:] for x in arrays}
    if len(others) > 1:
        raise ValueError(f"concatenate: shapes must agree but for axis {axis}, got {others}")
    shape[axis] = sum(x.shape[axis] for x in arrays)
    return shape_only(shape, np.result_type(*(x.dtype for x in arrays)))


def _pad(x: Any, widths: Sequence[tuple[int, int]], **_: Any) -> Any:
    return shape_only([n + sum(w) for n, w in zip(x.shape, widths, strict=True)], x.dtype)


def _where(mask: Any, a: Any, b: Any) -> Any:
    return shape_only(np.broadcast_shapes(*map(np.shape, (mask, a, b))), np.result_type(a, b))


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    if math.prod(shape) and np.broadcast_shapes(x.shape, shape) != tuple(shape):
        raise ValueError(f"broadcast_to: {x.shape} does not fit {shape}")
    return shape_only(shape, x.dtype)


# NumPy's functions that are no ufuncs and would compute; those that only look (reshape) need none.
_RULES: dict[Any, Callable] = {
    np.concatenate: _concatenate, np.pad: _pad, np.where: _where, np.broadcast_to: _broadcast_to,
    np.copyto: lambda *_, **__: None,
}  # fmt: skip
