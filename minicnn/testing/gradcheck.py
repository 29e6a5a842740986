"""Gradient checks: a rule's answer beside central differences.

With a random cotangent c, the rule's gradient a of phi(x) = sum_j c_j y_j(x) must satisfy, for
every step s,

    a . s  =  (phi(x + s) - phi(x - s)) / 2  +  O(|s|^3)

The cotangent is random because an all-ones one hides mistakes: the gradient of sum(batch_norm(x))
is zero whatever the rule says about its hard part. Everything runs in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..modes import is_recording, no_grad, recording
from ..tensor import Tensor
from .differences import Probe, Settings, check_input
from .doctor.functions import diagnose_function
from .evaluation import Run, all_gradients, evaluator, generator, prepare, random_like
from .report import Report


def gradcheck(
    fn: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, rtol: float = 1e-5,
    atol: float = 1e-7, max_entries: int = 400, directions: int = 20, seed: int = 0,
    raise_exception: bool = True,
) -> Report:  # fmt: skip
    """Compare the gradients of ``fn(*inputs)`` with central differences.

    ``fn`` is a function of Tensors that returns a Tensor or a tuple of them, or a Module, which
    is checked on a copy in double precision: its parameters by name, and its inputs. Checked are
    the inputs that require gradients; the others are passed on as they are. Every entry of an input
    of up to ``max_entries`` is checked; of a larger one, ``directions`` random directions. An
    entry x is moved by eps * max(1, abs(x)). An entry is wrong where

        abs(a - g) > atol * min(1, A) + rtol * max(abs(a), abs(g)) + (what rounding of y explains),

    with A the largest abs(a) of the input, unless the function has a kink there (`relu` at 0) that
    explains the difference. Before that is said, smaller steps, down to eps * abs(x), are tried:
    `log` at 1e-6 bends, or ends, within the usual one. An input with kinks alone is not ``ok``.
    Random ops see the same random numbers in every evaluation.

    Raises AssertionError with the report and the gradient doctor's verdict where a gradient is
    wrong (unless ``raise_exception`` is False), TypeError for inputs that are not float64,
    ValueError where nothing asks for gradients.
    """
    leaves, call = prepare(fn, inputs)
    run = evaluator(call)
    settings = Settings(eps, rtol, atol, max_entries, directions, seed)
    report = _check("gradcheck", fn, leaves, run, settings)
    if raise_exception and not report.ok:
        raise AssertionError(f"{report}{_verdict(fn, inputs, settings)}")
    return report


def gradgradcheck(
    fn: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, rtol: float = 1e-5,
    atol: float = 1e-7, max_entries: int = 400, directions: int = 20, seed: int = 0,
    raise_exception: bool = True,
) -> Report:  # fmt: skip
    """Check the gradients of the gradients of ``fn(*inputs)``.

    The function checked is (x, gy) -> gx = (dy/dx)^T gy, with respect to the inputs, the
    parameters and to gy itself; the rest is as in `gradcheck`.
    """
    leaves, call = prepare(fn, inputs)
    run = evaluator(call)
    rng = generator(seed, "gy")
    with no_grad():
        gys = [random_like(y, rng).requires_grad_() for y in run()]

    def gradients() -> tuple[Tensor, ...]:
        create_graph = is_recording()
        with recording(True):
            ys = run()
            return all_gradients(ys, list(leaves.values()), gys, create_graph)

    named = {f"gy {k}" if len(gys) > 1 else "gy": gy for k, gy in enumerate(gys)}
    settings = Settings(eps, rtol, atol, max_entries, directions, seed)
    report = _check("gradgradcheck", fn, leaves | named, gradients, settings)
    if raise_exception and not report.ok:
        raise AssertionError(str(report))
    return report


def _check(what: str, fn: Any, leaves: dict[str, Tensor], run: Run, settings: Settings) -> Report:
    rng = generator(settings.seed, what)
    with recording(True):
        ys = run()
        cotangents = [random_like(y, rng) for y in ys]
        gradients = all_gradients(ys, list(leaves.values()), cotangents)
    probe = Probe(run, [c.numpy() for c in cotangents])
    with np.errstate(all="ignore"):  # a step may leave the domain
        found = [
            check_input(name, x, gx.numpy(), probe, settings)
            for (name, x), gx in zip(leaves.items(), gradients, strict=True)
        ]
    name = getattr(fn, "__name__", type(fn).__name__)
    return Report(f"{what} of {name}", tuple(found))


def _verdict(fn: Any, inputs: Any, settings: Settings) -> str:
    """What the gradient doctor calls the fault, on lines of their own; "" where it has no name."""
    try:
        found = diagnose_function(fn, inputs, **settings._asdict())
        text = str(found).partition("\n")[2]
    except Exception:  # a second opinion must not hide the first
        return ""
    return f"\n{text}" if text else ""
