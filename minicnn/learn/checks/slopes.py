"""Lesson 04: slopes by central differences and by the complex step."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

Named = tuple[str, Any]  # a mistake, and what it gives
MOVE, SIDEWAYS = "Move one entry", "A step without subtraction"
BUGS = (
    Bug(
        "forward-difference", "a forward difference where a central one is asked for", 4, MOVE,
        ("On how many sides of x do you compute the output?",
         "The error shrinks with the square of h only where both sides are used.",
         "Look at what is subtracted: the output at x, or on the other side of x?"),
    ),
    Bug(
        "step-not-used", "the step is not the one that is asked for", 4, MOVE,
        ("What does your answer do when h is ten times as large?",
         "The caller chooses h.",
         "Look for a fixed number in the place of h."),
    ),
    Bug(
        "divided-by-h", "the difference is divided by h, and should be by 2h", 4, MOVE,
        ("How far is it from x - h to x + h?",
         "The slope is the rise divided by the run.",
         "Look at the divisor."),
    ),
    Bug(
        "one-array-twice", "the outputs at both ends are one array", 4, MOVE,
        ("What does f return if it is lambda x: x, and you change x afterwards?",
         "An output may be a view of the input that you move.",
         "Look for a step that is written into x; make a new array instead."),
    ),
    Bug(
        "all-entries-moved", "all entries are moved at once", 4, MOVE,
        ("How many slopes do you get from two calls of f?",
         "Each entry has a slope of its own: all others stay where they are.",
         "Look at the array that is added to x: how many entries of it are not zero?"),
    ),
    Bug(
        "real-part", "the real part is taken, not the imaginary one", 4, SIDEWAYS,
        ("Where in phi(x + ih) does the derivative stand?",
         "The real part is the output itself, again.",
         "Look at which part you take."),
    ),
    Bug(
        "conjugated", "the sign is lost: one factor is conjugated", 4, SIDEWAYS,
        ("What does a conjugate do to the imaginary part?",
         "Some products of NumPy conjugate their first factor.",
         "Look at how gy and the output are multiplied."),
    ),
)  # fmt: skip


def _softmax(x: Any) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


# The functions, with every kind of output: another shape, a view of x, one number.
FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "cubes": ((2, 3), lambda x: x**3),
    "softmax": ((3, 4), _softmax),
    "a product": ((4,), lambda x: np.outer(np.sin(x), [1.0, 2.0, -1.0])),
    "one number": ((3, 2), lambda x: np.exp(x).sum()),
    "x itself": ((2, 2), lambda x: x),
    "turned": ((2, 3), lambda x: x.T),
    "a number": ((), lambda x: np.exp(x) * x),
}


def _steps(x: np.ndarray, h: complex) -> Iterator[np.ndarray]:
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape, type(h))
        step[i] = h
        yield step


def _central(f: Any, x: np.ndarray, gy: Any, h: float) -> np.ndarray:
    slopes = [np.sum(gy * (f(x + s) - f(x - s))) / (2 * h) for s in _steps(x, h)]
    return np.reshape(slopes, x.shape)


def _cases(seed: int) -> Iterator[tuple[str, Any, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    for name, (shape, f) in FUNCTIONS.items():
        x = np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape))
        yield name, f, x, np.asarray(rng.standard_normal(np.shape(f(x))))


def compare(
    exam: Examination, where: str, given: Any, right: Any, named: Iterable[Named], rtol: float,
    atol: float,
) -> None:  # fmt: skip
    """The exam's comparison; the mistakes, each with its result, are looked at only if needed."""

    def same(a: Any) -> bool:
        alike = given is not None and np.shape(a) == np.shape(given)
        return alike and np.allclose(given, a, rtol, atol)

    known = {} if same(right) else {bug: a for bug, a in named if same(a)}
    exam.equal(where, given, right, known, rtol=rtol, atol=atol)


