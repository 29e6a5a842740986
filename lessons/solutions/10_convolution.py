"""10 Convolution with loops: the solutions.

Made from lessons/10_convolution.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 10.1 windows   ★   15 minutes
def windows(size, kernel, stride, padding, dilation):
    """The rows of the padded image that each window meets: H' slices. size is H (for columns W)."""
    span = dilation * (kernel - 1) + 1
    starts = range(0, size + 2 * padding - span + 1, stride)
    return [slice(start, start + span, dilation) for start in starts]


# 10.2 conv2d_forward   ★★   35 minutes
def conv2d_forward(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """y[n,o,i,j] = bias[o] + sum over c,u,v of padded[n,c,i*sh+u*dh,j*sw+v*dw] weight[o,c,u,v]

    (N, C, H, W), (O, C/groups, kh, kw), (O,) -> (N, O, H', W')
    """
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(n, 2) for n in (stride, padding, dilation))
    (n, _, h, w), (o, c, kh, kw) = x.shape, weight.shape
    rows, cols = windows(h, kh, sh, ph, dh), windows(w, kw, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y = np.empty((n, o, len(rows), len(cols)), x.dtype)
    for k, i, j in np.ndindex(o, len(rows), len(cols)):
        first = k // (o // groups) * c
        window = padded[:, first : first + c, rows[i], cols[j]]
        y[:, k, i, j] = (window * weight[k]).sum((1, 2, 3))
    return y + bias[:, None, None]


# 10.3 conv2d_backward   ★★★   45 minutes
def conv2d_backward(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H', W')."""
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(n, 2) for n in (stride, padding, dilation))
    (_, _, h, w), (o, c, kh, kw) = x.shape, weight.shape
    rows, cols = windows(h, kh, sh, ph, dh), windows(w, kw, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    gpadded, gweight = np.zeros_like(padded), np.zeros_like(weight)
    for k, i, j in np.ndindex(o, len(rows), len(cols)):
        first = k // (o // groups) * c
        here = (slice(None), slice(first, first + c), rows[i], cols[j])
        g = gy[:, k, i, j, None, None, None]
        gpadded[here] += g * weight[k]
        gweight[k] += (g * padded[here]).sum(0)
    return gpadded[:, :, ph : ph + h, pw : pw + w], gweight, gy.sum((0, 2, 3))
