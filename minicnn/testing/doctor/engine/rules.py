"""Each op alone: its value, its local derivatives, the upstream gradient, and adding up.

Local rules come first, so that a wrong one is not taken for a bug of the graph. An op that passes
is trusted, and the graphs of the later checks are made of trusted ops.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..report import Sign
from . import programs
from .guard import Trouble
from .subject import Subject


class Form(NamedTuple):
    """One way to write an op. An ``optional`` one is skipped where the engine refuses it."""

    op: str
    text: str
    needs: str
    optional: bool = False
    positive: bool = False


FORMS = (
    Form("mul", "a * b", "__mul__"),
    Form("add", "a + b", "__add__"),
    Form("sub", "a - b", "__sub__"),
    Form("div", "a / b", "__truediv__"),
    Form("neg", "-a", "__neg__"),
    Form("pow", "a ** 3", "__pow__"),
    Form("pow", "a ** 2", "__pow__", optional=True),
    Form("pow", "a ** -1", "__pow__", optional=True),
    Form("pow", "a ** 0.5", "__pow__", optional=True, positive=True),
    Form("pow", "a ** b", "__pow__", optional=True, positive=True),
    *(Form(op, f"a {sign} 2.5", needs, optional=True) for op, sign, needs in (
        ("add", "+", "__add__"), ("sub", "-", "__sub__"),
        ("mul", "*", "__mul__"), ("div", "/", "__truediv__"))),
    *(Form(op, f"2.5 {sign} a", needs, optional=True) for op, sign, needs in (
        ("add", "+", "__radd__"), ("sub", "-", "__rsub__"),
        ("mul", "*", "__rmul__"), ("div", "/", "__rtruediv__"))),
    *(Form(name, f"{name}(a)", name) for name in ("exp", "tanh", "relu", "sigmoid", "sin", "cos")),
    *(Form(name, f"{name}(a)", name, positive=True) for name in ("log", "sqrt")),
)  # fmt: skip
# What a wrong local derivative often is; `right` is what it should be.
LOOKS = {
    "minus what is right": "-right", "1": "1 + 0*a", "a itself": "a", "the result": "y",
    "b itself": "b", "1/b": "1/b", "-a/b": "-a/b", "a/b**2": "a/b**2", "minus a": "-a",
    "1 - y": "1 - y", "1 - a**2": "1 - a**2", "y * (1 - y)": "y*(1 - y)", "1 - y**2": "1 - y**2",
    "a * (1 - a)": "a*(1 - a)", "the power without its factor": "right/n", "n times y": "n*y",
    "the factor n - 1": "right*(n - 1)/n", "twice what is right": "2*right",
    "half of what is right": "right/2", "1/a": "1/a", "a**2": "a**2",
}  # fmt: skip


def rules(subject: Subject) -> Iterator[Sign]:
    """Values and local derivatives of every op that the engine has."""
    leaf = subject.guard.run("engine(1.0)", lambda: subject.leaf(1.0))
    wrong: set[str] = set()
    seen: list[tuple[str, dict[str, float], dict[str, Any]]] = []
    for form in FORMS:
        if not hasattr(leaf, form.needs):
            if not form.optional:
                subject.skipped.append(f"{form.op}: the engine has no {form.needs}")
            continue
        try:
            signs = list(_values_and_slopes(subject, form, seen))
        except Trouble as trouble:
            if form.optional and trouble.sign.bug == "engine-raises":
                subject.skipped.append(f"{form.op}: {trouble.sign.evidence}")
                continue
            signs = [trouble.sign]
        wrong |= {form.op} if signs else set()
        subject.trusted.add(form.op)
        yield from signs
    subject.trusted -= wrong
    yield from _integers(subject)


def _values_and_slopes(subject: Subject, form: Form, seen: list) -> Iterator[Sign]:
    """One form at two points, the second one negative where the op allows it."""
    text = f"y = {form.text}"
    runs = []
    for sign in (1, 1 if form.positive else -1):
        values = {name: sign * x for name, x in subject.values(text, 0.5, 0.9).items()}
        values |= {"b": abs(values["b"]) + 0.7} if "b" in values else {}
        run = subject.run(text, values)
        where = subject.describe(text, values)
        y = programs.run(text, values)["y"]
        if not subject.close(run.y, y):
            evidence = f"{where}: your y is {_number(run.y)}, right is {y:.4g}"
            yield Sign(f"engine-forward:{form.op}", "", evidence, 0, text)
            return
        for name, value in values.items():
            if not subject.close(subject.value(run.variables[name]), value):
                now = _number(subject.value(run.variables[name]))
                evidence = f"{where}: afterwards {name} is {now}"
                yield Sign("engine-changes-data", "", evidence, 0, text)
                return
        runs.append((values, run))
    yield from _slopes(subject, form, runs)


def _slopes(subject: Subject, form: Form, runs: list) -> Iterator[Sign]:
    text = f"y = {form.text}"
    for name in programs.leaves(text):
        rights = [float(subject.right(text, values)[name]) for values, _ in runs]
        given = [run.grad(name) for _, run in runs]
        bad = [k for k in (0, 1) if not subject.close(given[k], rights[k])]
        if not bad:
            continue
        values = runs[bad[0]][0]
        shown = f"your d{name} is {_number(given[bad[0]])}, right is {rights[bad[0]]:.4g}"
        evidence = f"{subject.describe(text, values)}: {shown}"
        if not any(np.any(g) for g in given) and any(rights):
            if runs[0][1].grads[name] is None:
                evidence = evidence.replace(" is 0,", " is None,")
            yield Sign(f"engine-operand-lost:{form.op}", "", evidence, 1, text)
        else:
            like = _looks_like(subject, form, runs, given, rights)
            yield Sign(f"engine-rule:{form.op}", "", evidence + like, 2, text)


def _looks_like(subject: Subject, form: Form, runs: list, given: list, rights: list) -> str:
    """The expression that gives the learner's numbers at both points, in words."""
    power = form.text.partition("** ")[2]
    for words, expression in LOOKS.items():
        try:
            fits = [
                subject.close(given[k], eval(expression, {
                    **values, "y": float(run.y), "right": rights[k], "n": float(power or "nan"),
                }))
                for k, (values, run) in enumerate(runs)
            ]  # fmt: skip
        except (NameError, ZeroDivisionError, ValueError):
            continue
        if all(fits):
            return f"; it is {words.replace('n times', power + ' times')}"
    return ""