def numeric_gradient(functions: Functions, seed: int) -> Diagnosis:
    exam, function = Examination("numeric_gradient", "gx"), functions["numeric_gradient"]
    for name, f, x, gy in _cases(seed):
        for h in (0.125, 2.0**-20):  # steps that leave no rounding in x
            with exam.probe(f"{name}, h = {h:.2g}"):
                mine = x.copy(), gy.copy()
                found = function(f, *mine, h)
                named = _wrong_slopes(f, x, gy, h)
                compare(exam, "gx", found, _central(f, x, gy, h), named, 1e-7, 1e-8)
                exam.unchanged(x, mine[0], "x")
                exam.unchanged(gy, mine[1], "gy")
    if not exam.diagnosis().findings:
        _other_types(exam, function, seed)
    return exam.diagnosis()


def _wrong_slopes(f: Any, x: np.ndarray, gy: np.ndarray, h: float) -> Iterator[Named]:
    right, steps, shape = _central(f, x, gy, h), list(_steps(x, h)), x.shape
    yield "divided-by-h", 2 * right
    yield "ratio:1/2", right / 2
    yield "sign-flipped", -right
    yield "one-array-twice" if np.shares_memory(f(x), x) else "zero-gradient", 0 * right
    for c, bug in ((gy, "forward-difference"), (np.ones_like(gy), "ignores-upstream")):
        sides = [[np.sum(c * (f(x + s) - f(x))) / h for s in ways]
                 for ways in (steps, [-s for s in steps])]  # fmt: skip
        yield bug, np.reshape(sides[0], shape)
        yield bug, -np.reshape(sides[1], shape)
    yield "ignores-upstream", _central(f, x, np.ones_like(gy), h)
    for other in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        yield "step-not-used", _central(f, x, gy, other)
    everywhere = np.sum(gy * (f(x + h) - f(x - h))) / (2 * h)
    if x.size > 1:
        yield "all-entries-moved", np.full(shape, everywhere)
        yield "all-entries-moved", np.array(everywhere)


def _other_types(exam: Examination, function: Callable[..., Any], seed: int) -> None:
    gy = np.random.default_rng(seed).standard_normal((2, 3))
    whole = np.array([[1, 2, 3], [-2, 4, 5]])
    for name, bug, x in (
        ("x of whole numbers", "integer-truncation", whole),
        ("x of float32", "low-precision", whole.astype(np.float32) / 3),
    ):
        with exam.probe(name):
            found = np.asarray(function(np.sin, x, gy, 1e-6))
            right = np.cos(x.astype(float)) * gy
            if found.shape == right.shape:
                worst = np.unravel_index(np.abs(found - right).argmax(), right.shape)
                evidence = f"an entry of gx is {found[worst]:.6g}, right is {right[worst]:.6g}"
                exam.require(abs(found[worst] - right[worst]) < 1e-7, bug, "gx", evidence)
            else:
                exam.equal("gx", found, right)


def complex_step(functions: Functions, seed: int) -> Diagnosis:
    exam, function = Examination("complex_step", "gx"), functions["complex_step"]
    for name, f, x, gy in _cases(seed):
        for h in (1e-30, 2.0**-10):
            slopes = [np.sum(gy * f(x + s).imag) / h for s in _steps(x, 1j * h)]
            right = np.reshape(slopes, x.shape)
            with exam.probe(f"{name}, h = {h:g}"):
                mine = x.copy(), gy.copy()
                found = function(f, *mine, h)
                named = _wrong_sideways(f, x, gy, h, right)
                compare(exam, "gx", found, right, named, 1e-10, 1e-10)
                exam.require(not np.iscomplexobj(found), "wrong-dtype", "gx", "gx is complex")
                exam.unchanged(x, mine[0], "x")
                exam.unchanged(gy, mine[1], "gy")
    return exam.diagnosis()


