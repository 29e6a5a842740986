"""Reading and writing parts of a tensor by index."""

from types import ModuleType
from typing import Any

from ..inplace import mark_written
from ..kernels import array_module, is_array, zeros_as
from ..modes import is_recording
from ..tensor import Tensor, TensorLike, as_tensor, record
from .shape import axis_of


def getitem(x: Tensor, key: Any) -> Tensor:
    """y = x[key] with any NumPy index: slices, integers, integer arrays (repeats too), masks."""
    key, shape = _as_arrays(key, array_module(x.data)), x.shape
    try:
        y = x.data[key]
    except IndexError as error:
        raise IndexError(f"getitem: {error} (tensor of shape {shape})") from None
    return record("getitem", y, (x,), lambda gy: getitem_grad(gy, key, shape))


def getitem_grad(gy: Tensor, key: Any, shape: tuple[int, ...]) -> Tensor:
    """Zeros of ``shape`` with gy added at ``key``: a place that was read twice gets both."""
    gx = zeros_as(gy.data, shape)
    if _reads_places_once(key):
        gx[key] = gy.data
    else:
        array_module(gx).add.at(gx, key, gy.data)
    return record("getitem_grad", gx, (gy,), lambda g: getitem(g, key))


def setitem(x: Tensor, key: Any, value: TensorLike) -> None:
    """x[key] = value, in place. Not differentiable, so only on what is not being recorded.

    Raises RuntimeError when x or value would need a gradient through the assignment.
    """
    values = as_tensor(value)
    if is_recording() and (x.requires_grad or values.requires_grad):
        raise RuntimeError(
            "setitem: an assignment in place has no gradient; build a new tensor with where() or "
            "concat(), or assign under no_grad()"
        )
    try:
        x.data[_as_arrays(key, array_module(x.data))] = values.data
    except (IndexError, ValueError) as error:
        raise type(error)(f"setitem: {error} (tensor of shape {x.shape})") from None
    mark_written(x, "setitem")


def gather(x: TensorLike, dim: int, index: TensorLike) -> Tensor:
    """y[i,j,k] = x[index[i,j,k], j, k] for dim 0; likewise for other dims.

    ``index`` has as many axes as x. Raises ValueError for indices that are out of range.
    """
    x, at = as_tensor(x), as_tensor(index).data
    axis = axis_of("gather", x.ndim, dim)
    if at.ndim != x.ndim or at.dtype.kind not in "iu":
        raise ValueError(
            f"gather: the index must be integers with {x.ndim} axes, got {at.dtype} {at.shape}"
        )
    if at.size and not (0 <= int(at.min()) and int(at.max()) < x.shape[axis]):
        raise ValueError(
            f"gather: indices must lie in [0, {x.shape[axis] - 1}] (dim {axis} of {x.shape}), "
            f"got {int(at.min())} to {int(at.max())}"
        )
    if any(n > m for i, (n, m) in enumerate(zip(at.shape, x.shape, strict=True)) if i != axis):
        raise ValueError(
            f"gather: outside dim {axis} the index must not be larger than x, got {at.shape} and "
            f"{x.shape}"
        )
    xp = array_module(at)
    key: list[Any] = [
        xp.arange(n).reshape([-1 if i == j else 1 for j in range(x.ndim)])
        for i, n in enumerate(at.shape)
    ]
    key[axis] = at
    return getitem(x, tuple(key))


def _as_arrays(key: Any, xp: ModuleType) -> Any:
    """An index with its Tensors, lists and arrays as arrays of the module ``xp``.

    They are copies: a backward needs the index as it was.
    """
    if isinstance(key, tuple):
        return tuple(_as_arrays(list(k) if isinstance(k, tuple) else k, xp) for k in key)
    key = key.data if isinstance(key, Tensor) else key
    return xp.array(key) if isinstance(key, list) or is_array(key) else key


def _reads_places_once(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return all(not is_array(k) or k.dtype == bool for k in parts)
