"""12 Fast: layout, threads, Numba, GPU: the solutions.

Made from lessons/12_fast.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 12.1 depthwise_part   ★★   30 minutes
def depthwise_part(x, weight, y, start, stop):
    """Write y[n,i,j,c] = sum over u,v of x[n,i+u,j+v,c] weight[u,v,c] for start <= i < stop, into
    y (N, H', W', C), whose other rows stay as they are. x (N, H, W, C), weight (kh, kw, C)
    """
    kh, kw, channels = weight.shape
    for n in range(len(y)):
        for i in range(start, stop):
            for j in range(y.shape[2]):
                y[n, i, j] = 0
                for u in range(kh):
                    for v in range(kw):
                        for c in range(channels):
                            y[n, i, j, c] += x[n, i + u, j + v, c] * weight[u, v, c]


# 12.2 parts   ★   15 minutes
def parts(count, workers):
    """`workers` pairs (start, stop), in order, that cut range(count) into nearly equal pieces.
    Sizes differ by 1 at most; with fewer rows than workers, some parts are empty.
    """
    return [(count * p // workers, count * (p + 1) // workers) for p in range(workers)]


# 12.3 roofline   ★★   20 minutes
def roofline(p, c, o, t, g, peak, bandwidth):
    """min(peak, bandwidth * operations / bytes) of a float32 convolution: p pixels in x and in y,
    c to o channels, t taps, g groups; all speeds in GFLOP/s, the bandwidth in GB/s.
    """
    products = o * t * c / g
    operations = 2 * p * products
    numbers = p * c + p * o + products
    return min(peak, bandwidth * operations / (4 * numbers))
