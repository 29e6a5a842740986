"""10 Convolution with loops: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 10.1`. The text is in lessons/10_convolution/README.md.
"""

import numpy as np


# 10.1 windows   ★   15 minutes
def windows(size, kernel, stride, padding, dilation):
    """The rows of the padded image that each window meets: H' slices. size is H (for columns W)."""
    raise NotImplementedError("10.1 windows: your turn")


# 10.2 conv2d_forward   ★★   35 minutes
def conv2d_forward(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """y[n,o,i,j] = bias[o] + sum over c,u,v of padded[n,c,i*sh+u*dh,j*sw+v*dw] weight[o,c,u,v]

    (N, C, H, W), (O, C/groups, kh, kw), (O,) -> (N, O, H', W')
    """
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(n, 2) for n in (stride, padding, dilation))
    raise NotImplementedError("10.2 conv2d_forward: your turn")


# 10.3 conv2d_backward   ★★★   45 minutes
def conv2d_backward(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H', W')."""
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(n, 2) for n in (stride, padding, dilation))
    raise NotImplementedError("10.3 conv2d_backward: your turn")
