"""11 im2col and GEMM: the solutions.

Made from lessons/11_im2col.py. Write your own first: there is more than one
right answer.
"""

import numpy as np

from minicnn.kernels.reference.conv import out_size


# 11.1 im2col   ★★   30 minutes
def im2col(x, kernel_size, stride=1, padding=0, dilation=1):
    """columns[n,(c,u,v),(i,j)] = padded[n,c,i*sh+u*dh,j*sw+v*dw]

    (N, C, H, W) -> (N, C*kh*kw, H'*W') with H' = out_size(H, kh, sh, (ph, ph), dh)
    """
    options = (kernel_size, stride, padding, dilation)
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(o, 2) for o in options)
    n, c, h, w = x.shape
    oh, ow = out_size(h, kh, sh, (ph, ph), dh), out_size(w, kw, sw, (pw, pw), dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    columns = np.empty((n, c, kh, kw, oh, ow), x.dtype)
    for u, v in np.ndindex(kh, kw):
        rows = slice(u * dh, u * dh + sh * (oh - 1) + 1, sh)
        cols = slice(v * dw, v * dw + sw * (ow - 1) + 1, sw)
        columns[:, :, u, v] = padded[:, :, rows, cols]
    return columns.reshape(n, c * kh * kw, oh * ow)


# 11.2 gemm_forward   ★★   25 minutes
def gemm_forward(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """y[n] = W columns[n] + bias as (N, O, H', W'); bias is (O,), weight (O, C/groups, kh, kw)."""
    columns = im2col(x, weight.shape[2:], stride, padding, dilation)
    (n, k, count), o = columns.shape, len(weight)
    filters = weight.reshape(groups, o // groups, k // groups)
    y = (filters @ columns.reshape(n, groups, k // groups, count)).reshape(n, o, count)
    sh, ph, dh = (np.broadcast_to(a, 2)[0] for a in (stride, padding, dilation))
    height = out_size(x.shape[2], weight.shape[2], sh, (ph, ph), dh)
    return (y + bias[:, None]).reshape(n, o, height, count // height)


# 11.3 col2im   ★★   25 minutes
def col2im(columns, output_size, kernel_size, stride=1, padding=0, dilation=1):
    """The adjoint of im2col: each pixel is the sum of the entries that were copied from it.

    (N, C*kh*kw, H'*W') -> (N, C, H, W); output_size is (H, W), without padding.
    """
    options = (output_size, kernel_size, stride, padding, dilation)
    (h, w), (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(o, 2) for o in options)
    oh, ow = out_size(h, kh, sh, (ph, ph), dh), out_size(w, kw, sw, (pw, pw), dw)
    n, c = len(columns), columns.shape[1] // (kh * kw)
    parts = columns.reshape(n, c, kh, kw, oh, ow)
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), columns.dtype)
    for u, v in np.ndindex(kh, kw):
        rows = slice(u * dh, u * dh + sh * (oh - 1) + 1, sh)
        cols = slice(v * dw, v * dw + sw * (ow - 1) + 1, sw)
        padded[:, :, rows, cols] += parts[:, :, u, v]
    return padded[:, :, ph : ph + h, pw : pw + w]


# 11.4 gemm_backward   ★★★   40 minutes
def gemm_backward(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H', W')."""
    how = (weight.shape[2:], stride, padding, dilation)
    columns = im2col(x, *how)
    n, k, count = columns.shape
    columns = columns.reshape(n, groups, k // groups, count)
    g = gy.reshape(n, groups, len(weight) // groups, count)
    filters = weight.reshape(groups, len(weight) // groups, k // groups)
    gcolumns = (filters.swapaxes(1, 2) @ g).reshape(n, k, count)
    gweight = (g @ columns.swapaxes(2, 3)).sum(0).reshape(weight.shape)
    return col2im(gcolumns, x.shape[2:], *how), gweight, gy.sum((0, 2, 3))
