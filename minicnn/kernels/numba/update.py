"""One step of each optimizer in one pass over memory: every number is read and written once.

    sgd:   g' = g + weight_decay w;  v = momentum v + (1 - dampening) g';  w = w - lr v
    adam, rmsprop, adagrad: as in `reference`

A step does few operations on many numbers, so memory sets the pace, and NumPy's way, an array for
each intermediate result, costs five times as much. The order of the numbers does not matter: all
arrays of one parameter are seen as vectors, in the order in which its numbers lie in memory.

The parameters that are updated `together` with the same options are one long vector, which the
threads share out. What belongs to one parameter stands in a row of `places`: w, g and up to three
arrays of memory; where an optimizer has fewer, the place of w stands for the others, unused.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from itertools import accumulate
from typing import Any

import numpy as np

from minicnn.kernels.reference import update as reference
from minicnn.kernels.together import later

from .compiled import compiled, compiled_parallel, overlays, subroutine
from .objects import piece
from .parts import share_out

Array = Any
Options = tuple[float, ...]


def _work(rule: Callable) -> Callable[[Any, list[list[Array]]], None]:
    """``rule(w, g, a, b, c, options)`` for vectors, as the work on many parameters."""
    rule = subroutine(rule)

    @compiled_parallel
    def run(part: int, parts: int, places: Array, ends: Array, options: Array, size: int) -> None:
        first, last = size * part // parts, size * (part + 1) // parts
        start = 0
        for n in range(len(ends)):
            i, j = max(first, start) - start, min(last, ends[n]) - start
            start = ends[n]
            if i < j:
                w, g, a, b, c = places[n]
                rule(
                    piece(w, i, j, options), piece(g, i, j, options), piece(a, i, j, options),
                    piece(b, i, j, options), piece(c, i, j, options), options,
                )  # fmt: skip

    def work(how: tuple[Any, Options], rows: list[list[Array]]) -> None:
        dtype, options = how
        owners = {id(w if w.base is None else w.base) for w, *_ in rows}
        batches = [rows] if len(owners) == len(rows) else [[row] for row in rows]
        for batch in batches:  # parameters in the memory of one array may be the same numbers
            places = np.array([id(a) for row in batch for a in row])
            ends = list(accumulate(row[0].size for row in batch))
            arrays = places.reshape(-1, 5), np.array(ends), np.array(options, dtype)
            share_out(run, arrays, ends[-1], ends[-1])

    return work


@wraps(reference.sgd_step)
def sgd_step(
    w: Array, g: Array, v: Array | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool,
) -> None:  # fmt: skip
    """v = momentum v + (1 - dampening) g;  w = w - lr v;  without v: w = w - lr g"""
    if (row := _row(w, g, v)) is None:
        reference.sgd_step(w, g, v, lr, momentum, dampening, weight_decay, nesterov)
    else:
        options = (lr, weight_decay, momentum, 1 - dampening, v is not None, nesterov)
        later(_sgd, (w.dtype, options), row)


@_work
def _sgd(w: Array, g: Array, v: Array, b: Array, c: Array, options: Array) -> None:
    rate, decay, old, new, has_memory, nesterov = _six(options)
    for i in range(len(w)):
        step = g[i] + decay * w[i] if decay else g[i]
        if has_memory:
            memory = old * v[i] + new * step
            v[i] = memory
            step = step + old * memory if nesterov else memory
        w[i] -= rate * step


@wraps(reference.adam_step)
def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float, decoupled: bool,
) -> None:  # fmt: skip
    """m, v = running means of g, g^2;  w = w - lr (m / (1 - beta1^t)) / (sqrt(v / ...) + eps)"""
    if (row := _row(w, g, m, v)) is None:
        reference.adam_step(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay, decoupled)
        return
    rate, correction = lr / (1 - beta1**t), (1 - beta2**t) ** 0.5
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    options = (rate, decay, shrink, beta1, 1 - beta1, beta2, 1 - beta2, correction, eps)
    later(_adam, (w.dtype, options), row)


@_work
def _adam(w: Array, g: Array, m: Array, v: Array, c: Array, options: Array) -> None:
    rate, decay, kept, old_m, new_m, old_v = _six(options)
    new_v, root, least = options[6], options[7], options[8]
    for i in range(len(w)):
        step = g[i] + decay * w[i] if decay else g[i]
        mean = old_m * m[i] + new_m * step
        square = old_v * v[i] + new_v * step * step
        m[i], v[i] = mean, square
        w[i] = kept * w[i] - rate * mean / (np.sqrt(square) / root + least)


@wraps(reference.rmsprop_step)
def rmsprop_step(
    w: Array, g: Array, s: Array, a: Array | None, v: Array | None, lr: float, alpha: float,
    eps: float, weight_decay: float, momentum: float,
) -> None:  # fmt: skip
    """s = alpha s + (1 - alpha) g^2;  w = w - lr g / (sqrt(s) + eps);  with a: s - a^2 for s"""
    if (row := _row(w, g, s, a, v)) is None:
        reference.rmsprop_step(w, g, s, a, v, lr, alpha, eps, weight_decay, momentum)
    else:
        options = (
            lr, weight_decay, alpha, 1 - alpha, a is not None, v is not None, momentum, eps,
        )  # fmt: skip
        later(_rmsprop, (w.dtype, options), row)


@_work
def _rmsprop(w: Array, g: Array, s: Array, a: Array, v: Array, options: Array) -> None:
    rate, decay, old, new, is_centered, has_memory = _six(options)
    kept, least, zero = options[6], options[7], w.dtype.type(0)
    for i in range(len(w)):
        step = g[i] + decay * w[i] if decay else g[i]
        square = old * s[i] + new * step * step
        s[i] = square
        if is_centered:
            a[i] = old * a[i] + new * step
            square = np.maximum(square - a[i] * a[i], zero)
        step = step / (np.sqrt(square) + least)
        if has_memory:
            step = kept * v[i] + step
            v[i] = step
        w[i] -= rate * step


@wraps(reference.adagrad_step)
def adagrad_step(w: Array, g: Array, s: Array, lr: float, eps: float, weight_decay: float) -> None:
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)"""
    if (row := _row(w, g, s)) is None:
        reference.adagrad_step(w, g, s, lr, eps, weight_decay)
    else:
        later(_adagrad, (w.dtype, (lr, weight_decay, eps)), row)


