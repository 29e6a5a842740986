"""Right implementations of convolution and pooling, as learners write them.

Each entry is (name, forward, backward, settings): a backward of None means that forward returns the
rule beside y.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv_loops(x, w, b, stride=1, pad=0):
    n, _, h, width = x.shape
    f, _, kh, kw = w.shape
    oh, ow = (h + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    y = np.zeros((n, f, oh, ow))
    for s in range(n):
        for o in range(f):
            for i in range(oh):
                for j in range(ow):
                    window = xp[s, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                    y[s, o, i, j] = (window * w[o]).sum() + b[o]
    return y


def conv_loops_backward(gy, x, w, b, stride=1, pad=0):
    n, _, h, width = x.shape
    f, _, kh, kw = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    gxp, gw, gb = np.zeros_like(xp), np.zeros_like(w), np.zeros_like(b)
    for s in range(n):
        for o in range(f):
            for i in range(gy.shape[2]):
                for j in range(gy.shape[3]):
                    at = np.s_[s, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                    gw[o] += gy[s, o, i, j] * xp[at]
                    gxp[at] += gy[s, o, i, j] * w[o]
                    gb[o] += gy[s, o, i, j]
    return gxp[:, :, pad : pad + h, pad : pad + width], gw, gb


def conv_matrix(x, weight, bias, stride, padding):
    """im2col with reshape; stride and padding have no defaults."""
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh, ow = (xp.shape[2] - kh) // stride + 1, (xp.shape[3] - kw) // stride + 1
    cols = np.empty((n, c, kh, kw, oh, ow), x.dtype)
    for u in range(kh):
        for v in range(kw):
            rows = slice(u, u + stride * (oh - 1) + 1, stride)
            cols[:, :, u, v] = xp[:, :, rows, v : v + stride * (ow - 1) + 1 : stride]
    cols = cols.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1)
    y = (cols @ weight.reshape(o, -1).T + bias).reshape(n, oh, ow, o).transpose(0, 3, 1, 2)
    return y, (cols, xp.shape, x.shape, weight, stride, padding)


def conv_matrix_backward(gy, cache):
    cols, padded, (n, c, h, w), weight, stride, padding = cache
    o, _, kh, kw = weight.shape
    oh, ow = gy.shape[2:]
    flat = gy.transpose(0, 2, 3, 1).reshape(-1, o)
    gw, gb = (flat.T @ cols).reshape(weight.shape), flat.sum(0)
    back = (flat @ weight.reshape(o, -1)).reshape(n, oh, ow, c, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    gxp = np.zeros(padded, gy.dtype)
    for u in range(kh):
        for v in range(kw):
            rows = slice(u, u + stride * (oh - 1) + 1, stride)
            gxp[:, :, rows, v : v + stride * (ow - 1) + 1 : stride] += back[:, :, u, v]
    return gxp[:, :, padding : padding + h, padding : padding + w], gw, gb


def conv_einsum(x, w, b):
    """No options at all: windows as a view, and the full correlation of gy with turned kernels."""
    kh, kw = w.shape[2:]
    view = sliding_window_view(x, (kh, kw), (2, 3))
    y = np.einsum("ncijuv,ocuv->noij", view, w) + b.reshape(1, -1, 1, 1)

    def rule(gy):
        padded = np.pad(gy, ((0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
        back = sliding_window_view(padded, (kh, kw), (2, 3))
        gx = np.einsum("noijuv,ocuv->ncij", back, w[:, :, ::-1, ::-1])
        return gx, np.einsum("ncijuv,noij->ocuv", view, gy), np.einsum("noij->o", gy)

    return y, rule


def both(value):
    return value if isinstance(value, tuple) else (value, value)


def conv_shifted(x, weight, bias, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Shifted products, with all options, ints or pairs."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    n, c, h, w = x.shape
    o, cg, kh, kw = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    oh = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    ow = (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1

    def taps():
        for u in range(kh):
            for v in range(kw):
                rows = slice(u * dh, u * dh + sh * (oh - 1) + 1, sh)
                yield u, v, rows, slice(v * dw, v * dw + sw * (ow - 1) + 1, sw)

    def parts():
        size = o // groups
        for g in range(groups):
            yield slice(g * size, (g + 1) * size), slice(g * cg, (g + 1) * cg)

    y = np.zeros((n, o, oh, ow)) + bias[None, :, None, None]
    for u, v, rows, cols in taps():
        for outs, ins in parts():
            y[:, outs] += np.einsum("nchw,oc->nohw", xp[:, ins, rows, cols], weight[outs, :, u, v])

    def rule(gy):
        gxp, gw = np.zeros_like(xp), np.zeros_like(weight)
        for u, v, rows, cols in taps():
            for outs, ins in parts():
                gxp[:, ins, rows, cols] += np.einsum(
                    "nohw,oc->nchw", gy[:, outs], weight[outs, :, u, v]
                )
                gw[outs, :, u, v] = np.einsum("nohw,nchw->oc", gy[:, outs], xp[:, ins, rows, cols])
        return [gxp[:, :, ph : ph + h, pw : pw + w], gw, gy.sum(axis=(0, 2, 3))]

    return y, rule


def conv_single(x, w, b, stride=1, padding=0):
    """Single precision throughout."""
    y, cache = conv_matrix(x, w, b, stride, padding)
    return y.astype(np.float32), cache


def conv_single_backward(gy, cache):
    return tuple(g.astype(np.float32) for g in conv_matrix_backward(gy, cache))


def depthwise(x, weight, bias, stride=1, padding=0):
    y, rule = conv_shifted(x, weight, bias, stride, padding, 1, x.shape[1])
    return y, rule


def unfolded(x, kernel_size, stride=1, padding=0):
    """(N, C*kh*kw, L) by loops over windows."""
    kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    n, c, h, w = x.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    starts = [(i, j) for i in range(0, xp.shape[2] - kh + 1, stride)
              for j in range(0, xp.shape[3] - kw + 1, stride)]  # fmt: skip
    cols = np.stack([xp[:, :, i : i + kh, j : j + kw].reshape(n, -1) for i, j in starts], 2)

    def rule(gy):
        gx = np.zeros_like(xp)
        for number, (i, j) in enumerate(starts):
            gx[:, :, i : i + kh, j : j + kw] += gy[:, :, number].reshape(n, c, kh, kw)
        return gx[:, :, padding : padding + h, padding : padding + w]

    return cols, rule


def folded(columns, output_size, kernel_size, stride=1, padding=0):
    """The rule of `unfolded`, and its forward pass as the rule."""
    kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    image = np.zeros((len(columns), columns.shape[1] // (kh * kw), *output_size))
    _, rule = unfolded(image, kernel_size, stride, padding)
    return rule(columns), lambda gy: unfolded(gy, kernel_size, stride, padding)[0]


def max_loops(x, size=2, stride=2):
    n, c, h, w = x.shape
    oh, ow = (h - size) // stride + 1, (w - size) // stride + 1
    y, best = np.empty((n, c, oh, ow)), {}
    for at in np.ndindex(n, c, oh, ow):
        s, ch, i, j = at
        window = x[s, ch, i * stride : i * stride + size, j * stride : j * stride + size]
        u, v = divmod(int(window.argmax()), size)
        y[at], best[at] = window[u, v], (s, ch, i * stride + u, j * stride + v)
    return y, (x.shape, best)


def max_loops_backward(gy, cache):
    shape, best = cache
    gx = np.zeros(shape)
    for at, pixel in best.items():
        gx[pixel] += gy[at]
    return gx


def max_scattered(x, kernel_size, stride, padding=0, last=False):
    """A view, argmax, and np.add.at."""
    (kh, kw), (sh, sw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride))
    widths = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    xp = np.pad(x, widths, constant_values=-np.inf)
    view = sliding_window_view(xp, (kh, kw), (2, 3))[:, :, ::sh, ::sw]
    flat = view.reshape(*view.shape[:4], -1)
    winner = kh * kw - 1 - flat[..., ::-1].argmax(-1) if last else flat.argmax(-1)
    y = np.take_along_axis(flat, winner[..., None], -1)[..., 0]
    s, c, i, j = np.indices(winner.shape)

    def rule(gy):
        gx = np.zeros(xp.shape)
        np.add.at(gx, (s, c, i * sh + winner // kw, j * sw + winner % kw), gy)
        return gx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]

    return y, rule


def max_last(x, kernel_size, stride, padding=0):
    return max_scattered(x, kernel_size, stride, padding, True)


def max_reshaped(x, k):
    """Windows side by side: no stride to give."""
    n, c, h, w = x.shape
    oh, ow = h // k, w // k
    blocks = x[:, :, : oh * k, : ow * k].reshape(n, c, oh, k, ow, k).swapaxes(3, 4)
    flat = blocks.reshape(n, c, oh, ow, k * k)
    return flat.max(-1)


def max_reshaped_backward(gy, x, k):
    n, c, h, w = x.shape
    oh, ow = h // k, w // k
    blocks = x[:, :, : oh * k, : ow * k].reshape(n, c, oh, k, ow, k).swapaxes(3, 4)
    mask = np.eye(k * k)[blocks.reshape(n, c, oh, ow, k * k).argmax(-1)] * gy[..., None]
    gx = np.zeros_like(x)
    back = mask.reshape(n, c, oh, ow, k, k).swapaxes(3, 4).reshape(n, c, oh * k, ow * k)
    gx[:, :, : oh * k, : ow * k] = back
    return gx


def average_repeated(x, kernel_size):
    """mean over a reshape; backward repeats."""
    k = kernel_size
    n, c, h, w = x.shape
    oh, ow = h // k, w // k
    return x[:, :, : oh * k, : ow * k].reshape(n, c, oh, k, ow, k).mean((3, 5))


def average_repeated_backward(gy, x, kernel_size):
    k = kernel_size
    gx = np.zeros_like(x)
    part = gy.repeat(k, 2).repeat(k, 3) / k**2
    gx[:, :, : part.shape[2], : part.shape[3]] = part
    return gx


def average_taps(x, kernel_size, stride):
    k = kernel_size
    oh, ow = (x.shape[2] - k) // stride + 1, (x.shape[3] - k) // stride + 1
    rows = [slice(u, u + stride * (oh - 1) + 1, stride) for u in range(k)]
    cols = [slice(v, v + stride * (ow - 1) + 1, stride) for v in range(k)]
    taps = [np.s_[:, :, a, b] for a in rows for b in cols]
    y = sum(x[tap] for tap in taps) / len(taps)

    def rule(gy):
        gx = np.zeros_like(x)
        for tap in taps:
            gx[tap] += gy / len(taps)
        return gx

    return y, rule


def global_average(x):
    return x.mean(axis=(2, 3), keepdims=True)


def global_average_backward(gy, x):
    return np.ones_like(x) * gy / (x.shape[2] * x.shape[3])


def nearest(x, scale_factor):
    sh, sw = scale_factor if isinstance(scale_factor, tuple) else (scale_factor, scale_factor)
    n, c, h, w = x.shape
    return x.repeat(sh, 2).repeat(sw, 3), lambda gy: gy.reshape(n, c, h, sh, w, sw).sum((3, 5))


SINGLE = {"dtype": "float32"}
ALTERNATIVES = {
    "conv2d": [
        ("loops", conv_loops, conv_loops_backward, {}),
        ("matrix product", conv_matrix, conv_matrix_backward, {}),
        ("einsum, no options", conv_einsum, None, {}),
        ("shifted products, all options", conv_shifted, None, {}),
        ("single precision", conv_single, conv_single_backward, SINGLE),
    ],
    "depthwise_conv2d": [("shifted products", depthwise, None, {})],
    "im2col": [("loops over windows", unfolded, None, {})],
    "col2im": [("adjoint of loops", folded, None, {})],
    "max_pool2d": [
        ("loops", max_loops, max_loops_backward, {}),
        ("np.add.at", max_scattered, None, {}),
        ("last maximum", max_last, None, {"ties": "last"}),
        ("reshape, no stride", max_reshaped, max_reshaped_backward, {}),
    ],
    "avg_pool2d": [
        ("repeat", average_repeated, average_repeated_backward, {}),
        ("taps", average_taps, None, {}),
    ],
    "global_avg_pool2d": [("mean", global_average, global_average_backward, {})],
    "upsample_nearest2d": [("repeat", nearest, None, {})],
}
