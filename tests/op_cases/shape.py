"""Reshaping, joining, padding, indexing."""

import numpy as np

from .table import case, normal, usual


def rows():
    yield from reshaping()
    yield from joining()
    yield from padding()
    yield from indexing()
    yield from gathering()


def reshape(x, shape):
    return np.array(list(x.flat)).reshape(shape)


def flatten(x, start_dim=0, end_dim=-1):
    end = end_dim % x.ndim
    return x.reshape(*x.shape[:start_dim], np.prod(x.shape[start_dim : end + 1], dtype=int),
                     *x.shape[end + 1 :])  # fmt: skip


def squeeze(x, dim=None):
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    gone = {d % x.ndim for d in dims if x.shape[d] == 1}
    return x.reshape([n for i, n in enumerate(x.shape) if i not in gone])


def torch_squeeze(torch, x, dim=None):
    return torch.squeeze(x) if dim is None else torch.squeeze(x, dim)


def expand(x, shape):
    extra = len(shape) - x.ndim
    return x + np.zeros([x.shape[i - extra] if n == -1 else n for i, n in enumerate(shape)])


def torch_expand(torch, x, shape):
    return x.expand(shape)


def reshaping():
    yield usual("reshape", reshape)
    for shape in ((6, 2), (-1,), (3, -1, 2), (12, 1)):
        yield case("reshape", (normal(2, 3, 2),), reshape, after=(shape,))
    yield case("reshape", (normal(0, 3),), reshape, after=((3, 0),))
    yield usual("permute", np.transpose)
    for dims in ((1, 0, 2), (2, 1, 0), (-1, 0, 1), (0, 1, 2)):
        yield case("permute", (normal(2, 3, 4),), np.transpose, after=(dims,))
    yield usual("transpose", lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1))
    for dims in ((0, 1), (-1, -2), (1, 1)):
        yield case("transpose", (normal(2, 3, 4),), np.swapaxes, after=dims)
    yield usual("flatten", flatten, lambda torch, x, **o: torch.flatten(x, **o))
    for options in ({}, {"start_dim": 1}, {"start_dim": 1, "end_dim": 2}, {"end_dim": 0}):
        yield case("flatten", (normal(2, 3, 1, 2),), flatten, **options)
    yield case("flatten", (normal(0, 3, 2),), flatten, start_dim=1)
    yield usual("squeeze", squeeze, torch_squeeze)
    for dim in (None, 0, 1, -1, (0, 2)):
        yield case("squeeze", (normal(1, 3, 1),), squeeze, torch=torch_squeeze, dim=dim)
    yield usual("unsqueeze", lambda x, dim: np.expand_dims(x, dim))
    for dim in (0, 2, -1, -3):
        yield case("unsqueeze", (normal(2, 3),), lambda x, dim: np.expand_dims(x, dim), dim=dim)
    yield usual("expand", expand, torch_expand)
    for here, shape in (
        ((1, 3, 2), (4, 3, 2)), ((3, 2), (4, 3, 2)), ((1, 3, 1), (-1, 3, 5)), ((), (2, 2)),
        ((3, 1), (2, -1, 2)),
    ):  # fmt: skip
        yield case("expand", (normal(*here),), expand, torch=torch_expand, after=(shape,))


def split(x, split_size, dim=0):
    if isinstance(split_size, int):
        starts = range(0, x.shape[dim], split_size)
        split_size = [min(split_size, x.shape[dim] - i) for i in starts]
    pieces, start = [], 0
    for n in split_size:
        pieces.append(np.take(x, range(start, start + n), dim))
        start += n
    return tuple(pieces)


def torch_split(torch, x, split_size, dim):
    return x.split(split_size, dim)


def joining():
    yield usual("concat", lambda xs, dim: np.concatenate(xs, dim))
    yield usual("stack", lambda xs, dim: np.stack(xs, dim))
    parts = (normal(2, 1, 2), normal(2, 3, 2), normal(2, 2, 2))
    for dim in (1, -2):
        yield case("concat", parts, lambda xs, dim: np.concatenate(xs, dim), dim=dim, as_list=True)
    ends = (normal(2), normal(0), normal(1))
    yield case("concat", ends, lambda xs: np.concatenate(xs), as_list=True)
    yield case("concat", (normal(2, 2),), lambda xs: xs[0], as_list=True)
    for dim in (0, 1, -1):
        parts = (normal(2, 3), normal(2, 3))
        yield case("stack", parts, lambda xs, dim: np.stack(xs, dim), dim=dim, as_list=True)
    yield usual("split", split, torch_split)
    for size, dim in ((2, 0), (2, 1), (5, 1), ([1, 3, 1], 1), ([0, 5], -1)):
        x = normal(4, 5)
        yield case("split", (x,), split, torch=torch_split, split_size=size, dim=dim)


