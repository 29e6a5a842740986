"""11 im2col and GEMM: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 11.1`. The text is in lessons/11_im2col/README.md.
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
    raise NotImplementedError("11.1 im2col: your turn")


# 11.2 gemm_forward   ★★   25 minutes
def gemm_forward(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """y[n] = W columns[n] + bias as (N, O, H', W'); bias is (O,), weight (O, C/groups, kh, kw)."""
    raise NotImplementedError("11.2 gemm_forward: your turn")


# 11.3 col2im   ★★   25 minutes
def col2im(columns, output_size, kernel_size, stride=1, padding=0, dilation=1):
    """The adjoint of im2col: each pixel is the sum of the entries that were copied from it.

    (N, C*kh*kw, H'*W') -> (N, C, H, W); output_size is (H, W), without padding.
    """
    options = (output_size, kernel_size, stride, padding, dilation)
    (h, w), (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(o, 2) for o in options)
    raise NotImplementedError("11.3 col2im: your turn")


# 11.4 gemm_backward   ★★★   40 minutes
def gemm_backward(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H', W')."""
    raise NotImplementedError("11.4 gemm_backward: your turn")
