"""Lesson 04: right and wrong rules, on which a learner's gradient checker is tried."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Examination, Functions, Wrong

ONES, KINKS, SIZE, ALL = (
    "Why ones hide bugs", "Kinks", "How large an error is too large", "Move one entry",
)  # fmt: skip


def _bug(key: str, headline: str, section: str, *hints: str) -> Bug:
    return Bug(key, headline, 4, section, (hints[0], hints[1], hints[2]))


BUGS = (
    _bug("checker-positive-upstream", "the checker's gy is never negative", ONES,
         "Which signs can an upstream gradient have?",
         "A rule may go wrong where gy is negative only.",
         "Look at how gy is drawn."),
    _bug("checker-all-ones", "the checker lets rules pass that a gy of ones cannot tell", ONES,
         "What is gy in your checker?",
         "A rule that never uses gy must not pass, nor one that only fits a sum of outputs.",
         "Look at how gy is made, and at whether both sides of the comparison get it."),
    _bug("checker-skips-entries", "the checker does not look at every entry", ALL,
         "How many entries of gx do you compare?",
         "A rule may be wrong at a single index, the first or the last.",
         "Look for an index, a mean, or a sum before the comparison."),
    _bug("checker-too-loose", "the checker lets an error of one in a thousand pass", SIZE,
         "How many digits does a central difference have in double precision?",
         "Right rules agree to eight digits.",
         "Look at the limit."),
    _bug("checker-absolute", "the checker measures errors absolutely", SIZE,
         "What if all gradients are of size 1e-9? And of size 1e9?",
         "Divide by the size of the gradient.",
         "Look at what is compared with the limit."),
    _bug("checker-nan", "the checker lets NaN pass", SIZE,
         "Is NaN larger than your limit?",
         "Every comparison with NaN is false.",
         "Look at the direction of the comparison: what must be true for a rule to pass?"),
    _bug("checker-shapes", "the checker lets a gradient of another shape pass", SIZE,
         "What does NumPy do when shapes differ?",
         "A gradient has the shape of its input.",
         "Look at what is asked before any numbers are compared."),
    _bug("checker-kinks", "the checker rejects a right rule because of a kink", KINKS,
         "What does a central difference give for ReLU at 0?",
         "Entries at a kink have no slope to compare with.",
         "Look for where these entries are left out."),
    _bug("checker-kinks-excuse", "one kink excuses every other entry", KINKS,
         "If one entry is at a kink, what of the others?",
         "Leave out that entry, and compare the rest.",
         "Look at what happens where the mask of kinks has a single true entry."),
    _bug("checker-zero", "the checker stumbles over a gradient of zero", SIZE,
         "What is the relative error of 0 and 0, or of 1e-11 and 0?",
         "The size is that of the whole gradient; two zeros have no error.",
         "Look at the divisor."),
    _bug("checker-too-strict", "the checker rejects right rules", "How small a step may be",
         "How many digits do your differences have?",
         "A step that is too small, a one-sided difference or single precision leave only a few.",
         "Look at h, at the types, and at the limit."),
    _bug("checker-passes-everything", "the checker lets every rule pass", ALL,
         "When does your function return False?",
         "Try it with a rule that returns zeros.",
         "Look at the comparison, and at the masks before it."),
    _bug("checker-passes-nothing", "the checker rejects every rule", ALL,
         "When does your function return True?",
         "Try it with y = x and gx = gy.",
         "Look at the comparison, and at what backward is called with."),
    _bug("checker-no-verdict", "the answer is neither True nor False", ALL,
         "What does the caller ask?",
         "The answer is a verdict, not a number.",
         "Look at the return."),
)  # fmt: skip

Rule = Callable[[Any, Any], Any]
Row = tuple[str, Any, Rule, np.ndarray, tuple[str, ...]]  # a Trial, without whether it is right


class Trial(NamedTuple):
    """A rule; ``bugs`` are the mistakes of a checker that judges it wrongly."""

    name: str
    right: bool
    forward: Callable[[Any], Any]
    backward: Rule
    x: np.ndarray
    bugs: tuple[str, ...]


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _softmax_rule(gy: Any, x: Any) -> Any:
    y = _softmax(x)
    return y * (gy - (gy * y).sum(axis=1, keepdims=True))


def _changed(rule: Rule, index: tuple[int, ...]) -> Rule:
    def backward(gy: Any, x: Any) -> Any:
        gx = rule(gy, x).copy()
        gx[index] *= 1.5
        return gx

    return backward


def _nan(gy: Any, x: Any) -> Any:
    gx = gy * np.cos(x)
    gx[1, 1] = np.nan
    return gx


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _relu_rule(gy: Any, x: Any) -> Any:
    return gy * (x > 0)


def _sine_rule(gy: Any, x: Any) -> Any:
    return gy * np.cos(x)


def _largest_rule(gy: Any, x: Any) -> Any:
    gx = np.zeros_like(x)
    gx[np.arange(len(x)), x.argmax(axis=1)] = gy
    return gx


def _cancelling(x: Any) -> Any:
    """1000 x comes and goes; half of the entries have no influence."""
    return (1000 * x + np.sin(x) * (np.arange(x.size).reshape(x.shape) % 2)) - 1000 * x


def _cancelling_rule(gy: Any, x: Any) -> Any:
    return gy * np.cos(x) * (np.arange(x.size).reshape(x.shape) % 2)


def _right(rng: Any) -> list[Trial]:
    x = rng.uniform(0.3, 1.2, (3, 4)) * rng.choice([-1, 1], (3, 4))
    kinked, tied, w = x.copy(), x.copy(), rng.standard_normal((5, 4))
    kinked[0, 1] = kinked[2, 2] = 0
    tied[1] = [0.5, 2.0, 2.0, 1.0]
    strict = ("checker-too-strict",)  # after all others: it explains any of them
    kinks, zero = ("checker-kinks", *strict), ("checker-zero", *strict)
    large, both = ("checker-absolute", *strict), ("checker-kinks", *zero)
    rules: list[Row] = [
        ("x itself", lambda x: x, lambda gy, x: gy, x, strict),
        ("exp(3x)", lambda x: np.exp(3 * x), lambda gy, x: 3 * gy * np.exp(3 * x), x, strict),
        ("softmax", _softmax, _softmax_rule, x, strict),
        ("a dense layer", lambda x: x @ w.T, lambda gy, x: gy @ w, x, strict),
        ("a sum", lambda x: x.sum(axis=0), lambda gy, x: gy + 0 * x, x, strict),
        ("one number", lambda x: (x**2).sum(), lambda gy, x: 2 * gy * x, x, strict),
        ("1e-9 sin(x)", lambda x: 1e-9 * np.sin(x), lambda gy, x: 1e-9 * _sine_rule(gy, x), x,
         large),
        ("1e9 sin(x)", lambda x: 1e9 * np.sin(x), lambda gy, x: 1e9 * _sine_rule(gy, x), x, large),
        ("ReLU with zeros", _relu, _relu_rule, kinked, both),
        ("abs with zeros", np.abs, lambda gy, x: gy * np.sign(x), kinked, kinks),
        ("the largest of each row, with a tie", lambda x: x.max(axis=1), _largest_rule, tied, both),
        ("no influence", lambda x: 0 * x + 1, lambda gy, x: 0 * gy, x, zero),
        ("entries without influence", _cancelling, _cancelling_rule, x, zero),
    ]  # fmt: skip
    return [Trial(name, True, *rest) for name, *rest in rules]


def _hidden_by_ones(x: np.ndarray) -> list[Row]:
    """Wrong rules of which a gy of ones, or one without a minus sign, sees nothing."""
    ones = "checker-all-ones"
    return [
        ("gy is not used", np.sin, lambda gy, x: np.cos(x), x, (ones,)),
        ("gy is squared", np.sin, lambda gy, x: gy * gy * np.cos(x), x, (ones,)),
        ("a softmax with a mean", _softmax, lambda gy, x: _softmax(x) * (
            gy - gy.mean(axis=1, keepdims=True)), x, (ones,)),
        ("the mean of gy goes to all", np.sin, lambda gy, x: gy.mean() * np.cos(x), x,
         (ones, "checker-skips-entries")),
        ("ReLU with the mask of gy", lambda x: _relu(x) + x, lambda gy, x: gy * (1 + (x > 0) * (
            gy > 0)), x, ("checker-positive-upstream", ones)),
    ]  # fmt: skip


def _wrong(rng: Any) -> list[Trial]:
    x = rng.uniform(0.3, 1.2, (3, 4)) * rng.choice([-1, 1], (3, 4))
    kinked = x.copy()
    kinked[0, 1] = 0
    skips, loose = "checker-skips-entries", "checker-too-loose"
    rules: list[Row] = [
        *_hidden_by_ones(x),
        ("wrong at the first entry", np.sin, _changed(_sine_rule, (0, 0)), x, (skips,)),
        ("wrong at the last entry", np.sin, _changed(_sine_rule, (-1, -1)), x, (skips,)),
        ("off by 0.1%", np.sin, lambda gy, x: 1.001 * _sine_rule(gy, x), x, (loose,)),
        ("1e-9 sin(x), off by 2", lambda x: 1e-9 * np.sin(x),
         lambda gy, x: 2e-9 * _sine_rule(gy, x), x, ("checker-absolute",)),
        ("NaN in one entry", np.sin, _nan, x, ("checker-nan", skips)),
        ("NaN in all", np.sin, lambda gy, x: np.nan * gy, x, ("checker-nan",)),
        ("a sum that is not expanded", lambda x: x.sum(axis=0), lambda gy, x: gy, x,
         ("checker-shapes",)),
        ("an axis of length 1 too much", np.sin, lambda gy, x: _sine_rule(gy, x)[None], x,
         ("checker-shapes",)),
        ("twice ReLU, with a zero", _relu, lambda gy, x: 2 * _relu_rule(gy, x), kinked,
         ("checker-kinks-excuse",)),
        ("transposed", np.sin, lambda gy, x: _sine_rule(gy, x).T, x[:, :3],
         (skips, "checker-all-ones")),
        ("the sign is lost", lambda x: -x, lambda gy, x: gy, x, (skips,)),
        ("zeros", np.sin, lambda gy, x: 0 * gy, x, (skips,)),
    ]  # fmt: skip
    return [Trial(name, False, *rest) for name, *rest in rules]


def check_gradient(functions: Functions, seed: int) -> Diagnosis:
    """All trials, with the learner's other functions or, where these are not right, with ours."""
    function = functions["check_gradient"]
    found = _judge(function, seed)
    if found.ok:
        return found
    with _right_helpers(function):
        again = _judge(function, seed)
    raises = [any(f.bug == "raises" for f in d.findings) for d in (found, again)]
    return found if raises == [False, True] else again


