"""Lesson 10: other right answers, and changes of the solutions that make no difference."""

from itertools import product

import numpy as np


def windows_by_formula(size, kernel, stride, padding, dilation):
    count = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    return [slice(i * stride, i * stride + dilation * kernel, dilation) for i in range(count)]


def pairs(*options):
    return [o if isinstance(o, tuple) else (o, o) for o in options]


def sizes(x, weight, stride, padding, dilation):
    return [(x.shape[a + 2] + 2 * padding[a] - dilation[a] * (weight.shape[a + 2] - 1) - 1)
            // stride[a] + 1 for a in (0, 1)]  # fmt: skip


def walk(x, weight, stride, padding, dilation, groups):
    """All indices of seven loops, without those that lie in the padding."""
    stride, padding, dilation = pairs(stride, padding, dilation)
    height, width = sizes(x, weight, stride, padding, dilation)
    o_size, c_size, kh, kw = weight.shape
    for o, i, j in product(range(o_size), range(height), range(width)):
        for c, u, v in product(range(c_size), range(kh), range(kw)):
            row = i * stride[0] + u * dilation[0] - padding[0]
            col = j * stride[1] + v * dilation[1] - padding[1]
            if 0 <= row < x.shape[2] and 0 <= col < x.shape[3]:
                yield o, i, j, c, u, v, c + o // (o_size // groups) * c_size, row, col


def forward_in_seven_loops(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    height, width = sizes(x, weight, *pairs(stride, padding, dilation))
    y = np.empty((len(x), len(weight), height, width))
    y[:] = bias[:, None, None]
    for o, i, j, c, u, v, channel, row, col in walk(x, weight, stride, padding, dilation, groups):
        y[:, o, i, j] += weight[o, c, u, v] * x[:, channel, row, col]
    return y.astype(x.dtype)


def backward_in_seven_loops(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    gx, gweight = np.zeros_like(x), np.zeros_like(weight)
    for o, i, j, c, u, v, channel, row, col in walk(x, weight, stride, padding, dilation, groups):
        gx[:, channel, row, col] += weight[o, c, u, v] * gy[:, o, i, j]
        gweight[o, c, u, v] += x[:, channel, row, col] @ gy[:, o, i, j]
    return gx, gweight, gy.sum(axis=3).sum(axis=2).sum(axis=0)


def shifted(x, weight, shape, stride, padding, dilation):
    """The padded image, and for every kernel entry the pixels that meet it."""
    (sh, sw), (ph, pw), (dh, dw) = pairs(stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    (height, width), (kh, kw) = shape, weight.shape[2:]
    at = {}
    for u, v in product(range(kh), range(kw)):
        at[u, v] = (slice(None), slice(None), slice(u * dh, u * dh + sh * (height - 1) + 1, sh),
                    slice(v * dw, v * dw + sw * (width - 1) + 1, sw))  # fmt: skip
    return padded, at


def spread(weight, groups):
    """(O, C/groups, kh, kw) -> (O, C, kh, kw): zeros for the channels of other groups."""
    parts = np.split(weight, groups)
    rows = [[p if g == k else np.zeros_like(p) for k in range(groups)]
            for g, p in enumerate(parts)]  # fmt: skip
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def forward_by_shifts(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    shape = sizes(x, weight, *pairs(stride, padding, dilation))
    padded, at = shifted(x, weight, shape, stride, padding, dilation)
    whole = spread(weight, groups)
    y = sum(np.einsum("oc,ncij->noij", whole[..., u, v], padded[at[u, v]]) for u, v in at)
    return y + bias.reshape(1, -1, 1, 1)


def backward_by_shifts(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    padded, at = shifted(x, weight, gy.shape[2:], stride, padding, dilation)
    whole, per_group = spread(weight, groups), weight.shape[1]
    gpadded, gwhole = np.zeros_like(padded), np.zeros_like(whole)
    for u, v in at:
        gpadded[at[u, v]] += np.einsum("oc,noij->ncij", whole[..., u, v], gy)
        gwhole[..., u, v] = np.einsum("noij,ncij->oc", gy, padded[at[u, v]])
    parts = [part[:, g * per_group : (g + 1) * per_group]
             for g, part in enumerate(np.split(gwhole, groups))]  # fmt: skip
    (ph, pw), (h, w) = pairs(padding)[0], padded.shape[2:]
    return gpadded[:, :, ph : h - ph, pw : w - pw], np.concatenate(parts), gy.sum((0, 2, 3))


ALTERNATIVES = {
    "10.1": [{"windows": windows_by_formula}],
    "10.2": [{"conv2d_forward": f} for f in (forward_in_seven_loops, forward_by_shifts)],
    "10.3": [{"conv2d_backward": f} for f in (backward_in_seven_loops, backward_by_shifts)],
}
SURVIVORS = {
    "10.2: padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))  ->  "
    "padded = np.pad(x, ((0, 0), (0, 1), (ph, ph), (pw, pw)))":
    "one channel more, which no filter looks at",
}  # fmt: skip
