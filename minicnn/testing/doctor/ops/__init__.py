"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import (
    activation,
    attention,
    columns,
    concat,
    conv,
    cross_entropy,
    dropout,
    elementwise,
    embedding,
    linear,
    loss,
    norm,
    pool,
    reduce,
    residual,
    smooth,
    softmax,
    squeeze_excite,
    update,
)

_FAMILIES = (
    elementwise, reduce, linear, activation, smooth, softmax, cross_entropy, loss, conv, columns,
    pool, norm, dropout, concat, residual, squeeze_excite, embedding, attention, update,
)  # fmt: skip
OPS: dict[str, Op] = {op.name: op for family in _FAMILIES for op in family.OPS}
