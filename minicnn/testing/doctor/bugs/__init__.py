"""The vocabulary: every bug that the doctor can name, by its key.

The names of `contract`, `numbers` and `patterns` fit any op; the others are in an op's own words.
"""

from . import (
    activation,
    attention,
    blocks,
    contract,
    conv,
    cross_entropy,
    dropout,
    elementwise,
    engine,
    linear,
    loss,
    norm,
    numbers,
    patterns,
    pool,
    reduce,
    running,
    softmax,
    update,
)
from .bug import Bug

GENERIC = {bug.key: bug for family in (contract, numbers, patterns) for bug in family.BUGS}
_FAMILIES = (
    activation, attention, blocks, conv, cross_entropy, dropout, elementwise, engine, linear,
    loss, norm, pool, reduce, running, softmax, update,
)  # fmt: skip
BUGS = GENERIC | {bug.key: bug for family in _FAMILIES for bug in family.BUGS}


def bug_of(key: str) -> Bug:
    """The entry of a key; "ratio:N" is found under "ratio:"."""
    if key in BUGS:
        return BUGS[key]
    family, colon, _ = key.partition(":")
    return BUGS[family + colon]


def headline(key: str) -> str:
    """The line that names the bug, with the rest of the key in its place."""
    text = bug_of(key).headline.replace("{}", key.partition(":")[2])
    return text.replace("axis axis", "axis")  # an axis without a name is called "axis 2"


__all__ = ["BUGS", "GENERIC", "Bug", "bug_of", "headline"]
