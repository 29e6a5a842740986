"""One step of each optimizer in one pass over memory: every number is read and written once.

    sgd:   g' = g + weight_decay w;  v = momentum v + (1 - dampening) g';  w = w - lr v
    adam, rmsprop, adagrad: as in `reference`

A step does few operations on many numbers, so memory sets the pace, and NumPy's way, an array for
each intermediate result, costs five times as much. The order of the numbers does not matter: all
arrays of one parameter are seen as vectors, in the order in which its numbers lie in memory.
The threads share out the vector.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import update as reference

from .compiled import compiled, compiled_parallel, overlays
from .parts import share_out

Array = Any


@overlays(reference.sgd_step)
def sgd_step(
    w: Array, g: Array, v: Array | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool,
) -> None:  # fmt: skip
    """v = momentum v + (1 - dampening) g;  w = w - lr v;  without v: w = w - lr g"""
    options = (lr, momentum, dampening, weight_decay, nesterov)
    if (vectors := _vectors(w, g, v)) is None:
        reference.sgd_step(w, g, v, *options)
    else:
        share_out(_sgd, (*vectors, *map(float, options)), w.size, w.size)


@compiled_parallel
def _sgd(
    part: int, parts: int, w: Array, g: Array, v: Array, lr: float, momentum: float,
    dampening: float, weight_decay: float, nesterov: float, size: int,
) -> None:  # fmt: skip
    first, last = size * part // parts, size * (part + 1) // parts
    number, has_memory = w.dtype.type, len(v) > 0
    w, g, v = w[first:last], g[first:last], v[first:last]
    rate, decay = number(lr), number(weight_decay)
    old, new = number(momentum), number(1 - dampening)
    for i in range(len(w)):
        step = g[i] + decay * w[i] if weight_decay else g[i]
        if has_memory:
            memory = old * v[i] + new * step
            v[i] = memory
            step = step + old * memory if nesterov else memory
        w[i] -= rate * step


@overlays(reference.adam_step)
def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float, decoupled: bool,
) -> None:  # fmt: skip
    """m, v = running means of g, g^2;  w = w - lr (m / (1 - beta1^t)) / (sqrt(v / ...) + eps)"""
    if (vectors := _vectors(w, g, m, v)) is None:
        reference.adam_step(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay, decoupled)
        return
    rate, correction = lr / (1 - beta1**t), (1 - beta2**t) ** 0.5
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    options = (rate, beta1, beta2, eps, decay, shrink, correction)
    share_out(_adam, (*vectors, *map(float, options)), w.size, w.size)


@compiled_parallel
def _adam(
    part: int, parts: int, w: Array, g: Array, m: Array, v: Array, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, shrink: float, correction: float, size: int,
) -> None:  # fmt: skip
    first, last = size * part // parts, size * (part + 1) // parts
    number = w.dtype.type
    w, g, m, v = w[first:last], g[first:last], m[first:last], v[first:last]
    rate, decay, kept = number(lr), number(weight_decay), number(shrink)
    old_m, new_m, old_v, new_v = number(beta1), number(1 - beta1), number(beta2), number(1 - beta2)
    root, least = number(correction), number(eps)
    for i in range(len(w)):
        step = g[i] + decay * w[i] if weight_decay else g[i]
        mean = old_m * m[i] + new_m * step
        square = old_v * v[i] + new_v * step * step
        m[i], v[i] = mean, square
        w[i] = kept * w[i] - rate * mean / (np.sqrt(square) / root + least)


@overlays(reference.rmsprop_step)
def rmsprop_step(
    w: Array, g: Array, s: Array, a: Array | None, v: Array | None, lr: float, alpha: float,
    eps: float, weight_decay: float, momentum: float,
) -> None:  # fmt: skip
    """s = alpha s + (1 - alpha) g^2;  w = w - lr g / (sqrt(s) + eps);  with a: s - a^2 for s"""
    options = (lr, alpha, eps, weight_decay, momentum)
    if (vectors := _vectors(w, g, s, a, v)) is None:
        reference.rmsprop_step(w, g, s, a, v, *options)
    else:
        share_out(_rmsprop, (*vectors, *map(float, options)), w.size, w.size)


@compiled_parallel
def _rmsprop(
    part: int, parts: int, w: Array, g: Array, s: Array, a: Array, v: Array, lr: float,
    alpha: float, eps: float, weight_decay: float, momentum: float, size: int,
) -> None:  # fmt: skip
    first, last = size * part // parts, size * (part + 1) // parts
    number, is_centered, has_memory = w.dtype.type, len(a) > 0, len(v) > 0
    w, g, s, a, v = w[first:last], g[first:last], s[first:last], a[first:last], v[first:last]
    rate, decay, least = number(lr), number(weight_decay), number(eps)
    old, new, kept = number(alpha), number(1 - alpha), number(momentum)
    for i in range(len(w)):
        step = g[i] + decay * w[i] if weight_decay else g[i]
        square = old * s[i] + new * step * step
        s[i] = square
        if is_centered:
            a[i] = old * a[i] + new * step
            square = np.maximum(square - a[i] * a[i], number(0))
        step = step / (np.sqrt(square) + least)
        if has_memory:
            step = kept * v[i] + step
            v[i] = step
        w[i] -= rate * step


@overlays(reference.adagrad_step)
def adagrad_step(w: Array, g: Array, s: Array, lr: float, eps: float, weight_decay: float) -> None:
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)"""
    if (vectors := _vectors(w, g, s)) is None:
        reference.adagrad_step(w, g, s, lr, eps, weight_decay)
    else:
        options = (float(lr), float(eps), float(weight_decay))
        share_out(_adagrad, (*vectors, *options), w.size, w.size)


@compiled_parallel
def _adagrad(
    part: int, parts: int, w: Array, g: Array, s: Array, lr: float, eps: float,
    weight_decay: float, size: int,
) -> None:  # fmt: skip
    first, last = size * part // parts, size * (part + 1) // parts
    number = w.dtype.type
    w, g, s = w[first:last], g[first:last], s[first:last]
    rate, decay, least = number(lr), number(weight_decay), number(eps)
    for i in range(len(w)):
        step = g[i] + decay * w[i] if weight_decay else g[i]
        square = s[i] + step * step
        s[i] = square
        w[i] -= rate * step / (np.sqrt(square) + least)


def _vectors(w: Array, g: Array, *memory: Array | None) -> list[Array] | None:
    """All as vectors in the memory order of ``w``; None where they have no order in common.

    A gradient in another order is copied; memory that an optimizer does not have becomes empty.
    """
    vectors: list[Array] = []
    for a in (w, g, *memory):
        if a is None:
            vectors.append(vectors[0][:0])
        elif a.flags.carray:  # C-contiguous, aligned and writable
            vectors.append(a.reshape(-1))
        else:
            return _vectors_in_the_order_of(w, g, *memory)
    return vectors


def _vectors_in_the_order_of(w: Array, g: Array, *memory: Array | None) -> list[Array] | None:
    like = np.empty_like(w)  # without gaps, its axes in memory as those of w
    own = [w, *(a for a in memory if a is not None)]
    if any(a.strides != like.strides or not a.flags.behaved for a in own):
        return None
    if g.strides != like.strides or not g.flags.behaved:
        like[...] = g
        g = like
    line = w.ravel("K")
    return [line, g.ravel("K"), *(line[:0] if a is None else a.ravel("K") for a in memory)]


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
