"""Procedural pictures of geometric shapes, with exact bounding boxes: data without a download."""

import colorsys
import math
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


def shapes(
    n: int, num_classes: int = 4, size: int = 32, seed: int = 0, *, imbalance: float = 1,
    label_noise: float = 0, noise: float = 0.1, objects: int = 1,
) -> Dataset:  # fmt: skip
    """Draw n RGB pictures (3, size, size) of one bright shape each on a dark, noisy background.

    The first six classes are circle, square, triangle, cross, star and bar, turned and placed at
    random; the next six are their outlines; with more classes each has a range of hues. All classes
    are equally frequent. The brightest channel is above 0.6 on the shape and below 0.45 elsewhere.
    The boxes are tight: each side touches a pixel of the shape. Another seed gives other pictures
    of the same classes.

    imbalance: how many times as frequent the first class is as the last; in between the numbers
        fall by a constant factor (the long tail of Y. Cui et al., 2019, section 5.1)
    label_noise: the share of labels that are wrong; the pictures do not depend on it
    noise: each value is changed by at most this, evenly; 0.1 keeps the promise of brightness
    objects: up to how many shapes a picture has, each of a class of its own and beside the others;
        from 2 on labels are (n, K) float32 of 0 and 1, and there are no boxes

    n images -> images (n, 3, size, size), labels (n,), boxes (n, 4) in pixels

    Raises ValueError for n < 1, fewer than 2 classes, a negative seed, an imbalance below 1, shares
    outside [0, 1], more objects than classes, or fewer than 16 pixels per object and side.
    """
    _check(n, num_classes, size, seed, objects)
    _check_amounts(imbalance, label_noise, noise)
    kinds = _kinds(num_classes)
    rng = np.random.default_rng(seed)
    shares = imbalance ** -np.linspace(0, 1, num_classes)
    shares /= shares.sum()
    if objects > 1:
        members = _several(n, shares, objects, rng)
    else:
        members = rng.permutation(_one_each(n, shares))[:, None]
    images = np.empty((n, 3, size, size), np.float32)
    boxes = np.empty((n, 4), np.int64)
    for i, row in enumerate(members):
        present = [kinds[k] for k in row if k >= 0]
        masks = _masks(present, size, objects, rng)
        images[i] = _paint(masks, present, rng, noise)
        boxes[i] = _box(masks[0])
    labels = _wrong(_as_labels(members, num_classes), num_classes, label_noise, seed)
    names = [kind.name for kind in kinds]
    return Dataset(images, labels, names, "shapes", boxes if objects == 1 else None)


def _check(n: int, num_classes: int, size: int, seed: int, objects: int) -> None:
    check_whole(n, 1, "shapes: n")
    check_whole(num_classes, 2, "shapes: num_classes")
    check_whole(size, 16, "shapes: size")
    check_whole(seed, 0, "shapes: seed")
    check_whole(objects, 1, "shapes: objects")
    if objects > num_classes:
        raise ValueError(
            f"shapes: objects must be at most {num_classes}, the number of classes, got {objects}; "
            "ask for more classes"
        )
    if size < 16 * _cells(objects):
        raise ValueError(
            f"shapes: size must be at least {16 * _cells(objects)} for {objects} objects, got "
            f"{size}; choose a larger one"
        )


def _check_amounts(imbalance: float, label_noise: float, noise: float) -> None:
    if not 1 <= imbalance <= 1e6:
        raise ValueError(
            f"shapes: imbalance must be at least 1, got {imbalance}; 10 makes the first class ten "
            "times as frequent as the last"
        )
    for name, share in (("label_noise", label_noise), ("noise", noise)):
        if not 0 <= share <= 1:
            raise ValueError(f"shapes: {name} must lie in [0, 1], got {share}; 0 means none")


def _one_each(n: int, shares: np.ndarray) -> np.ndarray:
    """n class numbers in turn, each class as often as its share says, to within one."""
    counts = np.floor(n * shares).astype(int)
    largest = np.argsort(counts - n * shares, kind="stable")
    counts[largest[: n - counts.sum()]] += 1
    classes = np.repeat(np.arange(len(shares)), counts)
    turn = np.concatenate([np.arange(count) for count in counts])
    return classes[np.argsort(turn, kind="stable")]


def _several(n: int, shares: np.ndarray, objects: int, rng: np.random.Generator) -> np.ndarray:
    """1 to `objects` different class numbers in each row (n, objects); -1 where there are fewer."""
    members = np.full((n, objects), -1)
    for row in members:
        count = rng.integers(1, objects + 1)
        row[:count] = rng.choice(len(shares), count, replace=False, p=shares)
    return members


def _as_labels(members: np.ndarray, num_classes: int) -> np.ndarray:
    if members.shape[1] == 1:
        return members[:, 0].astype(np.int64)
    return (members[:, :, None] == np.arange(num_classes)).any(axis=1).astype(np.float32)


def _wrong(labels: np.ndarray, num_classes: int, share: float, seed: int) -> np.ndarray:
    """Make this share of the labels wrong: another class, or the opposite of 0 or 1."""
    rng = np.random.default_rng([seed, 1])
    chosen = rng.permutation(labels.size)[: round(share * labels.size)]
    flat = labels.ravel()
    if labels.ndim == 2:
        flat[chosen] = 1 - flat[chosen]
    else:
        flat[chosen] = (flat[chosen] + rng.integers(1, num_classes, len(chosen))) % num_classes
    return flat.reshape(labels.shape)


def _cells(objects: int) -> int:
    """Into how many rows and columns a picture is divided, so that each object has a place."""
    return math.ceil(math.sqrt(objects))


def _masks(
    kinds: list[_Kind], size: int, objects: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Which pixels (size, size) each shape covers; each lies in a cell of its own."""
    side = size // _cells(objects)
    if objects == 1:
        return [_mask(kinds[0], size, rng)]
    masks = []
    for kind, cell in zip(kinds, rng.permutation(_cells(objects) ** 2), strict=False):
        top, left = (side * int(place) for place in divmod(cell, _cells(objects)))
        mask = np.zeros((size, size), bool)
        mask[top : top + side, left : left + side] = _mask(kind, side, rng)
        masks.append(mask)
    return masks


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


def _paint(
    masks: list[np.ndarray], kinds: list[_Kind], rng: np.random.Generator, noise: float
) -> np.ndarray:
    """Colour the shapes and the background and add noise: (size, size) each -> (3, size, size)."""
    brights = [_bright(kind, rng) for kind in kinds]
    image = np.reshape(colorsys.hsv_to_rgb(rng.random(), rng.random(), rng.uniform(0, 0.3)),
                       (3, 1, 1))  # fmt: skip
    for mask, bright in zip(masks, brights, strict=True):
        image = np.where(mask, np.reshape(bright, (3, 1, 1)), image)
    return np.clip(image + rng.uniform(-noise, noise, image.shape), 0, 1)


def _bright(kind: _Kind, rng: np.random.Generator) -> tuple[float, float, float]:
    hue = rng.random()
    if kind.hue is not None:
        hue = kind.hue + rng.uniform(-kind.hue_spread, kind.hue_spread)
    return colorsys.hsv_to_rgb(hue, rng.uniform(0.5, 1), rng.uniform(0.75, 1))


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
