"""The op table: `CASES` has a row for every op and configuration."""

from . import elementwise, loss, norm, pool, products, reduce, shape
from .table import Case

FAMILIES = (elementwise, reduce, shape, products, pool, norm, loss)
CASES: list[Case] = [row for family in FAMILIES for row in family.rows()]
