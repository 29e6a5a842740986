"""The gradient doctor: a gradient checker that names the bug.

    diagnose("relu", forward, backward)      a learner's functions on arrays, for a known op
    diagnose(fn, inputs)                     any function of Tensors, Module, or op of one's own
    diagnose_engine(Value)                   a learner's own autograd engine

The answer is a `Diagnosis`: plain data with a readable text. docs/gradient_doctor.md tells how
a bug is found.
"""

from collections.abc import Callable
from typing import Any

from .engine import diagnose_engine
from .exercise import diagnose_exercise
from .op import Op
from .ops import OPS
from .report import Diagnosis, Finding, Sign


def diagnose(what: str | Op | Callable[..., Any], *given: Any, **settings: Any) -> Diagnosis:
    """Name what is wrong with ``forward, backward`` for a known op, or with ``fn`` at ``inputs``.

    See `diagnose_exercise` and `diagnose_function` for the settings.
    """
    return diagnose_exercise(what, *given, **settings)


__all__ = [
    "OPS", "Diagnosis", "Finding", "Op", "Sign", "diagnose", "diagnose_engine",
    "diagnose_exercise",
]  # fmt: skip
