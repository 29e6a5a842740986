"""Lesson 09: the idx format, bytes to pixels, statistics of the training set, batches."""

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from .data_bugs import BUGS
from .data_wrong import BATCHES, PARSE_IDX, STANDARDIZE, TO_FLOAT
from .examination import Check, Examination, Functions

__all__ = ["BUGS", "CHECKS"]

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def parse_idx(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("parse_idx", "array")
    rng = np.random.default_rng(seed)
    for kind, shape in (
        ("u1", (5, 4, 3)), ("u1", (7,)), ("i4", (2, 3)), ("i2", (2, 3, 2, 2)), ("f4", (3, 5)),
        ("u1", (300,)), ("f8", (2, 2)), ("i1", (4,)),
    ):  # fmt: skip
        right = rng.integers(1, 127, shape).astype(kind)
        header = bytes([0, 0, CODES[kind], len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
        content = header + right.astype(f">{kind}").tobytes()
        with exam.probe(f"{kind} {shape}"):
            found = functions["parse_idx"](content)
            if not exam.equal("array", found, right, _misread(content, right)):
                continue
            given = np.asarray(found).dtype.newbyteorder("=")
            exam.require(given == right.dtype, "wrong-dtype", "array",
                         f"the numbers are {given}, in the file {right.dtype}")  # fmt: skip
        with exam.probe(f"{kind} {shape}, the last byte missing"):
            _refuses(exam, functions["parse_idx"], content[:-1])
    return exam.diagnosis()


def _misread(content: bytes, right: np.ndarray) -> dict[str, np.ndarray]:
    """What typical mistakes make of a file."""
    start, kind = 4 + 4 * right.ndim, right.dtype
    known = {"byte-order": np.frombuffer(content[start:], kind).reshape(right.shape)}
    if right.ndim > 1:
        numbers = np.frombuffer(content[start:], kind.newbyteorder(">"))
        known["axes-reversed"] = numbers.reshape(right.shape[::-1])
        known["first-axis-fastest"] = numbers.reshape(right.shape, order="F")
        known["shape-lost"] = numbers
    return known


def _refuses(exam: Examination, function: Any, content: bytes) -> None:
    try:
        found = function(content)
    except Exception:
        return
    exam.wrong("cut-file-accepted", "", f"an array of shape {np.shape(found)} and no error")


def to_float(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("to_float", "pixels")
    rng = np.random.default_rng(seed)
    for shape in ((2, 5, 7, 3), (3, 4, 4, 3), (1, 3, 3, 3), (2, 6, 5, 1)):
        images = rng.integers(0, 256, shape).astype(np.uint8)
        images.flat[:2] = 0, 255
        x = images.astype(float)
        right = (2 * x / 255 - 1).transpose(0, 3, 1, 2)
        with exam.probe(f"images {shape}"):
            mine = images.copy()
            found = functions["to_float"](mine)
            exam.unchanged(images, mine, "images")
            known = {
                "reshaped": (2 * x / 255 - 1).reshape(right.shape),
                "axes-swapped": (2 * x / 255 - 1).transpose(0, 3, 2, 1),
                "channels-last": 2 * x / 255 - 1,
                "bytes-wrap": _wrapped(images, found),
                "not-stretched": (right + 1) / 2,
                "divided-by-256": 2 * x.transpose(0, 3, 1, 2) / 256 - 1,
            }
            if exam.equal("pixels", found, right, known, rtol=1e-5, atol=1e-5):
                _single(exam, found, "pixels")
    return exam.diagnosis()


def _wrapped(images: np.ndarray, found: Any) -> np.ndarray:
    """The way of calculating in bytes that gives what was found, if it is one of these."""
    x = images.transpose(0, 3, 1, 2)
    ways = (2 * x / 255 - 1, (2 * x - 255) / 255, (x - 127) / 127.5, (x - 128) / 127.5,
            x.astype(np.int8) / 127.5 - 1)  # fmt: skip
    same = [way for way in ways if np.shape(found) == way.shape
            and np.allclose(found, way, 1e-5, 1e-5)]  # fmt: skip
    return same[0] if same else ways[0]


def standardize(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("standardize", "train", "other")
    rng = np.random.default_rng(seed)
    for name, (n, m, c, h, w) in {
        "3 channels": (6, 4, 3, 5, 7), "1 channel": (5, 3, 1, 4, 4), "square": (3, 3, 3, 3, 3),
    }.items():  # fmt: skip
        scale, shift = rng.uniform(0.2, 0.9, (c, 1, 1)), rng.uniform(-2, 2, (c, 1, 1))
        x = (shift + scale * rng.standard_normal((n, c, h, w))).astype(np.float32)
        other = (1 + shift + 2 * scale * rng.standard_normal((m, c, h, w))).astype(np.float32)
        right, wrong = _standard(x, x), _standard_ways(x, other)
        with exam.probe(name):
            mine = x.copy(), other.copy()
            found = functions["standardize"](*mine)
            exam.unchanged(x, mine[0], "train")
            exam.unchanged(other, mine[1], "other")
            if not isinstance(found, tuple | list) or len(found) != 2:
                exam.wrong("returns-none" if found is None else "wrong-count", "",
                           f"two arrays are wanted, got {type(found).__name__}", 0)  # fmt: skip
                continue
            for place, given, number, target in (
                ("train", found[0], 0, right), ("other", found[1], 1, _standard(other, x)),
            ):  # fmt: skip
                known = {bug: pair[number] for bug, pair in wrong.items()}
                if exam.equal(place, given, target, known, rtol=1e-3, atol=1e-4):
                    _single(exam, given, place)
    return exam.diagnosis()


def _standard(x: np.ndarray, of: np.ndarray, axes: tuple[int, ...] = (0, 2, 3)) -> np.ndarray:
    x, of = x.astype(float), of.astype(float)
    return (x - of.mean(axes, keepdims=True)) / of.std(axes, keepdims=True)


def _standard_ways(x: np.ndarray, other: np.ndarray) -> dict[str, tuple[Any, Any]]:
    both, mean = np.concatenate([x, other]), x.mean((0, 2, 3), keepdims=True)
    std = x.std((0, 2, 3), keepdims=True)
    ways = {
        "own-statistics": (_standard(x, x), _standard(other, other)),
        "statistics-of-both": (_standard(x, both), _standard(other, both)),
        "other-unchanged": (_standard(x, x), other),
        "divided-by-variance": ((x - mean) / std**2, (other - mean) / std**2),
        "not-divided": (x - mean, other - mean),
        "mean-not-subtracted": (x / std, other / std),
    }
    axes = {"per-pixel": (0,), "per-image": (1, 2, 3)}
    if x.shape[1] > 1:
        axes["one-for-all-channels"] = (0, 1, 2, 3)
    for bug, over in axes.items():
        if bug != "per-image":
            ways[bug] = _standard(x, x, over), _standard(other, x, over)
        else:
            ways[bug] = _standard(x, x, over), _standard(other, other, over)
    return ways


def _single(exam: Examination, given: Any, place: str) -> None:
    dtype = np.asarray(given).dtype
    exam.require(dtype == np.float32, "wrong-dtype", place, f"{place} is {dtype}, not float32")


def batches(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("batches", "samples", "labels", "order")
    runs = []
    for n, size in ((23, 5), (24, 6), (31, 40), (29, 7), (17, 4)):
        numbers = np.arange(n)
        x, y = np.stack([numbers, -numbers], 1).astype(np.float32)[:, :, None], 1000 + numbers
        with exam.probe(f"{n} samples in batches of {size}"):
            mine, rng = (x.copy(), y.copy()), np.random.default_rng(seed)
            first, second = (_epoch(functions, *mine, size, rng) for _ in range(2))
            again = _epoch(functions, *mine, size, np.random.default_rng(seed))
            exam.unchanged(x, mine[0], "x")
            exam.unchanged(y, mine[1], "y")
            _pairs(exam, first, x, y, size)
            runs.append((first, second, again))
    with exam.probe("three epochs of each"):
        _orders(exam, runs)
    return exam.diagnosis()


def _epoch(functions: Functions, x: np.ndarray, y: np.ndarray, size: int, rng: Any) -> list:
    pairs = functions["batches"](x, y, size, rng)
    if not isinstance(pairs, Iterable):
        raise TypeError(f"batches must give pairs one after another, got {type(pairs).__name__}")
    found = [(np.array(images), np.array(labels)) for images, labels in pairs]
    for images, labels in found:
        if images.shape[1:] != x.shape[1:] or labels.ndim != 1:
            shapes = f"{images.shape} and {labels.shape}"
            raise ValueError(f"a pair must be images (B, 2, 1) and labels (B,), got {shapes}")
    return found


def _indices(pairs: list) -> list[int]:
    return [int(i) for images, _ in pairs for i in images[:, 0, 0]] if pairs else []


def _pairs(exam: Examination, pairs: list, x: np.ndarray, y: np.ndarray, size: int) -> None:
    """Every sample once, with its label, in batches of the right size."""
    n, seen = len(x), _indices(pairs)
    counts = np.bincount(seen, minlength=n) if seen else np.zeros(n, int)
    missing, twice = int((counts == 0).sum()), int((counts > 1).sum())
    sizes = [len(images) for images, _ in pairs]
    told = f"{missing} of {n} samples are missing, {twice} come more than once; batches of {sizes}"
    if n % size and not twice and missing == n % size and set(sizes) <= {size}:
        exam.wrong("drop-last", "samples", told)
    elif twice:
        exam.wrong("sample-twice", "samples", told)
    elif missing:
        exam.wrong("sample-missing", "samples", told)
    elif not _neighbours(pairs):
        right = [size] * (n // size) + [n % size] * (n % size > 0)
        exam.require(sizes == right, "batch-sizes", "samples",
                     f"batches of {sizes}, right is {right}")  # fmt: skip
    labels = [int(v) for _, part in pairs for v in np.ravel(part)]
    apart = sum(v != 1000 + i for i, v in zip(seen, labels, strict=False))
    exam.require(
        not apart and len(labels) == len(seen), "shuffled-apart", "labels",
        f"{apart} of {len(seen)} images have another image's label, {len(labels)} labels came",
    )  # fmt: skip
    whole = all(np.array_equal(image, x[int(image[0, 0])]) for a, _ in pairs for image in a)
    exam.require(whole, "result-wrong", "samples", "an image has other pixels than it had in x")


def _neighbours(pairs: list) -> bool:
    """Whether each batch is a piece of the file, and the pieces have another order."""
    seen = _indices(pairs)
    together = all((np.diff(images[:, 0, 0]) == 1).all() for images, _ in pairs)
    return together and seen != sorted(seen)


def _orders(exam: Examination, runs: list[tuple[list, list, list]]) -> None:
    """A random order in each epoch, that the caller's generator decides."""
    orders = [tuple(map(_indices, run)) for run in runs if len(_indices(run[0])) > 4]
    shown = [f"{order[0][:5]} ..." for order in orders[:2]]
    if any(_neighbours(run[0]) for run in runs):
        exam.wrong("blocks-shuffled", "order", f"neighbours stay together: {', '.join(shown)}")
    elif any(first in (sorted(first), sorted(first)[::-1]) for first, _, _ in orders):
        exam.wrong("not-shuffled", "order", f"the order is {', '.join(shown)}")
    elif any(first != again for first, _, again in orders):
        exam.wrong("not-from-rng", "order", "the same seed gives another order the second time")
    elif any(first == second for first, second, _ in orders):
        exam.wrong("same-order", "order", f"two epochs both begin with {shown[0]}")


CHECKS = {
    "parse_idx": Check(parse_idx, PARSE_IDX),
    "to_float": Check(to_float, TO_FLOAT),
    "standardize": Check(standardize, STANDARDIZE),
    "batches": Check(batches, BATCHES),
}
