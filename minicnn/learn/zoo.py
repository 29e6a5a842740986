"""A lesson's network beside the library's: the same weights in, the same numbers out."""

import numpy as np

from .. import nn
from ..modes import no_grad
from ..tensor import Tensor
from ..testing import seed_weights
from ..testing.parity import watching

COMPARED = {"Conv2d", "DepthwiseConv2d", "BatchNorm2d", "Linear"}


def same_layers(
    net: nn.Module, theirs: nn.Module, images: tuple[int, int, int, int], rtol: float = 1e-4
) -> int:  # fmt: skip
    """Give ``net`` the weights of ``theirs``, and compare what every layer with weights computes.

    Both have the same parameters in the same order, and call their convolutions, batch norms and
    dense layers in the same order; ``theirs`` gets seeded weights first. ``images`` is the shape
    (N, C, H, W) of random ones. Returns the number of layers.

    Raises AssertionError where one differs, naming it.
    """
    x = np.random.default_rng(0).standard_normal(images).astype(np.float32)
    seed_weights(theirs, x)
    weights = zip(net.state_dict(), theirs.state_dict().values(), strict=True)
    net.load_state_dict(dict(weights))
    mine, right = _outputs(net, x), _outputs(theirs, x)
    assert len(mine) == len(right), f"{len(mine)} layers are called, in the library {len(right)}"
    for (path, y), (name, expected) in zip(mine, right, strict=True):
        same = y.shape == expected.shape and np.allclose(
            y, expected, rtol, rtol * abs(expected).max()
        )
        assert same, f"layer {path} differs from the library's {name}"
    return len(mine)


def _outputs(net: nn.Module, x: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The path and the output of each call of a layer with weights, in order."""
    found: list[tuple[str, np.ndarray]] = []

    def see(path: str, call: int, kind: str, y: np.ndarray) -> None:
        if kind in COMPARED:
            found.append((path, y))

    with no_grad(), watching(net.eval(), see):
        net(Tensor(x))
    return found
