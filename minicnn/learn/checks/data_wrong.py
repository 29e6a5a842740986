"""Lesson 09: the typical mistakes with data, which the checks must reject and name."""
# mypy: allow-untyped-defs

import numpy as np

from .examination import Wrong


def _idx(
    data, order=">", lengths=">", start=None, kind=None, reverse=False, fortran=False, cut=False
):
    kinds = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
    start = start or 4 + 4 * data[3]
    shape = np.frombuffer(data[4 : 4 + 4 * data[3]], f"{lengths}u4")
    rest, dtype = data[start:], np.dtype(order + (kind or kinds[data[2]]))
    numbers = np.frombuffer(rest[: len(rest) // dtype.itemsize * dtype.itemsize], dtype)
    if cut:
        numbers = np.resize(numbers, shape)
    return numbers.reshape(shape[::-1] if reverse else shape, order="F" if fortran else "C")


def _parse(bug: str, function, *also: str) -> Wrong:
    return Wrong(bug, {"parse_idx": function}, also)


PARSE_IDX = (
    _parse("byte-order", lambda d: _idx(d, order="<")),
    _parse("raises", lambda d: _idx(d, lengths="<")),
    _parse("raises", lambda d: _idx(d, start=16)),  # right for images alone
    _parse("raises", lambda d: _idx(d, kind="u1")),  # every number one byte
    _parse("axes-reversed", lambda d: _idx(d, reverse=True)),
    _parse("first-axis-fastest", lambda d: _idx(d, fortran=True)),
    _parse("shape-lost", lambda d: _idx(d).ravel()),
    _parse("cut-file-accepted", lambda d: _idx(d, cut=True)),
    _parse("wrong-dtype", lambda d: _idx(d).astype(float)),
    _parse("returns-none", lambda d: None),
)


def _pixels(images, scale=255.0):
    return (2 * images.astype(float) / scale - 1).astype(np.float32)


def _in_place(images):
    y = _pixels(images).transpose(0, 3, 1, 2)
    images //= 2
    return y


def _float(bug: str, function) -> Wrong:
    return Wrong(bug, {"to_float": function})


TO_FLOAT = (
    _float("bytes-wrap", lambda x: (2 * x).transpose(0, 3, 1, 2) / np.float32(255) - 1),
    _float("bytes-wrap", lambda x: ((2 * x - 255) / np.float32(255)).transpose(0, 3, 1, 2)),
    _float(
        "bytes-wrap", lambda x: (x.astype(np.int8) / np.float32(127.5) - 1).transpose(0, 3, 1, 2)
    ),
    _float("reshaped", lambda x: _pixels(x).reshape(len(x), x.shape[3], *x.shape[1:3])),
    _float("axes-swapped", lambda x: _pixels(x).transpose(0, 3, 2, 1)),
    _float("channels-last", _pixels),
    _float("not-stretched", lambda x: (_pixels(x).transpose(0, 3, 1, 2) + 1) / 2),
    _float("divided-by-256", lambda x: _pixels(x, 256).transpose(0, 3, 1, 2)),
    _float("wrong-dtype", lambda x: x.transpose(0, 3, 1, 2) / 127.5 - 1),
    _float("changes-input", _in_place),
)


def _both(train, other, of, of_other=None, axes=(0, 2, 3), power=1):
    of_other = of if of_other is None else of_other
    return tuple(
        (x - s.mean(axes, keepdims=True)) / s.std(axes, keepdims=True) ** power
        for x, s in ((train, of), (other, of_other))
    )


def _std_in_place(train, other):
    mean, std = train.mean((0, 2, 3), keepdims=True), train.std((0, 2, 3), keepdims=True)
    train -= mean
    train /= std
    return train, (other - mean) / std


def _standardize(bug: str, function) -> Wrong:
    return Wrong(bug, {"standardize": function})


STANDARDIZE = (
    _standardize("own-statistics", lambda a, b: _both(a, b, a, b)),
    _standardize("statistics-of-both", lambda a, b: _both(a, b, np.concatenate([a, b]))),
    _standardize("statistics-of-both", lambda a, b: _both(a, b, np.concatenate([b, a]))),
    _standardize("other-unchanged", lambda a, b: (_both(a, b, a)[0], b)),
    _standardize("divided-by-variance", lambda a, b: _both(a, b, a, power=2)),
    _standardize("not-divided", lambda a, b: _both(a, b, a, power=0)),
    _standardize("mean-not-subtracted",
                 lambda a, b: (a / a.std((0, 2, 3), keepdims=True),
                               b / a.std((0, 2, 3), keepdims=True))),
    _standardize("per-pixel", lambda a, b: _both(a, b, a, axes=(0,))),
    _standardize("per-image", lambda a, b: _both(a, b, a, b, axes=(1, 2, 3))),
    _standardize("one-for-all-channels", lambda a, b: _both(a, b, a, axes=(0, 1, 2, 3))),
    _standardize("wrong-dtype", lambda a, b: _both(a.astype(float), b.astype(float), a)),
    _standardize("changes-input", _std_in_place),
    _standardize("returns-none", lambda a, b: None),
    _standardize("wrong-count", lambda a, b: _both(a, b, a)[0]),
)  # fmt: skip


def _cut(x, y, size, order, labels=None, stop=None):
    labels = order if labels is None else labels
    for k in range(0, len(x) if stop is None else stop, size):
        yield x[order[k : k + size]], y[labels[k : k + size]]


def _shuffled_in_place(x, y, size, rng):
    order = rng.permutation(len(x))
    x[:], y[:] = x[order], y[order]
    return _cut(x, y, size, np.arange(len(x)))


def _blocks(x, y, size, rng):
    for k in rng.permutation(-(-len(x) // size)) * size:
        yield x[k : k + size], y[k : k + size]


def _uneven(x, y, size, rng):
    order = rng.permutation(len(x))
    for part in np.array_split(order, -(-len(x) // size)):
        yield x[part], y[part]


def _with_empty(x, y, size, rng):
    return _cut(x, y, size, rng.permutation(len(x)), stop=len(x) + size)


def _off_by_one(x, y, size, rng):
    order = rng.permutation(len(x))
    for k in range(0, len(x), size):
        yield x[order[k : k + size - 1]], y[order[k : k + size - 1]]


def _permutation(seed, x):
    return np.random.default_rng(seed).permutation(len(x))


def _batches(bug: str, function) -> Wrong:
    return Wrong(bug, {"batches": function})


BATCHES = (
    _batches("drop-last", lambda x, y, size, rng: _cut(
        x, y, size, rng.permutation(len(x)), stop=len(x) // size * size)),
    _batches("shuffled-apart", lambda x, y, size, rng: _cut(
        x, y, size, rng.permutation(len(x)), np.arange(len(x)))),  # x only
    _batches("shuffled-apart", lambda x, y, size, rng: _cut(
        x, y, size, np.arange(len(x)), rng.permutation(len(x)))),  # y only
    _batches("shuffled-apart", lambda x, y, size, rng: _cut(
        x, y, size, rng.permutation(len(x)), rng.permutation(len(x)))),
    _batches("sample-twice", lambda x, y, size, rng: _cut(
        x, y, size, rng.integers(0, len(x), len(x)))),
    _batches("sample-missing", _off_by_one),
    _batches("batch-sizes", _uneven),
    _batches("batch-sizes", _with_empty),
    _batches("not-shuffled", lambda x, y, size, rng: _cut(x, y, size, np.arange(len(x)))),
    _batches("blocks-shuffled", _blocks),
    _batches("same-order", lambda x, y, size, rng: _cut(x, y, size, _permutation(0, x))),
    _batches("not-from-rng", lambda x, y, size, rng: _cut(x, y, size, _permutation(None, x))),
    _batches("changes-input", _shuffled_in_place),
    _batches("raises", lambda x, y, size, rng: None),
    _batches("raises", lambda x, y, size, rng: _cut(y, x, size, rng.permutation(len(x)))),
)  # fmt: skip
