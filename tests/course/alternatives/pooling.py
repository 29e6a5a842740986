"""Lesson 13: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def _pair(v):
    return tuple(v) if isinstance(v, tuple | list) else (v, v)


def _unfolded(x, kernel_size, stride, padding, fill):
    """(N, C, H', W', kh, kw), a view of the padded image; and the padded image."""
    (kh, kw), (ph, pw) = _pair(kernel_size), _pair(padding)
    sh, sw = _pair(stride)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), (2, 3))
    return view[:, :, ::sh, ::sw], padded.shape


def forward_by_view(x, kernel_size, stride, padding):
    return _unfolded(x, kernel_size, stride, padding, -np.inf)[0].max((4, 5))


def forward_in_loops(x, kernel_size, stride, padding):
    view = _unfolded(x, kernel_size, stride, padding, -np.inf)[0]
    y = np.full(view.shape[:4], -np.inf, x.dtype)
    for place in np.ndindex(view.shape):
        y[place[:4]] = max(y[place[:4]], view[place])
    return y


def backward_by_add_at(gy, x, kernel_size, stride, padding):
    view, padded = _unfolded(x, kernel_size, stride, padding, -np.inf)
    (kh, kw), (ph, pw) = _pair(kernel_size), _pair(padding)
    sh, sw = _pair(stride)
    n, c, i, j = np.indices(gy.shape)
    u, v = np.divmod(view.reshape(*gy.shape, kh * kw).argmax(-1), kw)
    gx = np.zeros(padded, x.dtype)
    np.add.at(gx, (n, c, i * sh + u, j * sw + v), gy)
    return gx[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]


def backward_in_loops(gy, x, kernel_size, stride, padding):
    (kh, kw), (ph, pw) = _pair(kernel_size), _pair(padding)
    sh, sw = _pair(stride)
    gx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(gy.shape):
        best, winner = -np.inf, None
        for p in range(i * sh - ph, i * sh - ph + kh):
            for q in range(j * sw - pw, j * sw - pw + kw):
                inside = 0 <= p < x.shape[2] and 0 <= q < x.shape[3]
                if inside and x[n, c, p, q] > best:
                    best, winner = x[n, c, p, q], (p, q)
        gx[n, c, winner[0], winner[1]] += gy[n, c, i, j]
    return gx


def average_by_taps(gy, x, kernel_size, stride):
    (kh, kw), (sh, sw) = _pair(kernel_size), _pair(stride)
    gx, (oh, ow) = np.zeros_like(x), gy.shape[2:]
    for u in range(kh):
        for v in range(kw):
            gx[:, :, u : u + oh * sh : sh, v : v + ow * sw : sw][:, :, :oh, :ow] += gy
    return gx / (kh * kw)


ALTERNATIVES = {
    "13.1": [{"max_pool2d_forward": f} for f in (forward_by_view, forward_in_loops)],
    "13.2": [{"max_pool2d_backward": f} for f in (backward_by_add_at, backward_in_loops)],
    "13.3": [{"avg_pool2d_backward": average_by_taps}],
    "13.4": [
        {"global_avg_pool2d_backward": f}
        for f in (
            lambda gy, x: np.broadcast_to(gy, x.shape) / (x.shape[2] * x.shape[3]),
            lambda gy, x: np.tile(gy / x[0, 0].size, (1, 1, *x.shape[2:])),
        )
    ],
}
SURVIVORS = {
    "13.2: flat = window.reshape(*window.shape[:2], -1)  ->  "
    "flat = window.reshape(*window.shape[:2], -2)": "NumPy takes any negative length for -1",
}
