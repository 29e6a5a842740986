"""The same module here and in torch.nn, from the same weights: values, statistics, gradients."""

from typing import Any

import numpy as np

from minicnn import Tensor, nn

TOLERANCE = 1e-9  # of the largest number in the array, in float64


def assert_same_as_torch(
    ours: nn.Module, theirs: Any, *shapes: tuple[int, ...], tolerance: float = TOLERANCE
) -> None:
    """In train and in eval mode: outputs, running statistics and all gradients agree.

    ``theirs`` gets our weights by position in the state dict, so its parts must be defined in the
    same order. Norms get weights away from 1 and 0, and running statistics that are no defaults.
    """
    import torch

    rng = np.random.default_rng(0)
    ours.double()
    theirs.double()
    state = {key: _value(key, array, rng) for key, array in ours.state_dict().items()}
    for training in (True, False):
        ours.load_state_dict(state)
        keys = theirs.state_dict().keys()
        theirs.load_state_dict(
            {k: torch.tensor(v) for k, v in zip(keys, state.values(), strict=True)}
        )
        ours.train(training)
        theirs.train(training)
        xs = [rng.standard_normal(shape) for shape in shapes]
        mine = [Tensor(x, requires_grad=True) for x in xs]
        his = [torch.tensor(x, requires_grad=True) for x in xs]
        mode = "train" if training else "eval"
        outputs = zip(_outputs(ours(*mine)), _outputs(theirs(*his)), strict=True)
        my_loss, his_loss = 0.0, 0.0
        for i, (y, expected) in enumerate(outputs):
            _assert_close(f"{mode} output {i}", y.numpy(), expected.detach().numpy(), tolerance)
            c = rng.standard_normal(y.shape)
            my_loss, his_loss = (
                my_loss + (y * c).sum(),
                his_loss + (expected * torch.tensor(c)).sum(),
            )
        ours.zero_grad()
        theirs.zero_grad()
        my_loss.backward()
        his_loss.backward()
        for (key, mine_now), other in zip(
            ours.state_dict().items(), theirs.state_dict().values(), strict=True
        ):
            _assert_close(f"{mode} {key} afterwards", mine_now, other.numpy(), tolerance)
        gradients = zip(
            [*ours.named_parameters(), *((f"x{i}", x) for i, x in enumerate(mine))],
            [*theirs.parameters(), *his],
            strict=True,
        )
        for (key, p), q in gradients:
            want = np.zeros(q.shape) if q.grad is None else q.grad.numpy()
            got = np.zeros(p.shape) if p.grad is None else p.grad.numpy()
            _assert_close(f"{mode} gradient of {key}", got, want, tolerance)


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