def _integers(subject: Subject) -> Iterator[Sign]:
    """A value made of a Python int must not round its gradient."""
    text = "y = a * b"
    if "mul" not in subject.trusted:
        return
    try:
        run = subject.run(text, {"a": 3, "b": 0.5})
    except Trouble:
        return  # refusing integers is a good answer
    if not subject.close(run.grad("a"), 0.5 * subject.scale(np.asarray(1.5))):
        evidence = f"{text} at a = 3, b = 0.5: your da is {_number(run.grad('a'))}, right is 0.5"
        yield Sign("engine-integers", "", evidence, 1, text)


def upstream(subject: Subject) -> Iterator[Sign]:
    """Does each rule multiply by the gradient of its own result?"""
    for text in one_per_op(subject):
        for after in ("m * c", "m * m", "-m", "exp(m)"):
            if _op_of(after) in subject.trusted:
                break
        else:
            subject.skipped.append("upstream gradients: no other op can be trusted")
            return
        yield from _ignores(subject, text, after)
    subject.trusted -= {bug.partition(":")[2] for bug in subject.found if "upstream" in bug}


def _ignores(subject: Subject, text: str, after: str) -> Iterator[Sign]:
    chain = f"m = {text}; y = {after}"
    values = subject.values(chain)
    run, right = subject.run(chain, values), subject.right(chain, values)
    alone = programs.gradients(f"y = {text}", values)
    for name in programs.leaves(text):
        given = run.grad(name)
        if subject.close(given, alone[name]) and not subject.close(given, right[name]):
            shown = f"your d{name} is {_number(given)}, right is {right[name]:.4g}"
            more = "the local derivative alone, as if m were the result"
            evidence = f"{subject.describe(chain, values)}: {shown}; {more}"
            op = next(form.op for form in FORMS if form.text == text)
            subject.found.add(f"engine-upstream-ignored:{op}")
            yield Sign(f"engine-upstream-ignored:{op}", "", evidence, 1, chain)
            return


