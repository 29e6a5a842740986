"""Lesson 11: other right answers, and changes of the solutions that make no difference."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def pairs(*options):
    return [tuple(o) if np.ndim(o) else (o, o) for o in options]


def numbered(c, size, kernel_size, stride, padding, dilation):
    """(C*kh*kw, H'*W'): the number of the pixel (in the padded image) that each entry copies."""
    (h, w), kernel, (sh, sw), (ph, pw), (dh, dw) = pairs(
        size, kernel_size, stride, padding, dilation
    )
    numbers = np.arange(c * (h + 2 * ph) * (w + 2 * pw)).reshape(c, h + 2 * ph, w + 2 * pw)
    span = [d * (k - 1) + 1 for d, k in zip((dh, dw), kernel, strict=True)]
    windows = sliding_window_view(numbers, span, (1, 2))[:, ::sh, ::sw, ::dh, ::dw]
    entries = c * kernel[0] * kernel[1]
    return windows.transpose(0, 3, 4, 1, 2).reshape(entries, -1), windows.shape[1:3]


def im2col_by_numbers(x, kernel_size, stride=1, padding=0, dilation=1):
    ((ph, pw),) = pairs(padding)
    numbers, _ = numbered(x.shape[1], x.shape[2:], kernel_size, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    return padded.reshape(len(x), -1)[:, numbers]


def im2col_by_windows(x, kernel_size, stride=1, padding=0, dilation=1):
    kernel, (sh, sw), (ph, pw), (dh, dw) = pairs(kernel_size, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    tall, wide = dh * (kernel[0] - 1) + 1, dw * (kernel[1] - 1) + 1
    columns = []
    for i in range(0, padded.shape[2] - tall + 1, sh):
        for j in range(0, padded.shape[3] - wide + 1, sw):
            columns.append(padded[:, :, i : i + tall : dh, j : j + wide : dw].reshape(len(x), -1))
    return np.stack(columns, axis=2)


def col2im_by_numbers(columns, output_size, kernel_size, stride=1, padding=0, dilation=1):
    (h, w), kernel, (ph, pw) = pairs(output_size, kernel_size, padding)
    c = columns.shape[1] // (kernel[0] * kernel[1])
    numbers, _ = numbered(c, (h, w), kernel, stride, padding, dilation)
    padded = np.zeros((len(columns), c * (h + 2 * ph) * (w + 2 * pw)), columns.dtype)
    np.add.at(padded, (slice(None), numbers), columns)
    padded = padded.reshape(len(columns), c, h + 2 * ph, w + 2 * pw)
    return padded[:, :, ph : ph + h, pw : pw + w]


def gemm_forward_by_groups(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """One matrix for the whole batch, (O, K) times (K, N*L), and a loop over groups."""
    columns = im2col_by_windows(x, weight.shape[2:], stride, padding, dilation)
    _, shape = numbered(1, x.shape[2:], weight.shape[2:], stride, padding, dilation)
    parts = []
    for filters, own in zip(
        np.split(weight, groups), np.split(columns, groups, axis=1), strict=True
    ):
        wide = own.transpose(1, 0, 2).reshape(own.shape[1], -1)
        y = filters.reshape(len(filters), -1) @ wide
        parts.append(y.reshape(len(filters), len(x), *shape).transpose(1, 0, 2, 3))
    return np.concatenate(parts, axis=1) + bias[:, None, None]


def gemm_backward_by_groups(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    how = (weight.shape[2:], stride, padding, dilation)
    columns = im2col_by_numbers(x, *how)
    g = gy.reshape(len(gy), len(weight), -1)
    gcolumns, gweight = [], []
    for filters, own, mine in zip(
        np.split(weight, groups), np.split(columns, groups, 1), np.split(g, groups, 1), strict=True
    ):
        flat = filters.reshape(len(filters), -1)
        gcolumns.append(np.einsum("ok,nol->nkl", flat, mine))
        gweight.append(np.einsum("nol,nkl->ok", mine, own).reshape(filters.shape))
    gx = col2im_by_numbers(np.concatenate(gcolumns, 1), x.shape[2:], *how)
    return gx, np.concatenate(gweight), np.einsum("nol->o", g)


ALTERNATIVES = {
    "11.1": [{"im2col": f} for f in (im2col_by_numbers, im2col_by_windows)],
    "11.2": [{"gemm_forward": gemm_forward_by_groups}],
    "11.3": [{"col2im": col2im_by_numbers}],
    "11.4": [{"gemm_backward": gemm_backward_by_groups}],
}
ROOM = "padded = np.zeros((n, c, {}, {}), columns.dtype)"
TALL, WIDE = "h + 2 * ph", "w + 2 * pw"
PRODUCTS = (
    ("gcolumns = (filters.swapaxes({}) @ g).reshape(n, k, count)", "1, 2", "2, 1"),
    ("gweight = (g @ columns.swapaxes({})).sum(0).reshape(weight.shape)", "2, 3", "3, 2"),
)
SURVIVORS = {
    f"11.3: {ROOM.format(TALL, WIDE)}  ->  {ROOM.format(*sides)}": "more room, which is cut off"
    for sides in (
        ("h + 3 * ph", WIDE), ("h + (2 + ph)", WIDE), (TALL, "w + 3 * pw"), (TALL, "w + (2 + pw)"),
    )
} | {
    f"11.4: {line.format(one)}  ->  {line.format(other)}": "an exchange has no order"
    for line, one, other in PRODUCTS
}  # fmt: skip
