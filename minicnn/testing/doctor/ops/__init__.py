"""The ops that the doctor knows, by name. One file per family."""

from ..op import Op
from . import columns, conv, pool

OPS: dict[str, Op] = {op.name: op for family in (columns, conv, pool) for op in family.OPS}
