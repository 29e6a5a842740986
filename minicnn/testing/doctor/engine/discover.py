"""Finds out how an engine is used: what it takes, what its attributes are called, how it starts."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..report import Sign
from .guard import Trouble
from .subject import BACKWARD, DATA, GRAD, Run, Subject, accepts, takes_gradient

_NUMBER = 0.734375  # exact in every floating-point type
_WRAPS: tuple[Callable[[Any], Any], ...] = (
    lambda value: value,
    lambda value: np.asarray(value, float),
    lambda value: np.atleast_1d(np.asarray(value, float)),
)


def discover(
    engine: Callable[..., Any], data: str, grad: str, backward: str, arrays: bool | None, seed: int
) -> Subject:
    """The engine with its names; raises Trouble where it cannot be used at all."""
    if not callable(engine):
        kind = type(engine).__name__
        raise Trouble("engine-interface", f"the engine must be a class or a function, got a {kind}")
    if accepts(engine, "requires_grad"):
        engine = functools.partial(engine, requires_grad=True)
    subject = Subject(engine, data, grad, backward, seed=seed)
    leaf = _first_leaf(subject)
    subject.data = data or _named(leaf, DATA, _is_number, "value")
    subject.backward = backward or _named(leaf, BACKWARD, callable, "backward method")
    subject.grad = grad or next((name for name in GRAD if hasattr(leaf, name)), "")
    subject.start = lambda y: getattr(y, subject.backward)()
    kept = getattr(leaf, subject.data)
    if getattr(kept, "dtype", None) in (np.float32, np.float16):
        subject.rtol = 2e-4 if kept.dtype == np.float32 else 2e-2
    subject.arrays = _takes_arrays(subject, leaf) if arrays is None else arrays
    return subject


def _first_leaf(subject: Subject) -> Any:
    """A value made of a number, in the first way that the constructor accepts."""
    first: Trouble | None = None
    for wrap in _WRAPS:
        subject.wrap = wrap
        try:
            leaf = subject.guard.run("engine(0.734375)", lambda: subject.leaf(_NUMBER))
        except Trouble as trouble:
            first = first or trouble
            continue
        if leaf is None:
            raise Trouble("engine-returns-none", "engine(0.734375) returns None")
        return leaf
    assert first is not None
    raise first


def _named(leaf: Any, usual: tuple[str, ...], fits: Callable[[Any], bool], what: str) -> str:
    """The first usual name that fits, or else any public attribute that does."""
    others = () if usual is BACKWARD else tuple(n for n in dir(leaf) if not n.startswith("__"))
    for name in usual + others:
        try:
            if fits(getattr(leaf, name, None)):
                return name
        except Exception:  # a property of the learner's may raise
            continue
    text = f"no {what} on a {type(leaf).__name__} made of 0.734375; tried {', '.join(usual)}"
    raise Trouble("engine-interface", text)


def _is_number(thing: Any) -> bool:
    return not callable(thing) and np.shape(thing) in ((), (1,)) and bool(np.all(thing == _NUMBER))


def _takes_arrays(subject: Subject, leaf: Any) -> bool:
    """Whether it is meant for arrays: a scalar engine may hold one by accident."""
    if isinstance(getattr(leaf, subject.data), np.ndarray):
        return True
    if any(hasattr(leaf, name) for name in ("shape", "sum", "reshape", "__matmul__")):
        return True
    try:
        made = subject.guard.run("engine([1.0, 2.0])", lambda: subject.make([1.0, 2.0]))
    except Trouble:
        return False
    return isinstance(getattr(made, subject.data, None), np.ndarray)


def starts(subject: Subject) -> Iterator[Sign]:
    """Does backward start by itself? If not, start it by hand, so that the rest can be checked."""
    operators = {"y = a * b": "__mul__", "y = a + b": "__add__"}
    leaf = subject.guard.run("engine(1.0)", lambda: subject.leaf(1.0))
    text = next((text for text, name in operators.items() if hasattr(leaf, name)), None)
    if text is None:
        raise Trouble("engine-interface", "the engine has neither + nor *")
    values = subject.values(text)
    y = subject.forward(text, values)["y"]
    if takes_gradient(getattr(y, subject.backward)):
        subject.start = lambda y: getattr(y, subject.backward)(_one(subject, y))
    _find_gradient_name(subject, y, text)
    trouble, answer = _attempt(subject, text, values)
    if answer is not None and any(np.any(answer.grad(name)) for name in values):
        return
    usual = subject.start
    for one in (_one, lambda subject, y: 1.0, lambda subject, y: subject.leaf(1.0)):
        subject.start = functools.partial(_by_hand, subject, usual, one)
        _, again = _attempt(subject, text, values)
        if again is not None and any(np.any(again.grad(name)) for name in values):
            yield _no_seed(subject, text, values, trouble, again)
            return
    if trouble:
        raise trouble
    assert answer is not None
    where = f"{text} at {_at(values)}"
    if all(grad is None for grad in answer.grads.values()):
        raise Trouble("engine-grad-none", f"{where}: every gradient is None")
    right = subject.right(text, values)["a"]
    raise Trouble("engine-no-gradients", f"{where}: da is 0, right is {right:.4g}; db is 0 as well")


def _no_seed(
    subject: Subject, text: str, values: dict[str, float], trouble: Trouble | None, again: Run
) -> Sign:
    right = subject.right(text, values)["a"]
    now = "raises " + str(trouble).partition("backward of ")[2] if trouble else "is 0"
    given = f"your da {now}, right is {right:.4g}"
    hand = f"with the gradient of y set to 1 by hand it is {again.grad('a'):.4g}"
    return Sign("engine-no-seed", "", f"{text} at {_at(values)}: {given}; {hand}", 0, text)


def _at(values: dict[str, float]) -> str:
    return ", ".join(f"{name} = {value:.4g}" for name, value in values.items())


def _attempt(
    subject: Subject, text: str, values: dict[str, float]
) -> tuple[Trouble | None, Run | None]:
    try:
        return None, subject.run(text, values)
    except Trouble as trouble:
        return trouble, None


def _find_gradient_name(subject: Subject, y: Any, text: str) -> None:
    """Some engines have the attribute only after backward; others under an unusual name."""
    if not subject.grad:
        subject.again(y, text)
        names = [n for n in (*GRAD, *dir(y)) if hasattr(y, n) and (n in GRAD or "grad" in n)]
        subject.grad = next((n for n in names if not callable(getattr(y, n))), "")
    if not subject.grad:
        tried = ", ".join(GRAD)
        raise Trouble("engine-interface", f"no gradient on the values; tried {tried}")


def _one(subject: Subject, y: Any) -> Any:
    """A gradient of 1 of the same kind as the data."""
    data = getattr(y, subject.data)
    return np.ones_like(data) if isinstance(data, np.ndarray) else 1.0


def _by_hand(subject: Subject, usual: Callable[[Any], Any], one: Callable, y: Any) -> None:
    setattr(y, subject.grad, one(subject, y))
    usual(y)