def pad(x, pad, mode="constant", value=0.0):
    """Border by border, with the index of the source pixel written out per mode."""
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        axis = x.ndim - 1 - axis
        n, places = x.shape[axis], []
        for i in range(-before, n + after):
            if mode == "reflect":
                i = -i if i < 0 else 2 * (n - 1) - i if i >= n else i
            elif mode == "replicate":
                i = min(max(i, 0), n - 1)
            elif mode == "circular":
                i = i % n
            places.append(i)
        lines = [np.take(x, i, axis) if 0 <= i < n else np.full_like(np.take(x, 0, axis), value)
                 for i in places]  # fmt: skip
        x = np.stack(lines, axis)
    return x


def crop(x, pad):
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        axis = x.ndim - 1 - axis
        x = np.take(x, range(before, x.shape[axis] - after), axis)
    return x


def torch_crop(torch, x, pad):
    return torch.nn.functional.pad(x, [-p for p in pad])


def padding():
    yield usual("pad", pad)
    for border in ((1, 2), (0, 0, 2, 1), (1, 0, 2, 1, 0, 3), (-1, 2), (-1, -1, 1, 0)):
        yield case("pad", (normal(2, 3, 4),), pad, pad=border)
    yield case("pad", (normal(2, 3),), pad, pad=(1, 1), value=-2.5)
    for mode in ("reflect", "replicate", "circular"):
        yield case("pad", (normal(1, 2, 4, 3),), pad, pad=(2, 1, 0, 3), mode=mode)
    yield usual("crop", crop, torch_crop)
    for border in ((1, 2), (1, 0, 2, 1), (0, 0)):
        yield case("crop", (normal(2, 4, 4),), crop, torch=torch_crop, pad=border)


ALL = slice(None)
KEYS = {
    "integer": 1,
    "negative integer": (-1, 0),
    "slice": slice(1, 3),
    "step": (slice(None, None, 2),),
    "range from the end": (ALL, slice(-2, None)),
    "new axis": (None, 1, None),
    "ellipsis": (..., 0),
    "ellipsis between": (0, ..., slice(1)),
    "empty": slice(2, 2),
    "mask": np.array([True, False, True, True]),
    "mask of two axes": np.arange(12).reshape(4, 3) % 5 > 1,
    "mask and slice": (np.array([True, False, True, True]), slice(1, None)),
    "array": np.array([2, 0, 3]),
    "repeats": np.array([1, 1, 1, 0]),
    "negative repeats": np.array([[-1, 3], [0, 0]]),
    "list": [3, -1, 3],
    "pairs": (np.array([0, 1, 1]), np.array([2, 0, 0])),
    "grid": (np.array([[0], [2]]), np.array([1, 1])),
    "mixed": (slice(1, None), np.array([2, 2]), 1),
    "apart": (np.array([1, 1]), ALL, np.array([0, 1])),
}
STEPS_BACK = {  # which torch does not have
    "negative step": slice(None, None, -1),
    "negative step of 2": (ALL, slice(None, None, -2)),
    "negative step and array": (slice(None, None, -1), np.array([0, 0])),
}


def as_torch(torch, key):
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(torch.from_numpy(k) if isinstance(k, np.ndarray) else k for k in parts)


def torch_getitem(torch, x, key):
    return x[as_torch(torch, key)]


def indexing():
    yield usual("getitem", lambda x, key: x[key], torch_getitem)
    for label, key in (KEYS | STEPS_BACK).items():
        peer = None if label in STEPS_BACK else torch_getitem
        x = normal(4, 3, 2)
        yield case("getitem", (x,), lambda x, key: x[key], label=label, torch=peer, key=key)


def gather(x, dim, index):
    y = np.zeros(index.shape)
    for place in np.ndindex(index.shape):
        source = list(place)
        source[dim % x.ndim] = index[place]
        y[place] = x[tuple(source)]
    return y


def gathering():
    yield usual("gather", gather)
    for dim, index in (
        (0, [[0, 2, 1], [1, 1, 0]]), (1, [[0, 0, 0, 2], [1, 2, 1, 1]]), (-1, [[1], [0], [2]]),
    ):  # fmt: skip
        inputs = (normal(3, 3), np.array(index))
        yield case("gather", inputs, gather, keywords=("index",), dim=dim)
