"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import (
    activation,
    attention,
    blocks,
    columns,
    conv,
    cross_entropy,
    dropout,
    elementwise,
    linear,
    loss,
    norm,
    pool,
    reduce,
    smooth,
    softmax,
    update,
)

_FAMILIES = (
    elementwise, reduce, linear, activation, smooth, softmax, cross_entropy, loss, conv, columns,
    pool, norm, dropout, blocks, attention, update,
)  # fmt: skip
OPS: dict[str, Op] = {
    op.name: op for family in _FAMILIES for op in getattr(family, "OPS", ())
}
