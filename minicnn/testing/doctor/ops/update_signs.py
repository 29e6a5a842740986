"""What a wrong step of an optimizer says.

The new state is linear in what it is made of: m = a m + b grad + d param. The coefficients found by
least squares name the bug; the parameter's step is then judged from the learner's own new state, so
that one bug in the state does not hide as another in the parameter.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from ..case import Case
from ..op import Array, Call
from ..report import Sign
from .steps import nearest, replaced, right, worst
from .update_rule import Rule, decayed, new_parameter, parameter_steps


def mixture(target: Array, parts: Mapping[str, Array]) -> dict[str, float] | None:
    """The target as a sum of the parts that are not all zero, with their factors."""
    used = {name: part for name, part in parts.items() if np.abs(part).max() > 0}
    columns = [part / np.abs(part).max() for part in used.values()]
    found, *_ = np.linalg.lstsq(np.stack(columns, -1), target, rcond=None)
    if np.abs(np.stack(columns, -1) @ found - target).max() > 1e-7 * np.abs(target).max():
        return None
    return {n: f / np.abs(used[n]).max() for n, f in zip(used, found, strict=True)}


def is_coupled(c: Call) -> bool:
    """Whether the right rule adds the decay to the gradient (Adam), or beside it (AdamW)."""
    b1, coupled = c.betas[0], decayed(c)
    return np.allclose(c.y[1], b1 * c.state[0] + (1 - b1) * coupled, rtol=1e-12, atol=0)


def rows_wrong(case: Case, row: int) -> bool:
    return case.y.shape == case.call.y.shape and not case.close(case.y[row], case.call.y[row])


def text(found: Mapping[str, float], what: str) -> str:
    parts = [f"{f:.4g} {name}" for name, f in found.items() if abs(f) > 1e-9]
    return f"new {what} = {' + '.join(parts) or 0}"


def velocity(case: Case) -> Iterator[Sign]:
    """The velocity as a sum of old velocity, gradient and parameter."""
    c = case.call
    if not rows_wrong(case, 1):
        return
    parts = {"velocity": c.state, "grad": c.grad, "param": c.param * (c.weight_decay > 0)}
    found = mixture(case.y[1], parts)
    if found is None:
        return
    old, new = found.get("velocity"), found["grad"]
    for bug in velocity_bugs(c, old, new, found.get("param")):
        evidence = f"{text(found, 'velocity')}; right: {c.momentum:.4g} and 1"
        yield case.sign(bug, "forward", evidence, 2)


def velocity_bugs(c: Call, old: float | None, new: float, decay: float | None) -> list[str]:
    """All that fit; ``old`` is None at the first step, where any factor of the velocity does."""
    mu = c.momentum
    weights = {
        "momentum-missing": (0, 1), "momentum-factor-missing": (1, 1),
        "momentum-averaged": (mu, 1 - mu), "momentum-swapped": (1, mu),
        "momentum-swapped ": (mu, mu), "momentum-swapped  ": (1 - mu, mu),
        "momentum-sign": (mu, -1), "velocity-holds-lr": (mu, c.lr),
        "velocity-holds-lr ": (mu, -c.lr), "state-not-updated": (1, 0),
    }  # fmt: skip
    found = [
        bug.strip() for bug, (a, b) in weights.items()
        if np.isclose(new, b, atol=1e-6) and (old is None or np.isclose(old, a, atol=1e-6))
    ]  # fmt: skip
    if decay is not None and not found:
        ratio = nearest(np.array(decay / new / c.weight_decay), {"0": 0, "-1": -1})
        found = [{"0": "decay-missing", "-1": "decay-sign"}.get(ratio, "state-wrong")]
    return found or ["state-wrong"]


def sgd_parameter(case: Case) -> Iterator[Sign]:
    """What was added to the parameter, given the learner's own velocity."""
    c = case.call
    if case.y.shape != c.y.shape or moved(case, c.param - c.lr * case.y[1]):
        return
    v, g = case.y[1], decayed(c)
    against, inside = "update-sign", "lr-missing"
    if rows_wrong(case, 1):
        against, inside = "momentum-sign", "velocity-holds-lr"
    changes = (
        (against, c.lr * v), (inside, -v), ("velocity-holds-lr", v),
        ("old-moments-used", -c.lr * c.state), ("gradient-for-moment", -c.lr * g),
        ("gradient-for-moment", -c.lr * c.grad),
        ("parameter-not-updated", 0 * v), ("nesterov", -c.lr * (g + c.momentum * v)),
        ("lr-twice", -(c.lr**2) * v),
        ("decay-decoupled", -c.lr * v - c.lr * c.weight_decay * c.param),
        ("decay-decoupled", -c.lr * v - c.weight_decay * c.param),
    )  # fmt: skip
    names = [bug for bug, change in changes if moved(case, c.param + change)]
    for bug in [*names, "step-wrong"]:  # the last holds on every probe, if no other does
        yield case.sign(bug, "forward", "the parameter: " + worst(case.y[0], c.y[0]), 2)