def _wrong_sideways(f: Any, x: Any, gy: Any, h: float, right: np.ndarray) -> Iterator[Named]:
    value = np.sum(gy * f(x))
    yield "real-part", np.full(x.shape, value / h)
    yield "real-part", np.full(x.shape, value)
    yield "conjugated", -right
    yield "ratio:1/2", right / 2
    yield "ratio:h", right * h
    yield "zero-gradient", 0 * right
    ones = [np.sum(f(x + s).imag) / h for s in _steps(x, 1j * h)]
    yield "ignores-upstream", np.reshape(ones, x.shape)
    if x.size > 1:
        yield "all-entries-moved", np.full(x.shape, np.sum(gy * f(x + 1j * h).imag) / h)
        yield "all-entries-moved", np.array(np.sum(gy * f(x + 1j * h).imag) / h)


# Functions with one mistake each


def each(name: str, wrong: dict[str, tuple[Callable[..., Any], ...]]) -> tuple[Wrong, ...]:
    """What the exam gives to the check of the exercise ``name``: functions by their mistake."""
    return tuple(Wrong(bug, {name: f}) for bug, many in wrong.items() for f in many)


def _in_place(f: Any, x: Any, gy: Any, h: float) -> Any:
    gx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        old = x[i].copy()
        x[i] = old + h
        after = f(x)
        x[i] = old - h
        gx[i] = np.sum(gy * (after - f(x))) / (2 * h)
        x[i] = old
    return gx


def _left_behind(f: Any, x: Any, gy: Any, h: float) -> Any:
    right = _central(f, x, gy, h)
    x += h
    return right


def _truncated(f: Any, x: Any, gy: Any, h: float) -> Any:
    return _central(f, x, gy, h).astype(x.dtype)


def _single(f: Any, x: Any, gy: Any, h: float) -> Any:
    if x.dtype != np.float32:
        return _central(f, x, gy, h)
    steps = [s.astype(np.float32) for s in _steps(x, h)]
    return np.reshape([np.sum(gy * (f(x + s) - f(x - s))) / (2 * h) for s in steps], x.shape)


def _one_sided(f: Any, x: Any, gy: Any, h: float) -> Any:
    return np.reshape([np.sum(gy * (f(x + s) - f(x))) / h for s in _steps(x, h)], x.shape)


def _at_once(f: Any, x: Any, gy: Any, h: float) -> Any:
    return np.full(x.shape, np.sum(gy * (f(x + h) - f(x - h))) / (2 * h))


def _sideways(part: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    def function(f: Any, x: Any, gy: Any, h: float) -> Any:
        return np.reshape([part(gy, f(x + s), h) for s in _steps(x, 1j * h)], x.shape)

    return function


CHECKS = {
    "numeric_gradient": Check(numeric_gradient, each("numeric_gradient", {
        "forward-difference": (_one_sided,),
        "divided-by-h": (lambda f, x, gy, h: 2 * _central(f, x, gy, h),),
        "step-not-used": (lambda f, x, gy, h: _central(f, x, gy, 1e-5),),
        "ignores-upstream": (lambda f, x, gy, h: _central(f, x, np.ones_like(gy), h),),
        "all-entries-moved": (_at_once,),
        "one-array-twice": (_in_place,),
        "changes-input": (_left_behind,),
        "integer-truncation": (_truncated,),
        "low-precision": (_single,),
        "returns-none": (lambda f, x, gy, h: None,),
    })),
    "complex_step": Check(complex_step, each("complex_step", {
        "real-part": (_sideways(lambda gy, y, h: np.sum(gy * y).real / h),),
        "conjugated": (_sideways(lambda gy, y, h: np.vdot(y, gy).imag / h),),
        "ratio:1/2": (_sideways(lambda gy, y, h: np.sum(gy * y).imag / (2 * h)),),
        "ratio:h": (_sideways(lambda gy, y, h: np.sum(gy * y).imag),),
        "zero-gradient": (_sideways(lambda gy, y, h: np.sum(gy * np.abs(y)).imag / h),),
        "ignores-upstream": (_sideways(lambda gy, y, h: np.sum(y).imag / h),),
        "wrong-dtype": (_sideways(lambda gy, y, h: np.sum(gy * y).imag / h + 0j),),
        "returns-none": (lambda f, x, gy, h: None,),
    })),
}  # fmt: skip
