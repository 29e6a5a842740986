"""04 Trust but verify: gradient checking: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 04.1`. The text is in lessons/04_gradient_checking/README.md.
"""

import numpy as np


# 04.1 numeric_gradient   ★★   25 minutes
def numeric_gradient(f, x, gy, h):
    """gx[i] = (phi(x + h e_i) - phi(x - h e_i)) / 2h, with phi(x) = sum of gy f(x)

    gx is float64, of the shape of x; x keeps its values, and may be of whole numbers or float32
    """
    raise NotImplementedError("04.1 numeric_gradient: your turn")


# 04.2 complex_step   ★★   15 minutes
def complex_step(f, x, gy, h):
    """gx[i] = Im phi(x + i h e_i) / h, with phi(x) = sum of gy f(x); gx is real, like x"""
    raise NotImplementedError("04.2 complex_step: your turn")


# 04.3 relative_error   ★   15 minutes
def relative_error(a, g):
    """The largest abs(a - g), divided by the largest of all abs(a) and abs(g).

    0 if all entries are 0 or there are none; infinity if a and g differ in shape or are not finite
    """
    raise NotImplementedError("04.3 relative_error: your turn")


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
    raise NotImplementedError("04.4 check_gradient: your turn")
