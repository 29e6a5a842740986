"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import (
    activation,
    attention,
    concat,
    conv,
    dropout,
    elementwise,
    embedding,
    linear,
    loss,
    norm,
    reduce,
    residual,
    smooth,
    softmax,
    squeeze_excite,
    update,
)

_FAMILIES = (elementwise, reduce, linear, activation, smooth, softmax, loss, conv)
_FAMILIES += (norm, dropout, concat, residual, squeeze_excite, attention, embedding, update)
OPS: dict[str, Op] = {op.name: op for family in _FAMILIES for op in family.OPS}
