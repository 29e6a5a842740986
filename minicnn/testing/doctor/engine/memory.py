"""What lasts from one backward to the next, and from forward to backward."""

import gc
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..report import Sign
from . import programs
from .guard import Trouble
from .subject import Subject


def _trusts(subject: Subject, chain: str) -> bool:
    """Whether the probe can be trusted: what is wrong in one backward shows in two as well."""
    needed = {op for op, sign in (("add", "+"), ("mul", "*")) if sign in chain}
    return needed <= subject.trusted and not subject.found


def twice(subject: Subject) -> Iterator[Sign]:
    """A second backward: through another graph on the same leaves, then through the same graph."""
    if not _trusts(subject, "*") or any(op == "mul" for op, _ in subject.overwrites):
        subject.skipped.append("second backward: the first must be right, and * trusted")
        return
    signs = list(_other_graph(subject))
    yield from signs
    if not signs:
        yield from _same_graph(subject)


def _other_graph(subject: Subject) -> Iterator[Sign]:
    text = "m = a * b; y = m * c; z = a * d"
    values = subject.values(text)
    run = subject.run(text.partition("; z")[0], {n: values[n] for n in "abc"})
    first = run.variables["a"]
    d = subject.leaf(values["d"])
    z = subject.guard.run("a * d", lambda: first * d)
    before = {name: np.array(run.grad(name)) for name in "abc"}
    subject.again(z, "z = a * d, after the backward of y = a * b * c")
    after = subject.read(run.variables, "a b c", "the leaves")
    start = subject.scale(programs.run(text, values)["z"])
    right = {"a": before["a"] + values["d"] * start, "b": before["b"], "c": before["c"]}
    for name in "abc":
        given = np.zeros(()) if (grad := after[name]) is None else grad
        if subject.close(given, right[name]):
            continue
        forgets = abs(float(given)) < abs(float(right[name]))
        evidence = (
            f"y = a * b * c; z = a * d; backward of y, then of z: your d{name} is "
            f"{float(given):.4g}, right is the sum of both, {float(right[name]):.4g}"
        )
        yield Sign("engine-clears-leaves" if forgets else "engine-old-graph", "", evidence, 2, text)
        return


def _same_graph(subject: Subject) -> Iterator[Sign]:
    text = "m = a * b; n = m * c; y = n * d"
    values = subject.values(text)
    run = subject.run(text, values)
    reachable = _reaches(run.variables["y"], run.variables["a"])
    try:
        subject.again(run.variables["y"], text)
    except Trouble as trouble:
        if isinstance(trouble.error, Exception):
            subject.notes.append(f"a second backward of the same result: {trouble.sign.evidence}")
            return
        raise
    given = subject.read(run.variables, text, text)["a"]
    once = float(run.grad("a"))
    twice = 0.0 if given is None else float(given)
    if subject.close(twice, 2 * once):
        yield from _shared_part(subject)
        return
    evidence = (
        f"{subject.describe(text, values)}, backward twice: your da is {twice:.4g}, "
        f"after one it was {once:.4g}, so it should be {2 * once:.4g}"
    )
    if not subject.close(twice, once):
        yield Sign("engine-stale-intermediates", "", evidence, 2, text)
    elif reachable:
        yield Sign("engine-visited-kept", "", evidence, 2, text)
    else:
        subject.notes.append(f"a graph can be used for one backward only: {evidence}")


def _shared_part(subject: Subject) -> Iterator[Sign]:
    """Two results above one product: the second must still run the product's rule."""
    text = "m = a * b; z = m * d; y = m * c"
    values = subject.values(text)
    run = subject.run(text, values)
    try:
        subject.again(run.variables["z"], "z = m * d")
    except Trouble:
        return  # a graph may be freed, and say so
    given = subject.read(run.variables, text, text)["a"]
    once, numbers = float(run.grad("a")), programs.run(text, values)
    right = once + float(values["b"] * values["d"] * subject.scale(numbers["z"]))
    now = 0.0 if given is None else float(given)
    if subject.close(now, right):
        return
    shown = f"your da is {now:.4g}, right is {right:.4g}, after the first it was {once:.4g}"
    evidence = f"{subject.describe(text, values)}, backward of y, then of z: {shown}"
    kept = subject.close(now, once)
    bug = "engine-visited-kept" if kept else "engine-stale-intermediates"
    yield Sign(bug, "", evidence, 2, text)


def _reaches(start: Any, goal: Any) -> bool:
    """Whether one object holds another, by any chain of references but those through modules."""
    seen, todo = {id(start)}, [start]
    while todo and len(seen) < 5000:
        for thing in gc.get_referents(todo.pop()):
            if thing is goal:
                return True
            is_module = isinstance(thing, type | types.ModuleType | types.CodeType)
            if isinstance(thing, dict) and "__builtins__" in thing:
                is_module = True
            if not is_module and id(thing) not in seen:
                seen.add(id(thing))
                todo.append(thing)
    return False


def late(subject: Subject) -> Iterator[Sign]:
    """Are the forward pass's values still used when a leaf has been changed before backward?"""
    if not _trusts(subject, "*"):
        return
    text = "m = a * b; y = m * c"
    values = subject.values(text)
    for way in (_rebind, _write):
        variables = subject.forward(text, values)
        try:
            way(variables["b"], subject.data)
        except Exception:
            continue  # values that cannot be changed cannot be read late
        try:
            subject.again(variables["y"], text)
        except Trouble:
            continue  # the change was noticed
        given = subject.read(variables, text, text)["a"]
        right = float(subject.right(text, values)["a"])
        if given is not None and not subject.close(given, right):
            evidence = (
                f"{subject.describe(text, values)}, b set to 100 before backward: "
                f"your da is {float(given):.4g}, right is {right:.4g}"
            )
            yield Sign("engine-late-read", "", evidence, 2, text)
            return


def _rebind(leaf: Any, data: str) -> None:
    old = getattr(leaf, data)
    setattr(leaf, data, np.full_like(old, 100.0) if isinstance(old, np.ndarray) else 100.0)


def _write(leaf: Any, data: str) -> None:
    array = getattr(leaf, data)
    if not isinstance(array, np.ndarray):
        raise TypeError
    array[...] = 100.0


def inplace(subject: Subject) -> Iterator[Sign]:
    """The engine's own `+=` and `*=`, where it has them."""
    leaf = subject.guard.run("engine(1.0)", lambda: subject.leaf(1.0))
    texts = {
        "__iadd__": "m = a * b; k = m * m; m += a; y = k + m * b",
        "__imul__": "m = a * b; k = m * m; m *= a; y = k + m * b",
        "__isub__": "m = a * b; k = m * m; m -= a; y = k + m * b",
    }
    for name, text in texts.items():
        if not hasattr(leaf, name) or not {"add", "mul"} <= subject.trusted or subject.found:
            continue
        for probe in (text.replace("k = m * m; ", "").replace("k + ", ""), text):
            sign = _spoilt(subject, probe)
            if sign:
                yield sign
                break


def _spoilt(subject: Subject, text: str) -> Sign | None:
    values = subject.values(text)
    try:
        run = subject.run(text, values)
    except Trouble as trouble:
        subject.skipped.append(f"in-place: {trouble.sign.evidence}")
        return None  # forbidding it is a good answer
    right: Mapping[str, Any] = subject.right(text, values)
    for name in right:
        if not subject.close(run.grad(name), right[name]):
            shown = f"your d{name} is {run.grad(name):.4g}, right is {right[name]:.4g}"
            evidence = f"{subject.describe(text, values)}: {shown}"
            return Sign("engine-inplace", "", evidence, 2, text)
    return None
