"""`swap`: a learner's function in the place of the library's.

A hook is the name of a place:

    relu_grad          a kernel: the function is laid over it by `minicnn.override`
    linear.backward    one half of an op of `minicnn.ops`; the doctor's rule is the other half
    HOOKS["..."]       anything else: a function that makes a context manager of the learner's
"""

from contextlib import AbstractContextManager

from .. import ops
from ..kernels import kernel_set, override
from ..testing.doctor import OPS
from .places import HOOKS
from .replacing import Function, half_of


def swap(key: str, function: Function) -> AbstractContextManager[None]:
    """Use the function in the library inside a `with` block.

    >>> with swap("relu_grad", my_relu_backward): train(...)

    Raises ValueError for a hook that is not known.
    """
    if key in HOOKS:
        return HOOKS[key](function)
    op, _, half = key.rpartition(".")
    if half in ("forward", "backward") and op in OPS and hasattr(ops, op):
        return half_of(op, half, function)
    if key in vars(kernel_set("numpy")):
        return override(**{key: function})
    raise ValueError(
        f"swap: no place in the library is called {key!r}; a place is a kernel (relu_grad), half "
        f"of an op (linear.backward), or one of {', '.join(HOOKS) or 'none'}"
    )
