"""Arithmetic, elementary functions, activations."""

import math

import numpy as np
from scipy import special

from .table import case, normal, positive, usual

SHAPES = [(5, 3), (3,), (5, 1), (1, 3), (2, 5, 3), (), (3, 3)]
PAIRS = [
    (a, b) for a in SHAPES for b in SHAPES
    if all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1], strict=False))
]  # fmt: skip
LARGE = np.array([-1000.0, -30, -1.5, -1e-3, 0.5, 30, 1000])


def each(f):
    """A scalar formula, applied entry by entry."""
    return np.vectorize(f, otypes=[float])


def same(x, dtype=None):
    return x


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * special.ndtr(x)


def silu(x):
    return x * special.expit(x)


def elu(x, alpha=1.0):
    return each(lambda v: v if v > 0 else alpha * math.expm1(v))(x)


def leaky_relu(x, negative_slope=0.01):
    return each(lambda v: v if v > 0 else negative_slope * v)(x)


def limited(x, min=-np.inf, max=np.inf):
    return each(lambda v: min if v < min else max if v > max else v)(x)


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return limited(x, min_val, max_val)


def hardsigmoid(x):
    return limited(x / 6 + 0.5, 0, 1)


def hardswish(x):
    return x * hardsigmoid(x)


UNARY = {
    "abs": each(lambda v: -v if v < 0 else v),
    "elu": elu,
    "erf": each(math.erf),
    "exp": each(math.exp),
    "gelu": gelu,
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "hardtanh": hardtanh,
    "leaky_relu": leaky_relu,
    "log": each(math.log),
    "neg": each(lambda v: -v),
    "relu": each(lambda v: v if v > 0 else 0),
    "relu6": lambda x: limited(x, 0, 6),
    "sigmoid": special.expit,
    "silu": silu,
    "softplus": lambda x: np.logaddexp(0, x),
    "sqrt": each(math.sqrt),
    "tanh": each(math.tanh),
}
UNSAFE = {"exp", "log", "sqrt"}  # infinite or undefined at -1000 or 1000 by their nature
# Where each function or its derivative jumps.
CORNERS = {
    "abs": [0], "elu": [0], "hardsigmoid": [-3, 3], "hardswish": [-3, 3], "hardtanh": [-1, 1],
    "leaky_relu": [0], "relu": [0], "relu6": [0, 6],
}  # fmt: skip
BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "pow": lambda a, b: np.exp(b * np.log(a)),
    "maximum": lambda a, b: (a + b + abs(a - b)) / 2,
    "minimum": lambda a, b: (a + b - abs(a - b)) / 2,
}  # fmt: skip
COMPARISONS = {
    "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater, "less": np.less,
    "greater_equal": np.greater_equal, "less_equal": np.less_equal,
}  # fmt: skip


def compare_in_torch(op):
    name = {"equal": "eq", "not_equal": "ne"}.get(op, op)
    return lambda torch, a, b: getattr(torch, name)(a, b)


def choose(mask, a, b):
    return mask * np.where(mask, a, 0) + (1 - mask) * np.where(mask, 0, b)


def dropped(x, p, shape):
    """The mask that seed 0 gives (the tests restart the random numbers before each call)."""
    keep = np.random.default_rng(0).random(shape) >= p
    return np.where(keep, x / (1 - p), 0)


def rows():
    yield from (usual(op, reference) for op, reference in UNARY.items())
    yield from (
        case(op, (LARGE,), f, label="+-1000") for op, f in UNARY.items() if op not in UNSAFE
    )
    for op, places in CORNERS.items():
        x = np.array([places[0] - 0.5, *places, places[-1] + 0.5])
        # torch gives the straight part's slope to the corners of hardswish, which are a matter
        # of choice
        torch = None if op == "hardswish" else "same"
        yield case(op, (x,), UNARY[op], label="corners", kinks=True, torch=torch)
    yield case("gelu", (normal(3, 4),), gelu, approximate="tanh")
    yield case("elu", (normal(3, 4),), elu, alpha=0.7)
    yield case("leaky_relu", (normal(3, 4),), leaky_relu, negative_slope=0.3)
    yield case("neg", (normal(0, 3),), UNARY["neg"])
    yield from binary()
    yield from powers()
    yield from limits()
    yield from drops()
    yield usual("astype", same, torch=None)


def binary():
    for op, f in BINARY.items():
        yield usual(op, f)
        for a, b in PAIRS:
            left = positive(*a) if op == "pow" else normal(*a)
            right = positive(*b) if op == "div" else normal(*b)
            yield case(op, (left, right), f)
    for op, f in COMPARISONS.items():
        tie = (np.array([1.0, 2.0, 3.0]), np.array([[2.0], [1.0]]))
        yield usual(op, f, compare_in_torch(op))
        yield case(op, tie, f, torch=compare_in_torch(op), label="ties")
    tie = (np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    for op in ("maximum", "minimum"):
        yield case(op, tie, BINARY[op], label="ties", kinks=True)
    yield usual("where", choose)
    for a, b in PAIRS:
        mask = normal(*np.broadcast_shapes(a, b)) > 0
        yield case("where", (mask, normal(*a), normal(*b)), choose)
    yield case("where", (normal(2, 1) > 0, normal(3), normal()), choose, label="mask grows")
    yes = np.array(True)
    yield case("where", (yes, normal(2, 3), normal(3)), choose, label="mask without axes")
    yield case("where", (yes, normal(), normal(2, 3)), choose, label="only b has axes")


def product(x, p):
    return np.prod([x] * p, 0) if p > 0 else 1 / np.prod([x] * -p, 0) if p else np.ones(x.shape)


def powers():
    for p in (2, 3, 0, 1, -1, -2, 5):
        yield case("pow", (normal(3, 2),), product, after=(p,))
    for p in (0.5, -0.5, 2.5):
        yield case("pow", (positive(3, 2),), lambda x, p: np.exp(p * np.log(x)), after=(p,))
    yield case("pow", (np.array([0.0, -1.5, 2.0]),), product, after=(2,), label="square at 0")
    zero, exponent = np.array([0.0, 0.0, 2.0]), np.array([2.0, 3.0, 0.0])
    yield case("pow", (zero, exponent), lambda a, b: np.array([0.0, 0.0, 1.0]), label="base 0",
               border=True)  # fmt: skip


def limits():
    for bounds in ({"min": -0.5}, {"max": 0.5}, {"min": -0.5, "max": 0.8}):
        yield case("clip", (normal(3, 4),), limited, **bounds)
    edges = np.array([-1.5, -1.0, 0.0, 2.0, 2.5])
    yield case("clip", (edges,), limited, min=-1.0, max=2.0, label="at the limits", kinks=True)
    yield usual("clip", limited)


def drops():
    masks = {
        "dropout": lambda x: x.shape,
        "dropout2d": lambda x: (*x.shape[:2], 1, 1),
        "drop_path": lambda x: (x.shape[0],) + (1,) * (x.ndim - 1),
    }
    x = normal(2, 3, 2, 2)
    for op, shape in masks.items():

        def reference(x, p=0.5, shape=shape):
            return dropped(x, p, shape(x))

        yield usual(op, reference, torch=None)
        yield case(op, (x,), reference, torch=None)
        yield case(op, (x,), reference, torch=None, p=0.7)
        yield case(op, (x,), lambda x, p: x, torch=None, p=0.0)
        yield case(op, (x,), lambda x, p: 0 * x, torch=None, p=1.0)
        yield case(op, (x,), lambda x, training: x, torch=None, training=False)
