"""Activations as layers; papers stand at the ops of the same names."""

from .. import ops
from .layer import OpLayer


class ReLU(OpLayer):
    """y = max(x, 0)"""

    op = ops.relu


class ReLU6(OpLayer):
    """y = min(max(x, 0), 6)"""

    op = ops.relu6


class LeakyReLU(OpLayer):
    """LeakyReLU(negative_slope=0.01): y = x where x > 0, else negative_slope x"""

    op = ops.leaky_relu


class ELU(OpLayer):
    """ELU(alpha=1.0): y = x where x > 0, else alpha (e^x - 1)"""

    op = ops.elu


class GELU(OpLayer):
    """GELU(approximate="none"): y = x Phi(x), Phi the normal distribution function; or "tanh" """

    op = ops.gelu


class SiLU(OpLayer):
    """y = x sigmoid(x)"""

    op = ops.silu


class Sigmoid(OpLayer):
    """y = 1 / (1 + e^-x)"""

    op = ops.sigmoid


class Tanh(OpLayer):
    """y = (e^x - e^-x) / (e^x + e^-x)"""

    op = ops.tanh


class Softplus(OpLayer):
    """y = ln(1 + e^x)"""

    op = ops.softplus


class Hardsigmoid(OpLayer):
    """y = min(max(x + 3, 0), 6) / 6"""

    op = ops.hardsigmoid


class Hardswish(OpLayer):
    """y = x hardsigmoid(x)"""

    op = ops.hardswish


class Hardtanh(OpLayer):
    """Hardtanh(min_val=-1.0, max_val=1.0): y = x limited to [min_val, max_val]"""

    op = ops.hardtanh


class Softmax(OpLayer):
    """Softmax(dim=-1): y_i = e^x_i / sum_j e^x_j"""

    op = ops.softmax


class LogSoftmax(OpLayer):
    """LogSoftmax(dim=-1): y_i = x_i - ln sum_j e^x_j"""

    op = ops.log_softmax
