"""The kernels whose windows slide over images, as plain loops, and random arguments for them.

The loops know one thing, `meetings`: which window meets which pixel with which filter entry.
"""

import numpy as np


def windows(size, kernel, stride, rim, dilation):
    """How many windows fit, by trying one after the other."""
    count = 0
    while count * stride + dilation * (kernel - 1) < size + sum(rim):
        count += 1
    return count


def meetings(x_shape, kernel, stride, padding, dilation=(1, 1)):
    """All (i, j, u, v, p, q): entry (u, v) of window (i, j) lies on pixel (p, q) of the image."""
    size, first = x_shape[2:], [rim[0] for rim in padding]
    counts = [windows(size[a], kernel[a], stride[a], padding[a], dilation[a]) for a in (0, 1)]
    for i, j, u, v in np.ndindex(*counts, *kernel):
        p, q = (
            i * stride[0] + u * dilation[0] - first[0],
            j * stride[1] + v * dilation[1] - first[1],
        )
        if 0 <= p < size[0] and 0 <= q < size[1]:
            yield i, j, u, v, p, q


def out_shape(x_shape, kernel, stride, padding, dilation=(1, 1)):
    return tuple(
        windows(x_shape[2 + a], kernel[a], stride[a], padding[a], dilation[a]) for a in (0, 1)
    )


def im2col(x, kernel, *how):
    columns = np.zeros((len(x), *out_shape(x.shape, kernel, *how), *kernel, x.shape[1]), x.dtype)
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        columns[:, i, j, u, v] = x[:, :, p, q]
    return columns


def col2im(columns, x_shape, *how):
    x = np.zeros(x_shape)
    for i, j, u, v, p, q in meetings(x_shape, columns.shape[3:5], *how):
        x[:, :, p, q] += columns[:, i, j, u, v]
    return x


def conv2d(x, weight, bias, *how):
    *how, groups = how
    y = np.zeros((len(x), len(weight), *out_shape(x.shape, weight.shape[2:], *how)))
    for i, j, u, v, p, q in meetings(x.shape, weight.shape[2:], *how):
        for f, channels in enumerate(inputs(weight, groups)):
            y[:, f, i, j] += x[:, channels, p, q] @ weight[f, :, u, v]
    return y + bias[:, None, None]


