"""Every kernel, written for reading; the same text runs on NumPy and CuPy arrays.

Each opens with its formula as a sum over named indices. Faster sets must agree with these.
"""

from .conv import col2im, conv2d, conv2d_input_grad, conv2d_weight_grad, im2col
from .depthwise import (
    depthwise_conv2d,
    depthwise_conv2d_input_grad,
    depthwise_conv2d_weight_grad,
)
from .elementwise import erf, exp, log, relu, sigmoid, softplus, sqrt, tanh, where
from .norm import normalize, normalize_grad
from .pool import max_pool2d, put_pixels, sum_pool2d, sum_pool2d_input_grad, take_pixels
from .reduction import log_softmax, logsumexp, softmax

__all__ = [
    "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "depthwise_conv2d",
    "depthwise_conv2d_input_grad", "depthwise_conv2d_weight_grad", "erf", "exp", "im2col", "log",
    "log_softmax", "logsumexp", "max_pool2d", "normalize", "normalize_grad", "put_pixels", "relu",
    "sigmoid", "softmax", "softplus", "sqrt", "sum_pool2d", "sum_pool2d_input_grad",
    "take_pixels", "tanh", "where",
]  # fmt: skip
