"""Tier 1: a backward rule B is linear in the upstream gradient, whatever the op.

    B(0) = 0,   B(2d) = 2 B(d),   B(-d) = -B(d),   B(d + e) = B(d) + B(e),   B(d) != B(e)

No derivative is needed to see that one of these fails.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .case import Array, Case
from .report import Sign

Answers = dict[str, Array]


class Images(NamedTuple):
    """One input's gradients for d, 0, 2d, -d, another e, d + e, two one-hots, and their sum."""

    d: Array
    zero: Array
    double: Array
    minus: Array
    e: Array
    both: Array
    hot: Array
    next_hot: Array
    hots: Array


def signs(case: Case) -> Iterator[Sign]:
    """One sign per input at most: the narrowest name of what fails."""
    answers = [_answer(case, gy) for gy in _upstreams(case.gy)]
    for name, given in case.given.items():
        images = [given, *(a.get(name) for a in answers)]
        if all(i is not None and i.shape == given.shape for i in images):
            found = _judge(Images(*images), 10 * (case.rtol + case.atol))  # type: ignore[arg-type]
            if found:
                yield case.sign(found[0], f"g{name}", found[1], 1)


def _upstreams(gy: Array) -> tuple[Array, ...]:
    """The upstream gradients of `Images` but for d. The one-hots are neighbours, and overlap."""
    d = np.array(gy)
    e = np.asarray(np.random.default_rng(5).standard_normal(d.shape), d.dtype)
    hot, next_hot = np.zeros_like(d), np.zeros_like(d)
    if d.size:
        middle = tuple(n // 2 for n in d.shape)
        hot[middle], next_hot[middle] = 1, 1
        next_hot = np.roll(next_hot, 1, -1) if d.ndim else next_hot
    made = (0 * d, 2 * d, -d, e, d + e, hot, next_hot, hot + next_hot)
    return tuple(np.asarray(u, d.dtype) for u in made)


def _answer(case: Case, gy: Array) -> Answers:
    """The learner's gradients; none where the rule fails: that is tier 0's to say."""
    try:
        answers = case.backward(gy.copy())
    except Exception:
        return {}
    arrays = {name: np.asarray(a, np.float64) for name, a in answers.items()}
    return {name: a for name, a in arrays.items() if np.isfinite(a).all()}


def _judge(b: Images, tolerance: float) -> tuple[str, str] | None:
    """The bug and its evidence, or None for a linear rule."""

    def same(one: Array, other: Array) -> bool:
        size = max(_most(one), _most(other), _most(b.d))
        return _most(one - other) <= tolerance * size

    if not _most(b.d) and not _most(b.e):
        return None
    if same(b.d, b.e) and same(b.d, b.double) and b.d.size:
        return "ignores-upstream", (
            f"the same gradient for two different gy: {_largest(b.d, b.d)} and {_largest(b.e, b.d)}"
        )
    if not same(b.zero, np.zeros_like(b.zero)):
        return "not-linear", f"for gy = 0 yours is not 0 but {_largest(b.zero, b.zero)}"
    if not same(b.double, 2 * b.d):
        return "not-linear", f"twice gy gives {_ratio(b.double, b.d, 2)}, not 2 times the gradient"
    if not same(b.minus, -b.d):
        evidence = f"-gy gives {_ratio(b.minus, b.d, -1)}, not -1 times the gradient"
        return "upstream-in-mask", evidence
    for what, parts, whole in (
        ("two gy", (b.d, b.e), b.both), ("two neighbouring ones in gy", (b.hot, b.next_hot), b.hots)
    ):  # fmt: skip
        if not same(parts[0] + parts[1], whole):
            first, second, sum_, got = _unlike(*parts, whole)
            return "assigns", (
                f"{what} give {first:.6g} and {second:.6g} at one entry; "
                f"their sum gives {got:.6g}, not {sum_:.6g}"
            )
    return None


def _most(a: Array) -> float:
    return float(np.abs(a).max(initial=0.0))


def _largest(a: Array, by: Array) -> str:
    """The entry of a where ``by`` is largest, with its place."""
    index = np.unravel_index(int(np.abs(by).argmax()), by.shape)
    return f"{a[index]:.6g}" + (f" at {[int(i) for i in index]}" if index else "")


def _ratio(a: Array, b: Array, right: float) -> str:
    """How many times b entry a is, at the entry that misses ``right`` * b by most."""
    index = np.unravel_index(int(np.abs(a - right * b).argmax()), b.shape)
    if b[index]:
        return f"{a[index] / b[index]:.4g} times ({b[index]:.4g} became {a[index]:.4g})"
    return f"{a[index]:.4g} where there was 0"


def _unlike(first: Array, second: Array, whole: Array) -> tuple[float, float, float, float]:
    """Two parts, their sum, and the whole, at the entry where these differ by most."""
    index = np.unravel_index(int(np.abs(first + second - whole).argmax()), whole.shape)
    one, other = float(first[index]), float(second[index])
    return one, other, one + other, float(whole[index])
