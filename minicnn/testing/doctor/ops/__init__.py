"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import activation, columns, conv, elementwise, linear, loss, pool, reduce, smooth, softmax

_FAMILIES = (elementwise, reduce, linear, activation, smooth, softmax, loss, conv, columns, pool)
OPS: dict[str, Op] = {op.name: op for family in _FAMILIES for op in family.OPS}
