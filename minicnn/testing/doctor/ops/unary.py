"""Functions of one array, entry by entry."""

from collections.abc import Callable, Mapping
from typing import Any

from ..op import Call, Mutant


def both_signs(names: Mapping[str, str]) -> dict[str, str]:
    """The translations, also for the negated factors: "factor:y" and "factor:-y"."""
    negated = {}
    for key, bug in names.items():
        place, colon, factor = key.partition(" factor:")
        if colon and not factor.startswith("-"):
            text = f"-({factor})" if set(factor[1:]) & set("+-") else f"-{factor}"
            negated[f"{place} factor:{text}"] = bug if factor != "1" else "sign-flipped"
    return {**negated, **names}


def slope(name: str, bug: str, dy_dx: Callable[[Call], Any], also: tuple[str, ...] = ()) -> Mutant:
    """A mutant with another derivative: gx = gy dy_dx(c)"""
    return Mutant(name, bug, gradients={"x": lambda gy, c: gy * dy_dx(c)}, also=also)