def inputs(weight, groups):
    """The channels that each filter sees."""
    o, c = weight.shape[:2]
    return [slice(g * c, (g + 1) * c) for g in range(groups) for _ in range(o // groups)]


def conv2d_input_grad(gy, weight, x_shape, *how):
    *how, groups = how
    gx = np.zeros(x_shape)
    for i, j, u, v, p, q in meetings(x_shape, weight.shape[2:], *how):
        for f, channels in enumerate(inputs(weight, groups)):
            gx[:, channels, p, q] += gy[:, f, i, j, None] * weight[f, :, u, v]
    return gx


def conv2d_weight_grad(gy, x, weight_shape, *how):
    *how, groups = how
    gw = np.zeros(weight_shape)
    for i, j, u, v, p, q in meetings(x.shape, weight_shape[2:], *how):
        for f, channels in enumerate(inputs(gw, groups)):
            gw[f, :, u, v] += gy[:, f, i, j] @ x[:, channels, p, q]
    return gw


def depthwise_conv2d(x, weight, *how):
    (o, _, *kernel), m = weight.shape, weight.shape[0] // x.shape[1]
    y = np.zeros((len(x), o, *out_shape(x.shape, kernel, *how)))
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        for f in range(o):
            y[:, f, i, j] += x[:, f // m, p, q] * weight[f, 0, u, v]
    return y


def depthwise_conv2d_input_grad(gy, weight, x_shape, *how):
    (o, _, *kernel), m = weight.shape, weight.shape[0] // x_shape[1]
    gx = np.zeros(x_shape)
    for i, j, u, v, p, q in meetings(x_shape, kernel, *how):
        for f in range(o):
            gx[:, f // m, p, q] += gy[:, f, i, j] * weight[f, 0, u, v]
    return gx


def depthwise_conv2d_weight_grad(gy, x, weight_shape, *how):
    (o, _, *kernel), m = weight_shape, weight_shape[0] // x.shape[1]
    gw = np.zeros(weight_shape)
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        for f in range(o):
            gw[f, 0, u, v] += gy[:, f, i, j] @ x[:, f // m, p, q]
    return gw


def max_pool2d(x, kernel, *how):
    y = np.full((*x.shape[:2], *out_shape(x.shape, kernel, *how)), -np.inf, x.dtype)
    winner = np.full(y.shape, -1)
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        for b, c in np.ndindex(*x.shape[:2]):
            value = x[b, c, p, q]
            if winner[b, c, i, j] < 0 or value > y[b, c, i, j] or np.isnan(value):
                y[b, c, i, j], winner[b, c, i, j] = value, u * kernel[1] + v
    return y, winner


def put_pixels(gy, winner, x_shape, kernel, *how):
    gx = np.zeros(x_shape)
    for i, j, u, v, p, q in meetings(x_shape, kernel, *how):
        gx[:, :, p, q] += np.where(winner[:, :, i, j] == u * kernel[1] + v, gy[:, :, i, j], 0)
    return gx


def sum_pool2d(x, kernel, *how):
    y = np.zeros((*x.shape[:2], *out_shape(x.shape, kernel, *how)))
    for i, j, _, _, p, q in meetings(x.shape, kernel, *how):
        y[:, :, i, j] += x[:, :, p, q]
    return y


def sum_pool2d_input_grad(gy, x_shape, kernel, *how):
    gx = np.zeros(x_shape)
    for i, j, _, _, p, q in meetings(x_shape, kernel, *how):
        gx[:, :, p, q] += gy[:, :, i, j]
    return gx


def normalize(x, weight, bias, axes, eps):
    x = x.astype(complex if np.iscomplexobj(x) else np.float64)
    mean = x.sum(axes, keepdims=True) / (x.size / x.shape[1])
    var = ((x - mean) ** 2).sum(axes, keepdims=True) / (x.size / x.shape[1])
    y = (x - mean) / np.sqrt(var + eps) * (1 if weight is None else weight)
    return y + (0 if bias is None else bias), mean, var


def normalize_grad(gy, x, weight, mean, var, axes, eps, bias=None):
    """The derivatives of sum(gy y) by x, weight, bias, by imaginary steps, which cancel nothing."""

    def by_steps(value, y_of):
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            step = np.zeros(value.shape, complex)
            step[index] = 1e-30j
            gradient[index] = (gy * y_of(value + step)).sum().imag / 1e-30
        return gradient

    gx = by_steps(x, lambda x: normalize(x, weight, None, axes, eps)[0])
    gw = gb = None
    if weight is not None:
        gw = by_steps(weight, lambda weight: normalize(x, weight, None, axes, eps)[0])
    if bias is not None:
        gb = by_steps(bias, lambda bias: normalize(x, weight, bias, axes, eps)[0])
    return gx, gw, gb, None


# Random arguments


def normal(rng, shape):
    return rng.standard_normal(shape)


def extreme(rng, shape):
    """Small whole numbers (so, ties) with some infinities and NaN."""
    return rng.choice(
        [-1, 0, 1, 2, np.inf, -np.inf, np.nan], shape, p=[0.24] * 4 + [0.02, 0.01, 0.01]
    )


def geometry(rng, x_shape):
    """Kernel, stride, padding, dilation, such that every window has a pixel."""
    while True:
        kernel, stride, dilation = (tuple(map(int, rng.integers(1, k, 2))) for k in (5, 4, 3))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (2, 2)))
        oh, ow = out_shape(x_shape, kernel, stride, padding, dilation)
        met = {meeting[:2] for meeting in meetings(x_shape, kernel, stride, padding, dilation)}
        if len(met) == oh * ow > 0:
            return kernel, stride, padding, dilation


def draw(rng, n=None, numbers=normal, channels=(1, 6)):
    """Arguments of each kernel above for one random geometry, by name (float64)."""
    n = int(rng.integers(1, 4)) if n is None else n
    c, m, h, w = map(int, (rng.integers(*channels), rng.integers(1, 3), *rng.integers(1, 9, 2)))
    x_shape = (n, c, h, w)
    kernel, *how = geometry(rng, x_shape)
    oh, ow = out_shape(x_shape, kernel, *how)
    x, weight = numbers(rng, x_shape), numbers(rng, (c * m, 1, *kernel))
    gy, per_channel = numbers(rng, (n, c * m, oh, ow)), rng.standard_normal((2, c, 1, 1))
    axes, mean, var = (0, 2, 3), numbers(rng, (1, c, 1, 1)), rng.random((1, c, 1, 1))
    if numbers is normal and n:
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return {
        "im2col": (x, kernel, *how),
        "col2im": (numbers(rng, (n, oh, ow, *kernel, c)), x_shape, *how),
        "depthwise_conv2d": (x, weight, *how),
        "depthwise_conv2d_input_grad": (gy, weight, x_shape, *how),
        "depthwise_conv2d_weight_grad": (gy, x, weight.shape, *how),
        "normalize": (x, *per_channel, axes, 0.01),
        "normalize_grad": (
            numbers(rng, x_shape),
            x,
            per_channel[0],
            mean,
            var,
            axes,
            0.01,
            per_channel[1],
        ),
        **draw_pools(rng, x, gy, kernel, how, numbers),
        **draw_conv2d(rng, x, gy, kernel, how, numbers),
    }


def draw_pools(rng, x, gy, kernel, how, numbers):
    c, sums = x.shape[1], (*x.shape[:2], *out_shape(x.shape, kernel, *how[:2]))
    return {
        "max_pool2d": (x, kernel, *how),
        "put_pixels": (gy[:, :c], max_pool2d(x, kernel, *how)[1], x.shape, kernel, *how),
        "sum_pool2d": (x, kernel, *how[:2]),
        "sum_pool2d_input_grad": (numbers(rng, sums), x.shape, kernel, *how[:2]),
    }


def draw_conv2d(rng, x, gy, kernel, how, numbers):
    c, o = x.shape[1], gy.shape[1]
    groups = int(rng.choice([g for g in range(1, c + 1) if c % g == 0]))
    weight, bias = numbers(rng, (o, c // groups, *kernel)), rng.standard_normal(o)
    return {
        "conv2d": (x, weight, bias, *how, groups),
        "conv2d_input_grad": (gy, weight, x.shape, *how, groups),
        "conv2d_weight_grad": (gy, x, weight.shape, *how, groups),
    }
