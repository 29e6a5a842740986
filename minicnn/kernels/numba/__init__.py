"""Faster kernels for the CPU: the reference's loops, written out and compiled by Numba.

Same names, same arguments, same answers as `reference`; what is not here is taken from there.
Each kernel is a thin Python function that prepares plain arrays, and one compiled loop nest.

* All loops run on one thread. NumPy's matrix products have a thread pool of their own, and two
  pools that take turns wait for each other; so Numba's threading layer plays no part here.
* No `fastmath`: NaN and infinities come out as in `reference`, and every run gives the same bits.
* Compiled code is kept in Numba's cache; the first call of a kernel on a new machine compiles it.
"""

from .columns import col2im, im2col
from .depthwise import (
    depthwise_conv2d,
    depthwise_conv2d_input_grad,
    depthwise_conv2d_weight_grad,
)
from .norm import normalize, normalize_grad
from .pool import max_pool2d, put_pixels, sum_pool2d, sum_pool2d_input_grad

__all__ = [
    "col2im", "depthwise_conv2d", "depthwise_conv2d_input_grad", "depthwise_conv2d_weight_grad",
    "im2col", "max_pool2d", "normalize", "normalize_grad", "put_pixels", "sum_pool2d",
    "sum_pool2d_input_grad",
]  # fmt: skip
