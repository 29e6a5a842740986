"""Diagnosis of any function of Tensors, a Module, or an op of one's own made with `record`.

What is right is not known here, so the forward pass is taken as it is, and the recorded rules are
put beside central differences of it.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...nn import Module
from ...tensor import Tensor
from ..differences import Settings
from ..evaluation import generator, prepare
from . import linearity, structure
from .blame import faulty_ops
from .examination import examine, place
from .findings import merge
from .maps import gradient_maps
from .outcome import Outcome
from .report import Diagnosis, Sign


def diagnose_function(
    fn: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, rtol: float = 1e-5,
    atol: float = 1e-7, max_entries: int = 400, directions: int = 20, seed: int = 0,
    probes: int = 3,
) -> Diagnosis:  # fmt: skip
    """Check the gradients of ``fn(*inputs)``, and name what is wrong.

    ``fn`` and the options are those of `minicnn.testing.gradcheck`; a Module is checked on a copy
    in double precision. Gradients carry the names of the inputs: gx, gweight. Where something is
    wrong, or lies on a kink, inputs nearby are tried too, up to ``probes`` in all.

    Raises ValueError where nothing asks for gradients, TypeError for inputs that are not float64.
    """
    leaves, call = prepare(fn, inputs)
    leaves = dict(zip(_names(fn, leaves), leaves.values(), strict=True))
    settings = Settings(eps, rtol, atol, max_entries, directions, seed)
    rng = generator(seed, "doctor")
    values = {name: x.numpy().copy() for name, x in leaves.items()}
    done: list[Outcome] = []
    for k in range(probes):
        place(leaves, _near(values, rng) if k else values)
        found = examine("as given" if k == 0 else f"nearby {k}", leaves, call, settings)
        if k and found.y is None:
            continue  # a neighbour may lie outside the domain
        done.append(found)
        if _is_settled(found, leaves):
            break
    place(leaves, values)
    notes = _blamed(done, leaves, call, rng)
    name = getattr(fn, "__name__", type(fn).__name__)
    return _report(name, list(leaves), done, notes)


def _names(fn: Callable[..., Any], leaves: Mapping[str, Tensor]) -> Iterator[str]:
    """The inputs' own names: those of the function's parameters where it has such."""
    forward = fn.forward if isinstance(fn, Module) else fn
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    usual = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in usual]
    for key in leaves:
        word, _, number = key.partition(" ")
        if word != "input" or not number:
            yield key
            continue
        own = names[int(number)] if int(number) < len(names) else f"x{number}"
        yield key if own in leaves else own if own != "y" else f"y{number}"  # y is the output


def _is_settled(found: Outcome, leaves: Mapping[str, Tensor]) -> bool:
    """Whether everything was compared, and is right."""
    return not found.failed and found.case is not None and set(found.case.given) == set(leaves)


def _near(values: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Other values of the same sizes: a tenth up or down, and away from ties."""
    near = {}
    for name, x in values.items():
        typical = 0.1 * float(np.sqrt(np.mean(x**2))) if x.size else 0.0
        near[name] = x + 0.1 * rng.uniform(-1, 1, x.shape) * np.maximum(abs(x), typical)
    return near


def _blamed(
    done: list[Outcome], leaves: Mapping[str, Tensor], call: Callable[[], Any],
    rng: np.random.Generator,
) -> tuple[str, ...]:  # fmt: skip
    """A note on which recorded op is at fault, where numbers are wrong and there are several."""
    if not any(found.case and found.case.wrong() for found in done):
        return ()
    try:
        faults = list(faulty_ops(call, leaves, rng))
    except Exception:  # a function that fails nearby keeps its verdict
        return ()
    return tuple(map(str, faults[:3])) if faults and faults[0].of > 1 else ()


def _report(name: str, leaves: list[str], done: list[Outcome], notes: tuple[str, ...]) -> Diagnosis:
    signs: list[Sign] = []
    failing: dict[str, list[str]] = {}
    for found in done:
        signs += found.signs
        signs += _looked_into(found)
        for where in found.failed:
            failing.setdefault(where, []).append(found.probe.name)
    parts = {"forward": "WRONG"} if "forward" in failing else {}
    for leaf in leaves:
        checked = any(found.case and leaf in found.case.given for found in done)
        wrong = f"g{leaf}" in failing
        parts[f"g{leaf}"] = "WRONG" if wrong else "ok" if checked else "not checked"
    said = dict.fromkeys([*notes, *(note for found in done for note in found.notes)])
    return Diagnosis(
        name, parts, merge(signs, failing), tuple(found.probe.name for found in done), tuple(said),
        maps=gradient_maps(found.case for found in done if found.case),
    )  # fmt: skip


def _looked_into(found: Outcome) -> Iterator[Sign]:
    """Tiers 1 and 2 on the gradients that are wrong."""
    case = found.case
    wrong = case.wrong() if case else []
    if case and wrong:
        yield from (s for s in linearity.signs(case) if s.where[1:] in wrong)
        for name in wrong:
            yield from structure.signs(case, name)
