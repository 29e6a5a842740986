"""Whether two generated files say the same, where the last digits may differ between machines.

Sums of floating-point numbers depend on the processor. A figure that moved by less than a fifth
of a point, or a printed loss that differs by a part in a thousand, is not stale.
"""

import math
import re

NUMBER = re.compile(r"(?<![\w#.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\")?")
NAMED = re.compile(r'(?:(?<=id=")|(?<=#))[a-z]+[0-9a-f]{10}')  # made from what is drawn


def same(old: str, new: str) -> bool:
    """Equal text between the numbers, and numbers that agree to 1 in 1000 or to 0.2 points."""
    if old == new:
        return True
    shapes, numbers = zip(*(_split(NAMED.sub("", text)) for text in (old, new)), strict=True)
    if shapes[0] != shapes[1]:
        return False
    drawn = 0.2 if "<svg" in old[:400] else 0.0
    return all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=drawn) for a, b in zip(*numbers, strict=True)
    )


def _split(text: str) -> tuple[list[str], list[float]]:
    return NUMBER.split(text), [float(n) for n in NUMBER.findall(text)]
