"""The vocabulary: every bug that the doctor can name, by its key."""

from . import general, running
from .bug import Bug

BUGS = {bug.key: bug for family in (general, running) for bug in family.BUGS}


def bug_of(key: str) -> Bug:
    """The entry of a key; "ratio:N" is found under "ratio:"."""
    if key in BUGS:
        return BUGS[key]
    family, colon, _ = key.partition(":")
    return BUGS[family + colon]


def headline(key: str) -> str:
    """The line that names the bug, with the rest of the key in its place."""
    return bug_of(key).headline.replace("{}", key.partition(":")[2])


__all__ = ["BUGS", "Bug", "bug_of", "headline"]
