"""09 Data and the first classifier: the solutions.

Made from lessons/09_data.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 09.1 parse_idx   ★★   25 minutes
NUMBERS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content):
    """The array in an idx file whose bytes are `content`; ValueError if it is cut short."""
    start = 4 + 4 * content[3]
    lengths = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content[start:], NUMBERS[content[2]]).reshape(lengths)


# 09.2 to_float   ★   15 minutes
def to_float(images):
    """y[n,c,h,w] = 2 x[n,h,w,c] / 255 - 1: (N, H, W, C) uint8 -> (N, C, H, W) float32"""
    return images.transpose(0, 3, 1, 2) / np.float32(127.5) - 1


# 09.3 standardize   ★★   20 minutes
def standardize(train, other):
    """Both (N, C, H, W) float32 arrays as (x - mean) / std, per channel, the numbers of `train`."""
    mean = train.mean(axis=(0, 2, 3), keepdims=True)
    std = train.std(axis=(0, 2, 3), keepdims=True)
    return (train - mean) / std, (other - mean) / std


# 09.4 batches   ★★   25 minutes
def batches(x, y, size, rng):
    """One epoch of x (N, ...) and y (N,): pairs (images, labels) of `size` samples, the last pair
    with what is left. The order is drawn from the NumPy generator `rng`.
    """
    order = rng.permutation(len(x))
    for start in range(0, len(x), size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]
