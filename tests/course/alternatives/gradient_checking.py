"""Lesson 04: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def numeric_in_a_loop(f, x, gy, h):
    gx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        after, before = x.astype(float), x.astype(float)
        after[i] += h
        before[i] -= h
        gx[i] = (np.sum(gy * f(after)) - np.sum(gy * f(before))) / (2 * h)
    return gx


def numeric_flat(f, x, gy, h):
    slopes = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = h
        step = step.reshape(x.shape)
        slopes.append(np.vdot(gy, (f(x + step) - f(x - step)) / h) / 2)
    return np.array(slopes).reshape(x.shape)


def sideways_in_a_loop(f, x, gy, h):
    gx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[i] += 1j * h
        gx[i] = np.sum(gy * np.imag(f(moved) / h))
    return gx


def error_with_lists(a, g):
    if np.shape(a) != np.shape(g):
        return float("inf")
    a, g = np.ravel(a).tolist(), np.ravel(g).tolist()
    if not all(np.isfinite(v) for v in a + g):
        return float("inf")
    size = max([abs(v) for v in a + g], default=0.0)
    return max([abs(v - w) for v, w in zip(a, g, strict=True)], default=0.0) / (size or 1.0)


def check_in_a_loop(forward, backward, x, rng):
    y = forward(x)
    gy = rng.uniform(0.5, 1.5, np.shape(y)) * rng.choice([-1, 1], np.shape(y))
    gx = np.asarray(backward(gy.copy(), x.copy()))
    if gx.shape != x.shape or not np.isfinite(gx).all():
        return False
    worst, size, h = 0.0, 0.0, 1e-5
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        after, here, before = (np.sum(gy * forward(x + t * step)) for t in (1, 0, -1))
        if abs(after - 2 * here + before) > 0.01 * abs(after - before) + 1e-11 * abs(here):
            continue
        slope = (after - before) / (2 * h)
        worst, size = max(worst, abs(slope - gx[i])), max(size, abs(slope), abs(gx[i]))
    return worst <= 1e-6 * size


ALTERNATIVES = {
    "04.1": [{"numeric_gradient": f} for f in (numeric_in_a_loop, numeric_flat)],
    "04.2": [{"complex_step": sideways_in_a_loop}],
    "04.3": [{"relative_error": error_with_lists}],
    "04.4": [{"check_gradient": check_in_a_loop}],
}
LIMIT = "between 1e-8 and 1e-3 any limit tells right from wrong"
STEP = "any step near 1e-6 gives eight digits"
ALIKE = "an error is the same from both sides"
COMPARED = "return bool(relative_error(gx[smooth], numbers[smooth]) < 1e-06)"
SURVIVORS = {
    "04.3: size = np.abs([a, g]).max(initial=0)  ->  size = np.abs([a, g]).max(initial=-1)":
        "no entry is below 0, and for no entries -1 is not positive either",
    "04.3: return np.abs(a - g).max() / size if size > 0 else 0.0  ->  "
    "return np.abs(g - a).max() / size if size > 0 else 0.0": ALIKE,
    f"04.4: {COMPARED}  ->  {COMPARED.replace('1e-06', '2e-06')}": LIMIT,
    f"04.4: {COMPARED}  ->  {COMPARED.replace('<', '<=')}": LIMIT,
    f"04.4: {COMPARED}  ->  return bool(relative_error(numbers[smooth], gx[smooth]) < 1e-06)":
        ALIKE,
    "04.4: numbers = numeric_gradient(forward, x, gy, 1e-06)  ->  "
    "numbers = numeric_gradient(forward, x, gy, 2e-06)": STEP,
    "04.4: smooth = ~kinks(forward, x, gy, 1e-06)  ->  "
    "smooth = ~kinks(forward, x, gy, 2e-06)": STEP,
}  # fmt: skip