@contextmanager
def _right_helpers(function: Any) -> Iterator[None]:
    """The names of the lesson's other exercises stand for right functions."""
    names = getattr(function, "__globals__", {})
    before = {name: names[name] for name in HELPERS if name in names}
    names.update({name: HELPERS[name] for name in before})
    try:
        yield
    finally:
        names.update(before)


def _judge(function: Callable[..., Any], seed: int) -> Diagnosis:
    """A name must hold on every rule that was judged wrongly."""
    exam = Examination("check_gradient", "verdict")
    rng, judged = np.random.default_rng(seed), []
    for trial in (*_right(rng), *_wrong(rng)):
        with exam.probe(trial.name):
            x = trial.x.copy()
            draw = np.random.default_rng(int(rng.integers(2**31)))
            verdict = function(trial.forward, trial.backward, x, draw)
            exam.unchanged(trial.x, x, "x")
            if verdict is None:
                exam.wrong("returns-none", "verdict", "None is no verdict", 0)
            elif not isinstance(verdict, bool | np.bool_):
                exam.wrong("checker-no-verdict", "verdict", f"the answer is {verdict!r}")
            else:
                judged.append((trial, bool(verdict)))
    _explain(exam, judged)
    return exam.diagnosis()


def _explain(exam: Examination, judged: list[tuple[Trial, bool]]) -> None:
    verdicts = {verdict for _, verdict in judged}
    alike = len(judged) > 2 and len(verdicts) == 1
    for trial, verdict in judged:
        if verdict != trial.right:
            exam.probe(trial.name)
            kind = "right" if trial.right else "wrong"
            evidence = f"the {kind} rule {trial.name!r} {'passes' if verdict else 'is rejected'}"
            everything = "checker-passes-everything" if verdict else "checker-passes-nothing"
            for bug in (everything,) if alike else trial.bugs:
                exam.wrong(bug, "verdict", evidence)


