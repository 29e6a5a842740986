"""Windows, convolutions and pools as loops over single output pixels: slow and plain."""

import numpy as np


def pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


def borders(padding, kernel, stride, dilation):
    """((top, bottom), (left, right)) from all the ways of writing padding."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(pair(dilation), kernel, strict=True)]
        return tuple((t // 2, t - t // 2) for t in total)
    return tuple(p if isinstance(p, tuple) else (p, p) for p in pair(padding))


def surround(x, rim, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), *rim), constant_values=value)


def count(size, kernel, stride, rim, dilation=1):
    """Windows that fit, by trying one after the other."""
    start, windows = 0, 0
    while start + dilation * (kernel - 1) < size + sum(rim):
        start, windows = start + stride, windows + 1
    return windows


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    (n, _, h, w), (o, cg, kh, kw) = x.shape, weight.shape
    (sh, sw), (dh, dw) = pair(stride), pair(dilation)
    rim = borders(padding, (kh, kw), stride, dilation)
    padded = surround(x, rim)
    oh, ow = count(h, kh, sh, rim[0], dh), count(w, kw, sw, rim[1], dw)
    y = np.zeros((n, o, oh, ow))
    for b, f, i, j in np.ndindex(y.shape):
        first = f // (o // groups) * cg
        for k, u, v in np.ndindex(cg, kh, kw):
            pixel = padded[b, first + k, i * sh + u * dh, j * sw + v * dw]
            y[b, f, i, j] += pixel * weight[f, k, u, v]
        y[b, f, i, j] += 0 if bias is None else bias[f]
    return y


def conv_transpose2d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Every input pixel stamps its multiple of the filter on the output."""
    (n, c, h, w), (_, og, kh, kw) = x.shape, weight.shape
    (sh, sw), (dh, dw), (ph, pw) = pair(stride), pair(dilation), pair(padding)
    eh, ew = pair(output_padding)
    y = np.zeros((n, og * groups, (h - 1) * sh + dh * (kh - 1) + 1 + eh,
                  (w - 1) * sw + dw * (kw - 1) + 1 + ew))  # fmt: skip
    for b, k, i, j in np.ndindex(x.shape):
        first = k // (c // groups) * og
        for f, u, v in np.ndindex(og, kh, kw):
            y[b, first + f, i * sh + u * dh, j * sw + v * dw] += x[b, k, i, j] * weight[k, f, u, v]
    y = y[:, :, ph : y.shape[2] - ph, pw : y.shape[3] - pw]
    return y if bias is None else y + bias[:, None, None]


def depthwise_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    """Channel by channel, each with its own filters."""
    c, m = x.shape[1], weight.shape[0] // x.shape[1]
    parts = [
        conv2d(x[:, k : k + 1], weight[k * m : (k + 1) * m], None, stride, padding, dilation)
        for k in range(c)
    ]
    y = np.concatenate(parts, 1)
    return y if bias is None else y + bias[:, None, None]


def windows(x, kernel_size, stride, padding, ceil_mode, dilation=1):
    """Yields (i, j, values inside x, number of cells inside x and its padding) per window."""
    (h, w), (kh, kw) = x.shape[2:], pair(kernel_size)
    (sh, sw), (dh, dw) = pair(kernel_size if stride is None else stride), pair(dilation)
    (top, bottom), (left, right) = borders(padding, (kh, kw), None, dilation)
    rows, padded_rows = _places(h, kh, sh, dh, top, bottom, ceil_mode)
    cols, padded_cols = _places(w, kw, sw, dw, left, right, ceil_mode)
    for i, ps in enumerate(rows):
        for j, qs in enumerate(cols):
            yield i, j, x[:, :, ps][:, :, :, qs], padded_rows[i] * padded_cols[j]


def _places(size, kernel, stride, dilation, before, after, ceil_mode):
    """Per window: its places inside the image, and how many lie in image or padding.

    With ceil_mode a window may run over the end, if it starts in the image or the padding before.
    """
    reach, starts, p = dilation * (kernel - 1), [], -before
    while p + reach < size + after:
        starts.append(p)
        p += stride
    if ceil_mode and p < size and starts[-1] + reach + 1 < size + after:
        starts.append(p)
    places = [[p + k * dilation for k in range(kernel)] for p in starts]
    inside = [[q for q in ps if 0 <= q < size] for ps in places]
    return inside, [sum(q < size + after for q in ps) for ps in places]


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    y = {(i, j): v.max((2, 3)) for i, j, v, _ in
         windows(x, kernel_size, stride, padding, ceil_mode, dilation)}  # fmt: skip
    return _assemble(x, y)


def avg_pool2d(
    x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    y = {}
    for i, j, v, cells in windows(x, kernel_size, stride, padding, ceil_mode):
        n = divisor_override or (cells if count_include_pad else v.shape[2] * v.shape[3])
        y[i, j] = v.sum((2, 3)) / n
    return _assemble(x, y)


def adaptive_pool2d(x, output_size, reduce):
    """Window i covers floor(i*H/OH) ... ceil((i+1)*H/OH)."""
    (h, w), (oh, ow) = x.shape[2:], pair(output_size)
    oh, ow = oh or h, ow or w
    y = {}
    for i, j in np.ndindex(oh, ow):
        rows = slice(int(np.floor(i * h / oh)), int(np.ceil((i + 1) * h / oh)))
        cols = slice(int(np.floor(j * w / ow)), int(np.ceil((j + 1) * w / ow)))
        y[i, j] = reduce(x[:, :, rows, cols], (2, 3))
    return _assemble(x, y)


def _assemble(x, pixels):
    oh, ow = (max((k[a] for k in pixels), default=-1) + 1 for a in (0, 1))
    y = np.zeros((*x.shape[:2], oh, ow))
    for (i, j), value in pixels.items():
        y[:, :, i, j] = value
    return y


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Channel c sees the channels c - size//2 ... c + (size-1)//2."""
    y, channels = np.zeros_like(x), x.shape[1]
    for c in range(channels):
        near = range(max(0, c - size // 2), min(channels, c + (size - 1) // 2 + 1))
        total = sum(x[:, m] ** 2 for m in near)
        y[:, c] = x[:, c] / (k + alpha / size * total) ** beta
    return y
