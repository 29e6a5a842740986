"""Every kernel, written for reading; the same text runs on NumPy and CuPy arrays.

Each opens with its formula as a sum over named indices. Faster sets must agree with these.
"""
# ruff: noqa: I001  (so many names read better in few lines)

from .conv import col2im, conv2d, conv2d_input_grad, conv2d_limited, conv2d_weight_grad, im2col
from .depthwise import (
    depthwise_conv2d, depthwise_conv2d_input_grad, depthwise_conv2d_limited,
    depthwise_conv2d_weight_grad,
)  # fmt: skip
from .elementwise import (
    add, elu, elu_grad, erf, exp, gelu, gelu_grad, gelu_tanh, gelu_tanh_grad, hardsigmoid,
    hardsigmoid_grad, hardswish, hardswish_grad, hardtanh, hardtanh_grad, leaky_relu,
    leaky_relu_grad, log, relu, relu_grad, sigmoid, sigmoid_grad, silu, silu_grad, softplus,
    softplus_grad, sqrt, tanh, tanh_grad, where,
)  # fmt: skip
from .images import shift_images
from .norm import normalize, normalize_grad
from .pool import max_pool2d, put_pixels, sum_pool2d, sum_pool2d_input_grad, take_pixels
from .product import matmul
from .reduction import (
    cross_entropy, cross_entropy_grad, log_softmax, logsumexp, softmax, softmax_grad, sum,
)  # fmt: skip
from .update import adagrad_step, adam_step, rmsprop_step, sgd_step, sum_of_squares

__all__ = [
    "adagrad_step", "adam_step", "add", "col2im", "conv2d", "conv2d_input_grad", "conv2d_limited",
    "conv2d_weight_grad", "cross_entropy", "cross_entropy_grad", "depthwise_conv2d",
    "depthwise_conv2d_input_grad", "depthwise_conv2d_limited", "depthwise_conv2d_weight_grad",
    "elu", "elu_grad", "erf", "exp", "gelu", "gelu_grad", "gelu_tanh", "gelu_tanh_grad",
    "hardsigmoid", "hardsigmoid_grad", "hardswish", "hardswish_grad", "hardtanh", "hardtanh_grad",
    "im2col", "leaky_relu", "leaky_relu_grad", "log", "log_softmax", "logsumexp", "matmul",
    "max_pool2d", "normalize", "normalize_grad", "put_pixels", "relu", "relu_grad", "rmsprop_step",
    "sgd_step", "shift_images", "sigmoid", "sigmoid_grad", "silu", "silu_grad", "softmax",
    "softmax_grad", "softplus", "softplus_grad", "sqrt", "sum", "sum_of_squares", "sum_pool2d",
    "sum_pool2d_input_grad", "take_pixels", "tanh", "tanh_grad", "where",
]  # fmt: skip