# Checkers with one mistake each


def _normal(rng: Any, shape: Any) -> Any:
    return rng.standard_normal(shape)


def _whole(a: Any, g: Any) -> Any:
    size = max(np.abs(a).max(initial=0), np.abs(g).max(initial=0))
    return np.abs(a - g).max(initial=0) / size if size else 0.0


def _slopes(f: Any, x: Any, gy: Any, h: float) -> tuple[Any, Any]:
    """Central differences, and where there are kinks."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    after, before = ([np.sum(gy * (f(x + s) - f(x))) for s in sign * steps] for sign in (1, -1))
    numbers, bends = np.subtract(after, before), np.abs(np.add(after, before))
    kinks = bends > 1e-5 * np.abs(numbers).max()
    return (numbers / (2 * h)).reshape(x.shape), kinks.reshape(x.shape)


def _relative(a: Any, g: Any) -> Any:
    if np.shape(a) != np.shape(g) or not np.isfinite([a, g]).all():
        return np.inf
    return _whole(a, g)


HELPERS = {
    "numeric_gradient": lambda f, x, gy, h: _slopes(f, x, gy, h)[0],
    "kinks": lambda f, x, gy, h: _slopes(f, x, gy, h)[1],
    "relative_error": _relative,
}


def _checker(
    draw: Any = _normal, error: Any = _whole, limit: float = 1e-6, h: float = 1e-6,
    kinks: str = "left out", shapes: bool = True, reject: bool = False, look: Any = lambda a: a,
) -> dict[str, Callable[..., Any]]:  # fmt: skip
    """A checker as it should be, but for what is given."""

    def check(forward: Any, backward: Any, x: Any, rng: Any) -> bool:
        gy = draw(rng, np.shape(forward(x)))
        numbers, bent = _slopes(forward, x, gy, h)[0], _slopes(forward, x, gy, 1e-6)[1]
        gx = backward(gy, x)
        if np.shape(gx) != x.shape:
            if shapes:
                return False
            gx = np.broadcast_to(gx, x.shape) if np.ndim(gx) < x.ndim else gx[0]
        if kinks == "excuse" and bent.any():
            return True
        keep = ~bent if kinks != "count" else np.ones_like(bent)
        found = error(look(gx[keep]), look(numbers[keep]))
        return not found > limit if reject else bool(found < limit)

    return {"check_gradient": check}


def _entry_by_entry(a: Any, g: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.max(np.abs(a - g) / np.maximum(np.abs(a), np.abs(g)), initial=0)


WRONG = (
    Wrong("checker-all-ones", _checker(draw=lambda rng, shape: np.ones(shape))),
    Wrong("checker-positive-upstream", _checker(draw=lambda rng, s: rng.uniform(0.1, 1, s))),
    Wrong("checker-skips-entries", _checker(look=lambda a: a[:1])),
    Wrong("checker-skips-entries", _checker(look=lambda a: a[1:])),
    Wrong("checker-skips-entries", _checker(look=lambda a: a[:-1])),
    Wrong("checker-too-loose", _checker(limit=1e-2)),
    Wrong("checker-too-strict", _checker(h=1e-12)),
    Wrong("checker-too-strict", _checker(limit=1e-13)),
    Wrong("checker-too-strict", _checker(h=0.1)),
    Wrong("checker-absolute", _checker(error=lambda a, g: np.abs(a - g).max(initial=0))),
    Wrong("checker-nan", _checker(reject=True)),
    Wrong("checker-shapes", _checker(shapes=False)),
    Wrong("checker-kinks", _checker(kinks="count")),
    Wrong("checker-kinks-excuse", _checker(kinks="excuse")),
    Wrong("checker-zero", _checker(error=_entry_by_entry)),
    Wrong("checker-passes-everything", {"check_gradient": lambda *given: True}),
    Wrong("checker-passes-nothing", {"check_gradient": lambda *given: False}),
    Wrong("checker-no-verdict", {"check_gradient": lambda *given: 1e-9}),
    Wrong("returns-none", {"check_gradient": lambda *given: None}),
)
