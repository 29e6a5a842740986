"""Cases with a planted gradient: what a learner gave beside what is right, without a learner."""

import numpy as np

from minicnn.testing.doctor import structure
from minicnn.testing.doctor.case import Case
from minicnn.testing.doctor.op import Call, Op, Probe


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def planted(given, right, axes="", *, x=None, others=None, y=None, gy=None, y_axes="", op=None,
            rtol=1e-7, atol=1e-9):  # fmt: skip
    """A case of one input x with these gradients; the rule is not to be asked."""
    given, right = np.asarray(given), np.asarray(right)
    x = normal(*right.shape, seed=70) if x is None else np.asarray(x)
    y = normal(23, 29, seed=71) if y is None else np.asarray(y)
    gy = normal(*y.shape, seed=72) if gy is None else np.asarray(gy)
    probe = Probe("planted", {"x": x, **(others or {})})
    names = {"x": tuple(axes.split()), "y": tuple(y_axes.split())}

    def rule(d):
        return {}

    return Case(op, probe, Call(**probe.inputs, y=y), y, gy, {"x": given}, {"x": right},
                rule, rule, rtol, atol, names)  # fmt: skip


def ruled(inputs, forward, rule, wrong, axes, *, seed=0, rtol=1e-7, atol=1e-9, dtype=float):
    """A case of an op: ``rule(gy, c)`` is right, ``wrong(gy, c)`` the learner's."""
    call = Call(**inputs)
    call.y = y = np.asarray(forward(call))
    gy = np.asarray(normal(*y.shape, seed=73 + seed), dtype)
    places = {name: place for name, place in axes.items() if name != "y"}
    op = Op("planted", places, axes["y"], forward, {}, lambda seed: ())
    names = {name: tuple(place.split()) for name, place in axes.items()}
    return Case(op, Probe("planted", inputs), call, y, gy, wrong(gy.copy(), call), rule(gy, call),
                lambda d: wrong(d, call), lambda d: rule(d, call), rtol, atol, names)  # fmt: skip


def found(case, name="x"):
    """The evidence by the key, in the order of the signs of tier 2."""
    return {sign.bug: sign.evidence for sign in structure.signs(case, name)}


def first(case):
    """The most specific key."""
    return next(iter(found(case)))


def keys(signs):
    return [sign.bug for sign in signs]
