"""Which module an array belongs to, and moving arrays between CPU and GPU."""

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
