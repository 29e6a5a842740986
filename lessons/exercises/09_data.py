"""09 Data and the first classifier: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 09.1`. The text is in lessons/09_data/README.md.
"""

import numpy as np


# 09.1 parse_idx   ★★   25 minutes
NUMBERS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content):
    """The array in an idx file whose bytes are `content`; ValueError if it is cut short."""
    raise NotImplementedError("09.1 parse_idx: your turn")


# 09.2 to_float   ★   15 minutes
def to_float(images):
    """y[n,c,h,w] = 2 x[n,h,w,c] / 255 - 1: (N, H, W, C) uint8 -> (N, C, H, W) float32"""
    raise NotImplementedError("09.2 to_float: your turn")


# 09.3 standardize   ★★   20 minutes
def standardize(train, other):
    """Both (N, C, H, W) float32 arrays as (x - mean) / std, per channel, the numbers of `train`."""
    raise NotImplementedError("09.3 standardize: your turn")


# 09.4 batches   ★★   25 minutes
def batches(x, y, size, rng):
    """One epoch of x (N, ...) and y (N,): pairs (images, labels) of `size` samples, the last pair
    with what is left. The order is drawn from the NumPy generator `rng`.
    """
    raise NotImplementedError("09.4 batches: your turn")
