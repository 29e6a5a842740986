"""The same module here and in torch.nn, from the same weights: values, statistics, gradients."""

from itertools import product
from typing import Any

import numpy as np

from minicnn import Tensor, nn, use_kernels

TOLERANCE = 1e-9  # of the largest number in the array, in float64


def assert_same_as_torch(
    ours: nn.Module, theirs: Any, *shapes: tuple[int, ...], tolerance: float = TOLERANCE
) -> None:
    """On both kernel sets, in train and in eval mode: outputs, statistics and gradients agree.

    ``theirs`` gets our weights by position in the state dict, so its parts must be defined in the
    same order. Norms get weights away from 1 and 0, and running statistics that are no defaults.
    """
    rng = np.random.default_rng(0)
    ours.double()
    theirs.double()
    state = {key: _value(key, array, rng) for key, array in ours.state_dict().items()}
    for kernels, training in product(("numba", "numpy"), (True, False)):
        _load(state, ours, theirs)
        ours.train(training)
        theirs.train(training)
        xs = [rng.standard_normal(shape) for shape in shapes]
        mode = f"{kernels}, {'train' if training else 'eval'}"
        with use_kernels(kernels):
            _assert_same(mode, ours, theirs, xs, rng, tolerance)


def _load(state: dict[str, np.ndarray], ours: nn.Module, theirs: Any) -> None:
    import torch

    ours.load_state_dict(state)
    pairs = zip(theirs.state_dict(), state.values(), strict=True)
    theirs.load_state_dict({key: torch.tensor(array) for key, array in pairs})


def _assert_same(
    mode: str, ours: nn.Module, theirs: Any, xs: list[np.ndarray], rng: np.random.Generator,
    tolerance: float,
) -> None:  # fmt: skip
    """Outputs, the state afterwards (running statistics), and gradients for random cotangents."""
    import torch

    mine = [Tensor(x, requires_grad=True) for x in xs]
    his = [torch.tensor(x, requires_grad=True) for x in xs]
    ys, expected = _outputs(ours(*mine)), _outputs(theirs(*his))
    cotangents = [rng.standard_normal(y.shape) for y in ys]
    for i, (y, z) in enumerate(zip(ys, expected, strict=True)):
        _assert_close(f"{mode} output {i}", y.numpy(), z.detach().numpy(), tolerance)
    after = zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True)
    for (key, array), other in after:
        _assert_close(f"{mode} {key} afterwards", array, other.numpy(), tolerance)
    ours.zero_grad()
    theirs.zero_grad()
    sum((y * c).sum() for y, c in zip(ys, cotangents, strict=True)).backward()
    sum((z * torch.tensor(c)).sum() for z, c in zip(expected, cotangents, strict=True)).backward()
    named = [*ours.named_parameters(), *((f"x{i}", x) for i, x in enumerate(mine))]
    for (key, p), q in zip(named, [*theirs.parameters(), *his], strict=True):
        _assert_close(f"{mode} gradient of {key}", _gradient(p), _gradient(q), tolerance)


def _gradient(x: Any) -> np.ndarray:
    return np.zeros(tuple(x.shape)) if x.grad is None else x.grad.numpy()


def _value(key: str, array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    if key.endswith("running_var") or (key.endswith("weight") and array.ndim == 1):
        return rng.uniform(0.5, 1.5, array.shape)
    scale = 0.3 if array.ndim < 2 else np.prod(array.shape[1:]) ** -0.5
    return scale * rng.standard_normal(array.shape)


def _outputs(y: Any) -> tuple[Any, ...]:
    return tuple(out for out in (y if isinstance(y, tuple) else (y,)) if out is not None)


def _assert_close(what: str, got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    assert got.shape == want.shape, f"{what}: {got.shape}, torch has {want.shape}"
    worst = abs(got - want).max(initial=0) / max(abs(want).max(initial=0), 1e-30)
    small = abs(want).max(initial=0) < 1e-12 and abs(got).max(initial=0) < 1e-12
    assert worst <= tolerance or small, f"{what}: relative difference {worst:.1e}"
