"""What is differentiable: one function per op, its backward beside its forward.

Names, arguments and defaults follow torch.nn.functional; the first argument is called x.
"""

from .activation import (
    elu, gelu, hardsigmoid, hardswish, hardtanh, leaky_relu, relu, relu6, sigmoid, silu, softplus,
    tanh,
)  # fmt: skip
from .conv import conv2d, conv_transpose2d, depthwise_conv2d
from .dropout import drop_path, dropout, dropout2d
from .elementwise import (
    abs, add, astype, clip, div, equal, erf, exp, greater, greater_equal, less, less_equal, log,
    maximum, minimum, mul, neg, not_equal, pow, sqrt, sub, where,
)  # fmt: skip
from .index import gather, getitem
from .linear import linear, matmul
from .loss import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, focal_loss, huber_loss,
    l1_loss, mse_loss, nll_loss, sigmoid_focal_loss, smooth_l1_loss,
)  # fmt: skip
from .methods import attach
from .norm import batch_norm, group_norm, layer_norm, local_response_norm
from .pool import (
    adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, global_avg_pool2d, global_max_pool2d,
    max_pool2d,
)  # fmt: skip
from .reduce import argmax, log_softmax, logsumexp, max, mean, min, softmax, sum, var
from .shape import (
    concat, crop, expand, flatten, pad, permute, reshape, split, squeeze, stack, transpose,
    unsqueeze,
)  # fmt: skip

attach()

__all__ = [
    "abs", "adaptive_avg_pool2d", "adaptive_max_pool2d", "add", "argmax", "astype", "avg_pool2d",
    "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits", "clip", "concat",
    "conv2d", "conv_transpose2d", "crop", "cross_entropy", "depthwise_conv2d", "div", "drop_path",
    "dropout", "dropout2d", "elu", "equal", "erf", "exp", "expand", "flatten", "focal_loss",
    "gather", "gelu", "getitem", "global_avg_pool2d", "global_max_pool2d", "greater",
    "greater_equal", "group_norm", "hardsigmoid", "hardswish", "hardtanh", "huber_loss", "l1_loss",
    "layer_norm", "leaky_relu", "less", "less_equal", "linear", "local_response_norm", "log",
    "log_softmax", "logsumexp", "matmul", "max", "max_pool2d", "maximum", "mean", "min", "minimum",
    "mse_loss", "mul", "neg", "nll_loss", "not_equal", "pad", "permute", "pow", "relu", "relu6",
    "reshape", "sigmoid", "sigmoid_focal_loss", "silu", "smooth_l1_loss", "softmax", "softplus",
    "split", "sqrt", "squeeze", "stack", "sub", "sum", "tanh", "transpose", "unsqueeze", "var",
    "where",
]  # fmt: skip
