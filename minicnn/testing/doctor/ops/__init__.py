"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import (
    activation,
    columns,
    conv,
    cross_entropy,
    elementwise,
    linear,
    loss,
    pool,
    reduce,
    smooth,
    softmax,
)

_FAMILIES = (
    elementwise, reduce, linear, activation, smooth, softmax, cross_entropy, loss, conv, columns,
    pool,
)  # fmt: skip
OPS: dict[str, Op] = {op.name: op for family in _FAMILIES for op in family.OPS}