def moved(case: Case, param: Array) -> bool:
    """Whether the parameter became this one; its step is small, so the change alone counts."""
    change, wanted = case.y[0] - case.call.param, param - case.call.param
    rtol, atol = 10 * case.rtol, 1e-6 * case.rtol
    return bool(np.allclose(change, wanted, rtol, atol, equal_nan=True))


def first_moment(case: Case) -> Iterator[Sign]:
    """m as a sum of the old m, the gradient and the parameter."""
    c = case.call
    if rows_wrong(case, 1):
        decay = c.param * (c.weight_decay > 0)
        found = mixture(case.y[1], {"m": c.state[0], "grad": c.grad, "param": decay})
        if found is not None:
            share = found.get("param", 0) / (found["grad"] or 1)
            yield from moment(case, 0, found, share)


def second_moment(case: Case) -> Iterator[Sign]:
    """v as a sum of the old v and a square: of the gradient, or of what was taken for it."""
    c = case.call
    if not rows_wrong(case, 2):
        return
    m, g = case.y[1], decayed(c)
    squares = {"grad^2": (c.grad**2, 0.0), "(grad + decay)^2": (g**2, c.weight_decay)}
    for name, (square, share) in squares.items():
        found = mixture(case.y[2], {"v": c.state[1], name: square})
        if found is not None:
            yield from moment(case, 1, found, share)
            return
    others = {"second-moment-not-squared": np.abs(c.grad), "second-moment-of-moment": m**2,
              "second-moment-not-squared ": np.abs(g), "second-moment-not-squared  ": c.grad,
              "second-moment-not-squared   ": g}  # fmt: skip
    for bug, part in others.items():
        if found := mixture(case.y[2], {"v": c.state[1], "this": part}):
            yield case.sign(bug.strip(), "forward", text(found, "v"), 2)
            return
    yield case.sign("state-wrong", "forward", worst(case.y[2], c.y[2]), 2)


def moment(case: Case, i: int, found: Mapping[str, float], share: float) -> Iterator[Sign]:
    """The weights of old and new, and the decay's part in the gradient."""
    c = case.call
    name = "mv"[i]
    old, new = found.get(name), next(f for key, f in found.items() if key not in (name, "param"))
    evidence = f"{text(found, name)}; right: {c.betas[i]:.4g} and {1 - c.betas[i]:.4g}"
    bugs = moment_bugs(c, i, old, new)
    if c.weight_decay and not bugs:
        coupled, with_decay = is_coupled(c), not np.isclose(share, 0, atol=1e-9)
        if coupled != with_decay:
            other_right = not rows_wrong(case, 2 - i)
            bugs = ["decay-in-one-moment" if other_right else decay_bug(case, coupled)]
    for bug in bugs:
        yield case.sign(bug, "forward", evidence, 2)


def decay_bug(case: Case, coupled: bool) -> str:
    """The moments have the decay and should not, or lack it; then it may be beside them."""
    c, (given, m, v) = case.call, case.y
    forms = tuple(right(parameter_steps(coupled=True)))
    beside = not case.close(given, new_parameter(c, m, v, forms))
    return "decay-coupled" if not coupled else "decay-decoupled" if beside else "decay-missing"


def moment_bugs(c: Call, i: int, old: float | None, new: float) -> list[str]:
    b, other, t = c.betas[i], c.betas[1 - i], c.t
    corrected = 1 - b**t
    weights = {
        "betas-swapped": (other, 1 - other), "beta-complement": (1 - b, b),
        "moment-weight-missing": (b, 1), "moments-forgotten": (0, 1 - b),
        "corrected-moments-kept": (b / corrected, (1 - b) / corrected),
        "state-not-updated": (1, 0), "beta-missing": (1, 1 - b),
        # At the first step m is a multiple of the gradient, and so is its square.
        "second-moment-of-moment": (None, (1 - b) * (1 - other) ** 2 if i else None),
    }  # fmt: skip
    found = [
        bug for bug, (a, n) in weights.items()
        if same(new, n) and (old is None or same(old, a))
    ]  # fmt: skip
    right = same(new, 1 - b) and (old is None or same(old, b))
    return [] if right else found or ["state-wrong"]


def same(a: float, b: float | None) -> bool:
    return b is not None and bool(np.isclose(a, b, rtol=1e-6, atol=1e-9))


def adam_parameter(case: Case) -> Iterator[Sign]:
    """Which step from the learner's own moments to the parameter is another."""
    c = case.call
    if case.y.shape != c.y.shape:
        return
    steps, (given, m, v) = parameter_steps(is_coupled(c)), case.y
    if rows_wrong(case, 1) and nearest_kept(c, m):
        m, v = c.y[1], c.y[2]

    def build(*forms: Rule) -> Array:
        return new_parameter(c, m, v, forms)

    if moved(case, build(*right(steps))):
        return
    names = replaced(steps, build, lambda guess: moved(case, guess))
    for key in [*names, "step-wrong"]:
        if key != "decay-missing" or not rows_wrong(case, 1):  # else the decay is in the moments
            yield case.sign(key, "forward", "the parameter: " + worst(given, c.y[0]), 2)


def nearest_kept(c: Call, m: Array) -> bool:
    """Whether the moments handed back are the corrected ones."""
    return bool(np.allclose(m, c.y[1] / (1 - c.betas[0] ** c.t)))
