"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import activation, conv, elementwise, linear, loss, reduce, smooth, softmax

_FAMILIES = (elementwise, reduce, linear, activation, smooth, softmax, loss, conv)
OPS: dict[str, Op] = {op.name: op for family in _FAMILIES for op in family.OPS}