@_work
def _adagrad(w: Array, g: Array, s: Array, b: Array, c: Array, options: Array) -> None:
    rate, decay, least = options[0], options[1], options[2]
    for i in range(len(w)):
        step = g[i] + decay * w[i] if decay else g[i]
        square = s[i] + step * step
        s[i] = square
        w[i] -= rate * step / (np.sqrt(square) + least)


@subroutine
def _six(options: Array) -> tuple:
    return options[0], options[1], options[2], options[3], options[4], options[5]


def _row(w: Array, g: Array, *memory: Array | None) -> list[Array] | None:
    """Five arrays of one dtype whose numbers lie in the same order without gaps, or None.

    A gradient in another order is copied. This looks at the dtypes, as `overlays` does elsewhere.
    """
    dtype, strides, row = w.dtype, w.strides, [w, g]
    if g.dtype != dtype or not _is_served(w.shape, strides, dtype) or not w.flags.behaved:
        return None
    for a in memory:
        if a is None:
            a = w
        elif a.dtype != dtype or a.strides != strides or not a.flags.behaved:
            return None
        row.append(a)
    if g.strides != strides or not g.flags.aligned:
        row[1] = np.empty_like(w)
        row[1][...] = g
    return row + [w] * (5 - len(row))


@lru_cache(1024)
def _is_served(shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any) -> bool:
    """Whether such arrays are compiled for and have no gaps: a copy has none, in the same order."""
    like = np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)
    return dtype in (np.float32, np.float64) and np.empty_like(like).strides == strides


@overlays(reference.sum_of_squares)
def sum_of_squares(g: Array) -> float:
    """The sum of all g^2, in float64."""
    return float(_squares(np.ascontiguousarray(g).reshape(-1)))


@compiled
def _squares(g: Array) -> float:
    """Sums over runs of 256 numbers side by side, and then the sum of these 256."""
    totals = np.zeros(256)
    whole = len(g) // 256 * 256
    for start in range(0, whole, 256):
        run = g[start : start + 256]
        for i in range(256):
            totals[i] += np.float64(run[i]) * np.float64(run[i])
    total = totals.sum()
    for i in range(whole, len(g)):
        total += np.float64(g[i]) * np.float64(g[i])
    return total
