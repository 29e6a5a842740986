"""Which module an array belongs to, and moving arrays between CPU and GPU."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np


def array_module(x: Any) -> ModuleType:
    """`numpy` or `cupy`, whichever made the array ``x``."""
    if type(x) is np.ndarray or isinstance(x, (np.ndarray, np.generic)):
        return np
    return _cupy()


def is_array(x: Any) -> bool:
    """True for NumPy and CuPy arrays."""
    return isinstance(x, np.ndarray) or type(x).__module__.split(".")[0] == "cupy"


def device_of(x: Any) -> str:
    """`"cpu"` or `"cuda"`."""
    return "cpu" if isinstance(x, np.ndarray) else "cuda"


def zeros_as(x: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of this shape, the axes in memory as those of x: a channels-last image stays so."""
    xp = array_module(x)
    if x.ndim != len(shape):
        return xp.zeros(shape, x.dtype)
    order, back = _memory_order(x)
    return xp.zeros([shape[axis] for axis in order], x.dtype).transpose(back)


def pad(x: Any, widths: Sequence[tuple[int, int]], value: float) -> Any:
    """numpy.pad with a constant, but the axes stay in memory as they are."""
    order, back = _memory_order(x)
    widths = [widths[axis] for axis in order]
    return array_module(x).pad(x.transpose(order), widths, constant_values=value).transpose(back)


def _memory_order(x: Any) -> tuple[list[int], list[int]]:
    """The axes from the one with the longest steps in memory to the shortest, and the way back."""
    strides = getattr(x, "strides", (0,) * x.ndim)  # arrays that only have a shape have none
    order = sorted(range(x.ndim), key=lambda axis: -abs(strides[axis]))
    return order, [order.index(axis) for axis in range(x.ndim)]


def to_device(x: Any, device: str) -> Any:
    """The array on ``device`` (itself when it is there already)."""
    if device not in ("cpu", "cuda"):
        raise ValueError(f'to: device must be "cpu" or "cuda", got {device!r}')
    if device == device_of(x):
        return x
    return x.get() if device == "cpu" else _cupy().asarray(x)


def _cupy() -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            "cuda: CuPy is not installed; run `pip install 'minicnn-course[cuda13]'` (or cuda12), "
            'or stay on device "cpu"'
        ) from error
    if not cupy.cuda.is_available():
        raise RuntimeError('cuda: no NVIDIA GPU or driver was found; use device "cpu"')
    return cupy
