"""Lesson 17: other right answers, and changes of the solutions that make no difference."""

import numpy as np

from minicnn import nn


def pointwise_backward_by_pixel(gy, x, weight, bias):
    gx, gweight, gbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
    for n, i, j in np.ndindex(x.shape[0], *x.shape[2:]):
        g = gy[n, :, i, j]
        gx[n, :, i, j] = g @ weight
        gweight += np.outer(g, x[n, :, i, j])
        gbias += g
    return gx, gweight, gbias


def pointwise_backward_as_rows(gy, x, weight, bias):
    g, rows = (np.moveaxis(a, 1, -1) for a in (gy, x))
    gweight = np.tensordot(g, rows, ((0, 1, 2), (0, 1, 2)))
    return np.moveaxis(g @ weight, -1, 1), gweight, g.reshape(-1, len(bias)).sum(0)


def concat_backward_by_slices(gy, a, b, axis):
    axis %= gy.ndim
    n = a.shape[axis]
    before = (slice(None),) * axis
    return gy[(*before, slice(0, n))].copy(), gy[(*before, slice(n, None))].copy()


def concat_backward_by_moving(gy, a, b, axis):
    first = np.moveaxis(gy, axis, 0)
    n = a.shape[axis]
    return [np.moveaxis(piece, 0, axis) for piece in (first[:n], first[n:])]


def branches_by_split(gy, x, branches):
    widths = [forward(x).shape[1] for forward, _ in branches]
    pieces = np.split(gy, np.cumsum(widths)[:-1], axis=1)
    return sum(backward(piece, x) for (_, backward), piece in zip(branches, pieces, strict=True))


def inception_flat(c, n1, reduce3, n3, reduce5, n5, pool, large=5):
    """All layers of a branch in one nn.Sequential; the branches in a tuple."""

    def layers(channels, filters, kernel):
        conv = nn.Conv2d(channels, filters, kernel, padding=(kernel - 1) // 2, bias=False)
        return [conv, nn.BatchNorm2d(filters, eps=0.001), nn.ReLU()]

    return (
        nn.Sequential(*layers(c, n1, 1)),
        nn.Sequential(*layers(c, reduce3, 1), *layers(reduce3, n3, 3)),
        nn.Sequential(*layers(c, reduce5, 1), *layers(reduce5, n5, large)),
        nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), *layers(c, pool, 1)),
    )


ALTERNATIVES = {
    "17.1": [
        {"pointwise_backward": f}
        for f in (pointwise_backward_by_pixel, pointwise_backward_as_rows)
    ],
    "17.2": [{"concat_backward": concat_backward_by_slices},
             {"concat_backward": concat_backward_by_moving}],
    "17.3": [{"branches_backward": branches_by_split}],
    "17.4": [{"inception": inception_flat}],
}  # fmt: skip
SURVIVORS: dict[str, str] = {}
