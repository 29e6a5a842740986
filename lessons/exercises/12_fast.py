"""12 Fast: layout, threads, Numba, GPU: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 12.1`. The text is in lessons/12_fast/README.md.
"""

import numpy as np


# 12.1 depthwise_part   ★★   30 minutes
def depthwise_part(x, weight, y, start, stop):
    """Write y[n,i,j,c] = sum over u,v of x[n,i+u,j+v,c] weight[u,v,c] for start <= i < stop, into
    y (N, H', W', C), whose other rows stay as they are. x (N, H, W, C), weight (kh, kw, C)
    """
    raise NotImplementedError("12.1 depthwise_part: your turn")


# 12.2 parts   ★   15 minutes
def parts(count, workers):
    """`workers` pairs (start, stop), in order, that cut range(count) into nearly equal pieces.
    Sizes differ by 1 at most; with fewer rows than workers, some parts are empty.
    """
    raise NotImplementedError("12.2 parts: your turn")


# 12.3 roofline   ★★   20 minutes
def roofline(p, c, o, t, g, peak, bandwidth):
    """min(peak, bandwidth * operations / bytes) of a float32 convolution: p pixels in x and in y,
    c to o channels, t taps, g groups; all speeds in GFLOP/s, the bandwidth in GB/s.
    """
    raise NotImplementedError("12.3 roofline: your turn")
