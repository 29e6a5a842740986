"""Faster kernels for the CPU: the reference's loops, written out and compiled by Numba.

Same names, same arguments, same answers as `reference`; what is not here is taken from there.
Each kernel is a thin Python function that prepares plain arrays, and compiled loops.

* One owner of the cores: kernels divide their work into parts, as many as threads or a few more,
  and launch these with Numba's threads (`launch`). NumPy's matrix products have threads of their
  own, and two pools that take turns wait for each other; so large products are made here too
  (`product`).
* The same number of threads gives the same bits in every run: each part has its own range of the
  work, and sums are added up in order of the parts. No blanket `fastmath`: NaN and infinities come
  out as in `reference`.
* Convolutions and products of matrices run on one small product in vector registers (`micro.tile`).
* Compiled code is kept on disk (`cache`); the first call of a kernel on a new machine compiles it.
"""
# ruff: noqa: I001  (so many names read better in few lines)

from .columns import col2im, im2col
from .conv import conv2d, conv2d_input_grad, conv2d_limited, conv2d_weight_grad
from .depthwise import (
    depthwise_conv2d, depthwise_conv2d_input_grad, depthwise_conv2d_limited,
    depthwise_conv2d_weight_grad,
)  # fmt: skip
from .elementwise import (
    add, elu, elu_grad, erf, exp, gelu, gelu_grad, gelu_tanh, gelu_tanh_grad, hardsigmoid,
    hardsigmoid_grad, hardswish, hardswish_grad, hardtanh, hardtanh_grad, leaky_relu,
    leaky_relu_grad, relu, relu_grad, sigmoid, sigmoid_grad, silu, silu_grad, softplus,
    softplus_grad, tanh, tanh_grad,
)  # fmt: skip
from .images import shift_images
from .memory import keep_memory
from .norm import normalize, normalize_grad
from .pool import max_pool2d, put_pixels, sum_pool2d, sum_pool2d_input_grad
from .product import matmul
from .reduction import cross_entropy, cross_entropy_grad, log_softmax, softmax, softmax_grad, sum
from .update import adagrad_step, adam_step, rmsprop_step, sgd_step, sum_of_squares

__all__ = [
    "adagrad_step", "adam_step", "add", "col2im", "conv2d", "conv2d_input_grad", "conv2d_limited",
    "conv2d_weight_grad", "cross_entropy", "cross_entropy_grad", "depthwise_conv2d",
    "depthwise_conv2d_input_grad", "depthwise_conv2d_limited", "depthwise_conv2d_weight_grad",
    "elu", "elu_grad", "erf", "exp", "gelu", "gelu_grad", "gelu_tanh", "gelu_tanh_grad",
    "hardsigmoid", "hardsigmoid_grad", "hardswish", "hardswish_grad", "hardtanh", "hardtanh_grad",
    "im2col", "leaky_relu", "leaky_relu_grad", "log_softmax", "matmul", "max_pool2d", "normalize",
    "normalize_grad", "put_pixels", "relu", "relu_grad", "rmsprop_step", "sgd_step", "shift_images",
    "sigmoid", "sigmoid_grad", "silu", "silu_grad", "softmax", "softmax_grad", "softplus",
    "softplus_grad", "sum", "sum_of_squares", "sum_pool2d", "sum_pool2d_input_grad", "tanh",
    "tanh_grad",
]  # fmt: skip

keep_memory()