def adding_up(subject: Subject) -> Iterator[Sign]:
    """Is a leaf's gradient the sum over its uses, whichever op's rule comes last?

    In `m = f(a); y = m + a` the rule of y runs first in every order, and a has no rule of its own:
    the order of the visits does not matter here.
    """
    if not subject.trusted & {"add", "mul"}:
        subject.skipped.append("adding up: neither + nor * can be trusted")
        return
    for text in one_per_op(subject):
        for k, name in enumerate(programs.leaves(text)):
            yield from _assigns(subject, text, k, name)


def _assigns(subject: Subject, text: str, k: int, name: str) -> Iterator[Sign]:
    """Whether the op's rule leaves its own part alone, without what was there before."""
    for outer, op in (("+", "add"), ("*", "mul")):
        reuse = f"m = {text}; y = m {outer} {name}"
        values = subject.values(reuse)
        numbers = programs.run(reuse, values)
        before = subject.scale(numbers["y"]) * (1.0 if outer == "+" else numbers["m"])
        right = float(subject.right(reuse, values)[name])
        if op in subject.trusted and not subject.close(before, right - before):
            break
    else:
        return  # the two parts are equal: which of them is missing cannot be seen
    given = subject.run(reuse, values).grad(name)
    if subject.close(given, right) or not subject.close(given, right - before):
        return
    subject.overwrites.add((next(form.op for form in FORMS if form.text == text), k))
    shown = f"your d{name} is {_number(given)}, right is {right:.4g}"
    more = f"exactly the path through {text}, the last to arrive"
    evidence = f"{subject.describe(reuse, values)}: {shown}; {more}"
    yield Sign("engine-overwrites", "", evidence, 2, reuse)


def one_per_op(subject: Subject) -> list[str]:
    """The usual form of each trusted op."""
    return [form.text for form in FORMS if form.op in subject.trusted and not form.optional]


def _op_of(text: str) -> str:
    return {"m * c": "mul", "m * m": "mul", "-m": "neg", "exp(m)": "exp"}[text]


def _number(value: Any) -> str:
    array = np.asarray(value)
    return f"{float(array):.4g}" if array.ndim == 0 else f"an array of shape {array.shape}"


def scales(subject: Subject) -> Iterator[Sign]:
    """Does backward start from 1? A common factor of all gradients says no."""
    factors = []
    for text in ("y = a * b", "y = a + b"):
        values = subject.values(text)
        try:
            run = subject.run(text, values)
        except Trouble:
            continue  # the next check says what is wrong
        right = programs.gradients(text, values)
        ratios = [run.grad(name) / right[name] for name in values]
        if np.shape(ratios) != (2,) or not subject.close(ratios[0], ratios[1]):
            return
        factors.append((float(ratios[0]), float(run.y), text, values, run, right))
    if not factors or any(abs(entry[0]) < 1e-12 for entry in factors):
        return
    if all(subject.close(factor, 1) for factor, *_ in factors):
        return
    yield from _wrong_start(subject, factors)


def _wrong_start(subject: Subject, factors: list) -> Iterator[Sign]:
    factor, y, text, values, run, right = factors[0]
    if all(subject.close(entry[0], entry[1]) for entry in factors):
        subject.scale, words = (lambda y: y), "y itself"
    elif all(subject.close(entry[0], factor) for entry in factors):
        subject.scale, words = (lambda y: factor), f"{factor:.4g}"
    else:
        return
    shown = f"your da is {_number(run.grad('a'))}, right is {right['a']:.4g}"
    evidence = f"{subject.describe(text, values)}: {shown}; the factor is {words} in all"
    seen = subject.gradient(run.variables["y"])
    again = seen is not None and subject.close(seen, 1)
    if again:
        evidence += ", although the gradient of y is 1"
    yield Sign("engine-visits-again" if again else "engine-seed", "", evidence, 2, text)
