"""Running a row: outputs and gradients as arrays, from inputs in any dtype and memory order."""

from collections.abc import Iterator

import numpy as np

import minicnn
from minicnn import Tensor, grad, use_kernels
from minicnn.testing.examples import Example

from .table import Case

Arrays = list[np.ndarray]


def outputs(example: Example, xs: list[Tensor]) -> tuple[Tensor, ...]:
    """The row's outputs, with the random numbers of seed 0."""
    minicnn.manual_seed(0)
    y = example(*xs)
    return y if isinstance(y, tuple) else (y,)


NO_GRADIENT = {
    "argmax", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal",
}  # fmt: skip


def has_gradient(case: Case) -> bool:
    return case.op not in NO_GRADIENT


def differentiable(case: Case) -> bool:
    """Whether differences can judge the row's gradients."""
    asking = any(x.requires_grad for x in case.example.tensors())
    return has_gradient(case) and asking and not case.border


def cotangent(y: np.ndarray) -> np.ndarray:
    """Random, never all ones; 0 for an output that has none."""
    return np.random.default_rng(3).standard_normal(y.shape).astype(y.dtype)


def gradients(
    example: Example, xs: list[Tensor], create_graph: bool = False, layout=lambda a: a
) -> Arrays:
    """The gradients of all inputs that ask for one."""
    leaves = [x for x in xs if x.requires_grad]
    total = [np.zeros(x.shape, x.dtype) for x in leaves]
    for y in outputs(example, xs):
        if y.requires_grad:
            gy = Tensor(layout(cotangent(y.data)))
            found = grad(y, leaves, gy, create_graph)
            total = [t + g.data for t, g in zip(total, found, strict=True)]
    return total


def values_and_gradients(case: Case, dtype=np.float64, kernels: str | None = None) -> Arrays:
    """All outputs, then all gradients, with one kernel set."""
    with use_kernels(kernels or minicnn.kernels.current_kernels()):
        xs = case.example.tensors(dtype)
        ys = [y.data for y in outputs(case.example, xs)]
        return ys + (gradients(case.example, xs) if has_gradient(case) else [])


def leaves_of(case: Case, arrays: Arrays) -> list[Tensor]:
    """Tensors on exactly these arrays, whatever their strides."""
    return [
        Tensor(a, a.dtype.kind == "f" and i not in case.example.fixed) for i, a in enumerate(arrays)
    ]


def layouts(ndim: int) -> Iterator[tuple[str, object]]:
    """Ways to lay an array of this many axes in memory, each a function array -> view."""
    yield "columns first", lambda a: np.array(a, order="F")
    yield "reversed", _reversed
    yield "every second", _every_second
    if ndim == 4:
        yield "channels last", lambda a: _channels_last(a) if a.ndim == 4 else a


def _reversed(a: np.ndarray) -> np.ndarray:
    back = (slice(None, None, -1),) * a.ndim
    return np.array(a[back])[back] if a.ndim else a


def _every_second(a: np.ndarray) -> np.ndarray:
    if not a.ndim:
        return a
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), 99, a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _channels_last(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def assert_equal(got: Arrays, wanted: Arrays, rtol: float = 1e-10, atol: float = 1e-11) -> None:
    """Same shapes, same dtypes, close values."""
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol, atol * (1 + abs(b).max(initial=0)))
