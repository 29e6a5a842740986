"""04 Trust but verify: gradient checking: the solutions.

Made from lessons/04_gradient_checking.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 04.1 numeric_gradient   ★★   25 minutes
def numeric_gradient(f, x, gy, h):
    """gx[i] = (phi(x + h e_i) - phi(x - h e_i)) / 2h, with phi(x) = sum of gy f(x)

    gx is float64, of the shape of x; x keeps its values, and may be of whole numbers or float32
    """
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    slopes = [np.sum(gy * (f(x + step) - f(x - step))) / (2 * h) for step in steps]
    return np.reshape(slopes, x.shape)


# 04.2 complex_step   ★★   15 minutes
def complex_step(f, x, gy, h):
    """gx[i] = Im phi(x + i h e_i) / h, with phi(x) = sum of gy f(x); gx is real, like x"""
    steps = 1j * h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.reshape([np.sum(gy * f(x + step)).imag / h for step in steps], x.shape)


# 04.3 relative_error   ★   15 minutes
def relative_error(a, g):
    """The largest abs(a - g), divided by the largest of all abs(a) and abs(g).

    0 if all entries are 0 or there are none; infinity if a and g differ in shape or are not finite
    """
    if np.shape(a) != np.shape(g) or not np.isfinite([a, g]).all():
        return np.inf
    size = np.abs([a, g]).max(initial=0)
    return np.abs(a - g).max() / size if size > 0 else 0.0


# 04.4 check_gradient   ★★★   40 minutes
def kinks(f, x, gy, h):
    """True for each entry of x whose slopes to the left and to the right differ too much."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    after, before = ([np.sum(gy * (f(x + s) - f(x))) for s in sign * steps] for sign in (1, -1))
    bends, slopes = np.abs(np.add(after, before)), np.abs(np.subtract(after, before))
    return (bends > 1e-5 * slopes.max(initial=0)).reshape(x.shape)


def check_gradient(forward, backward, x, rng):
    """True if gx = backward(gy, x) is right for y = forward(x), else False.

    gy is drawn with the generator rng; the shape of gx counts; entries of x at kinks do not
    """
    gy = rng.standard_normal(np.shape(forward(x)))
    gx = backward(gy, x)
    if np.shape(gx) != x.shape:
        return False
    smooth = ~kinks(forward, x, gy, 1e-6)
    numbers = numeric_gradient(forward, x, gy, 1e-6)
    return bool(relative_error(gx[smooth], numbers[smooth]) < 1e-6)
