"""Which operator and which method of a Tensor is which op."""

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import activation, elementwise, index, reduce, shape
from .linear import matmul

OPERATORS = {
    "add": elementwise.add,
    "sub": elementwise.sub,
    "mul": elementwise.mul,
    "truediv": elementwise.div,
    "pow": elementwise.pow,
    "matmul": matmul,
}
SPECIAL: dict[str, Any] = {
    "__neg__": elementwise.neg,
    "__getitem__": index.getitem,
    "__setitem__": index.setitem,
    "T": property(lambda x: shape.permute(x, tuple(range(x.ndim))[::-1])),
    "__gt__": elementwise.greater,
    "__ge__": elementwise.greater_equal,
    "__lt__": elementwise.less,
    "__le__": elementwise.less_equal,
    "__eq__": elementwise.equal,
    "__ne__": elementwise.not_equal,
}
METHODS: tuple[Callable[..., Any], ...] = (
    elementwise.exp, elementwise.log, elementwise.sqrt, elementwise.abs, elementwise.pow,
    elementwise.clip, elementwise.astype, reduce.sum, reduce.mean, reduce.var, reduce.max,
    reduce.min, reduce.argmax, reduce.softmax, reduce.log_softmax, reduce.logsumexp,
    shape.reshape, shape.flatten, shape.squeeze, shape.unsqueeze, shape.expand, shape.permute,
    shape.transpose, shape.split, index.gather, matmul, activation.relu,
    activation.sigmoid, activation.tanh,
)  # fmt: skip


def attach() -> None:
    """Give Tensor its operators and methods."""
    for name, op in OPERATORS.items():
        setattr(Tensor, f"__{name}__", op)
        setattr(Tensor, f"__r{name}__", _reflected(op))
    for name, op in SPECIAL.items():
        setattr(Tensor, name, op)
    for method in METHODS:
        setattr(Tensor, method.__name__, method)


def _reflected(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`2 - x` asks x for __rsub__(x, 2)."""
    return lambda x, other: op(other, x)
