"""Procedural pictures of geometric shapes, with exact bounding boxes: data without a download."""

import colorsys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .checks import check_whole
from .dataset import Dataset

# Each shape is a test "does (u, v) lie inside?" in a frame where the shape's centre is the origin
# and its farthest point is about 1 away. All contain every point between the centre and any of
# their points, so a shape minus its half-size copy is its outline.
Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _behind_edges(u: np.ndarray, v: np.ndarray, edges: int, distance: float) -> np.ndarray:
    """How many of `edges` evenly turned lines at this distance have (u, v) on the centre's side."""
    angles = 2 * np.pi * np.arange(edges).reshape(-1, 1, 1) / edges
    return (u * np.cos(angles) + v * np.sin(angles) <= distance).sum(axis=0)


def _circle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u**2 + v**2 <= 1


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) <= np.sqrt(0.5)


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _behind_edges(u, v, 3, 0.5) == 3


def _bar(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (abs(u) <= 0.94) & (abs(v) <= 0.33)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _bar(u, v) | _bar(v, u)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # A point of a five-pointed star may lie outside one of the five long lines, not of two.
    return _behind_edges(u, v, 5, np.cos(2 * np.pi / 5)) >= 4


_SHAPES: dict[str, Inside] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "bar": _bar,
}


class _Kind(NamedTuple):
    """What the images of one class have in common."""

    name: str
    inside: Inside
    outlined: bool
    hue: float | None  # in [0, 1); None: any hue
    hue_spread: float


def shapes(n: int, num_classes: int = 4, size: int = 32, seed: int = 0) -> Dataset:
    """Draw n RGB pictures (3, size, size) of one bright shape each on a dark, noisy background.

    Position, size, colours and (where it shows) rotation are random; the classes are equally
    frequent. Up to 6 classes differ in shape, up to 12 in shape and filling, more in hue as well.
    The brightest channel is above 0.6 on the shape and below 0.45 elsewhere. The boxes are tight:
    each side touches a pixel of the shape. Another seed gives other pictures of the same classes.

    n images -> images (n, 3, size, size), labels (n,), boxes (n, 4) in pixels

    Raises ValueError for n < 1, fewer than 2 classes, a size below 16 or a negative seed.
    """
    check_whole(n, 1, "shapes: n")
    check_whole(num_classes, 2, "shapes: num_classes")
    check_whole(size, 16, "shapes: size")
    check_whole(seed, 0, "shapes: seed")
    kinds = _kinds(num_classes)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % num_classes)
    images = np.empty((n, 3, size, size), np.float32)
    boxes = np.empty((n, 4), np.int64)
    for i, label in enumerate(labels):
        mask = _mask(kinds[label], size, rng)
        images[i] = _paint(mask, kinds[label], rng)
        boxes[i] = _box(mask)
    return Dataset(images, labels, [kind.name for kind in kinds], "shapes", boxes)


def _kinds(num_classes: int) -> list[_Kind]:
    """Every shape filled, then every shape outlined, then the same again in the next hue."""
    styles = 2 * len(_SHAPES)
    hues = -(-num_classes // styles)
    kinds = []
    for k in range(num_classes):
        shape, inside = list(_SHAPES.items())[k % len(_SHAPES)]
        outlined = k % styles >= len(_SHAPES)
        name = f"{shape} outline" if outlined else shape
        hue = None
        if hues > 1:
            hue = (k // styles) / hues
            name += f", hue {360 * hue:g}"
        kinds.append(_Kind(name, inside, outlined, hue, hue_spread=0.25 / hues))
    return kinds


def _mask(kind: _Kind, size: int, rng: np.random.Generator) -> np.ndarray:
    """Which pixels (size, size) have their centre inside the shape; all of it is in the picture."""
    radius = rng.uniform(0.25, 0.45) * size
    x, y = rng.uniform(radius, size - radius, 2)
    turn = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:size, :size] + 0.5
    dx, dy = (columns - x) / radius, (rows - y) / radius
    u = dx * np.cos(turn) + dy * np.sin(turn)
    v = dy * np.cos(turn) - dx * np.sin(turn)
    mask = kind.inside(u, v)
    return mask & ~kind.inside(2 * u, 2 * v) if kind.outlined else mask


def _paint(mask: np.ndarray, kind: _Kind, rng: np.random.Generator) -> np.ndarray:
    """Colour the shape and the background and add noise: (size, size) -> (3, size, size)."""
    hue = rng.random()
    if kind.hue is not None:
        hue = kind.hue + rng.uniform(-kind.hue_spread, kind.hue_spread)
    bright = colorsys.hsv_to_rgb(hue, rng.uniform(0.5, 1), rng.uniform(0.75, 1))
    dark = colorsys.hsv_to_rgb(rng.random(), rng.random(), rng.uniform(0, 0.3))
    image = np.where(mask, np.reshape(bright, (3, 1, 1)), np.reshape(dark, (3, 1, 1)))
    return np.clip(image + rng.uniform(-0.1, 0.1, image.shape), 0, 1)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
