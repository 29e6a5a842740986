"""What a vision transformer's class token looks at, drawn below the images."""

from typing import Any

import numpy as np

from .. import nn, ops
from .few_images import as_input
from .hooks import swap


def weights(net: nn.Module, images: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) -> (N, T): the class token's weight of each patch, of the last attention.

    The mean of the heads. The token's weight of itself is left out.
    """
    found: list[np.ndarray] = []

    def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        found.append(ops.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), -1).numpy())
        return found[-1] @ v

    with swap("attention_forward", attention), nn.evaluating(net):
        net(as_input(net, images))
    return found[-1].reshape(len(images), -1, *found[-1].shape[1:])[:, :, 0, 1:].mean(1)


def draw(net: nn.Module, images: np.ndarray) -> Any:
    """A figure of the images and, below each, its patches' weights; its largest is white."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8, 2.8), layout="constrained")
    rows = weights(net, images)
    side = round(rows.shape[1] ** 0.5)
    for (above, below), image, row in zip(
        fig.subplots(2, len(images)).T, images, rows, strict=True
    ):
        above.imshow(image.transpose(1, 2, 0))
        below.imshow(np.round(row / row.max(), 2).reshape(side, side), "gray", vmin=0, vmax=1)
        above.axis("off")
        below.axis("off")
    return fig
