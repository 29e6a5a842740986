"""Rules with two bugs each, as learners write them; their names say which. See `double_bugs`."""

import numpy as np

# The right forward passes


def linear(x, weight, bias):
    return x @ weight.T + bias


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


def mse(x, target):
    return ((x - target) ** 2).mean()


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def cross_entropy(x, labels):
    z = x - x.max(1, keepdims=True)
    return (np.log(np.exp(z).sum(1)) - z[np.arange(len(x)), labels]).mean()


def divide(a, b):
    return a / b


def layer_norm(x, weight, bias, eps=1e-5):
    return weight * _normal(x, eps)[0] + bias


def batch_norm(x, weight, bias, eps=1e-5):
    c = (1, -1, 1, 1)
    return weight.reshape(c) * _channels(x, eps)[0] + bias.reshape(c)


def _normal(x, eps, axes=(-1,)):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps), 1 / np.sqrt(var + eps)


def _channels(x, eps):
    return _normal(x, eps, (0, 2, 3))


def _on_labels(x, labels):
    one_hot = np.zeros_like(x)
    one_hot[np.arange(len(x)), labels] = 1
    return one_hot


# The wrong rules. (Their names say what is wrong.)


def weight_over_n_and_negative(gy, x, weight, bias):
    return gy @ weight, -gy.T @ x / len(x), gy.sum(0)


def weight_absolute_and_twice(gy, x, weight, bias):
    return gy @ weight, 2 * gy.T @ np.abs(x), gy.sum(0)


def bias_over_n_and_negative(gy, x, weight, bias):
    return gy @ weight, gy.T @ x, -gy.mean(0)


def bias_of_ones_and_negative(gy, x, weight, bias):
    return gy @ weight, gy.T @ x, np.full(len(bias), -float(len(x)))


def first_sample_twice(gy, x, weight, bias):
    return gy @ weight, 2 * np.outer(gy[0], x[0]), gy.sum(0)


def linear_no_bias_no_transpose(x, weight, bias):
    return x @ (weight if weight.shape[0] == weight.shape[1] else weight.T)


def sigmoid_negative_and_complement_lost(gy, x):
    return -gy * sigmoid(x)


def sigmoid_twice_and_no_upstream(gy, x):
    s = sigmoid(x)
    return 2 * s * (1 - s) * np.ones_like(gy)


def tanh_no_square_and_negative(gy, x):
    return -gy * (1 - np.tanh(x))


def relu_mask_lost_and_negative(gy, x):
    return -gy


def relu_values_and_twice(gy, x):
    return 2 * gy * np.maximum(x, 0)


def mse_no_two_and_negative(gy, x, target):
    return -gy * (x - target) / x.size


def mse_no_two_no_size(gy, x, target):
    return gy * (x - target)


def mse_negative_and_no_upstream(gy, x, target):
    return 2 * (target - x) / x.size


def softmax_no_sum_and_negative(gy, x, axis=-1):
    return -gy * softmax(x, axis)


def softmax_plus_and_half(gy, x, axis=-1):
    p = softmax(x, axis)
    return p * (gy + (gy * p).sum(axis, keepdims=True)) / 2


def entropy_no_one_hot_no_n(gy, x, labels):
    return gy * softmax(x, 1)


def entropy_added_and_negative(gy, x, labels):
    return -gy * (softmax(x, 1) + _on_labels(x, labels)) / len(x)


def entropy_no_one_hot_and_negative(gy, x, labels):
    return -gy * softmax(x, 1) / len(x)


def entropy_no_n_and_no_upstream(gy, x, labels):
    return softmax(x, 1) - _on_labels(x, labels)


def div_positive_and_no_square(gy, a, b):
    return gy / b, gy * a / b


def norm_no_variance_path_no_weight(gy, x, weight, bias, eps=1e-5):
    h, inverse = _normal(x, eps)
    gx = (gy - gy.mean(-1, keepdims=True)) * inverse
    lead = tuple(range(x.ndim - 1))
    return gx, (gy * h).sum(lead), gy.sum(lead)


def norm_no_mean_path_plus_variance(gy, x, weight, bias, eps=1e-5):
    h, inverse = _normal(x, eps)
    g = gy * weight
    gx = (g + h * (g * h).mean(-1, keepdims=True)) * inverse
    lead = tuple(range(x.ndim - 1))
    return gx, (gy * h).sum(lead), gy.sum(lead)


def batch_norm_no_mean_path_no_inverse(gy, x, weight, bias, eps=1e-5):
    h, _ = _channels(x, eps)
    g = gy * weight.reshape(1, -1, 1, 1)
    gx = g - h * (g * h).mean((0, 2, 3), keepdims=True)
    return gx, (gy * h).sum((0, 2, 3)), gy.sum((0, 2, 3))


def batch_norm_no_paths_no_weight(gy, x, weight, bias, eps=1e-5):
    h, inverse = _channels(x, eps)
    return gy * inverse, (gy * h).sum((0, 2, 3)), gy.sum((0, 2, 3))


def batch_norm_weight_averaged_and_negative(gy, x, weight, bias, eps=1e-5):
    h, inverse = _channels(x, eps)
    g = gy * weight.reshape(1, -1, 1, 1)
    means = g.mean((0, 2, 3), keepdims=True), (g * h).mean((0, 2, 3), keepdims=True)
    gx = (g - means[0] - h * means[1]) * inverse
    return gx, -(gy * h).mean((0, 2, 3)), gy.sum((0, 2, 3))


def _padded(x, padding):
    return np.pad(x, [(0, 0), (0, 0), *_pairs(padding)])


def _pairs(size):
    return [tuple(s) if np.ndim(s) else (s, s) for s in (size if np.ndim(size) else (size, size))]


def conv2d(x, weight, bias, stride=1, padding=0, dilation=1):
    (sh, sw), (dh, dw) = (np.broadcast_to(s, 2) for s in (stride, dilation))
    x, (kh, kw) = _padded(x, padding), weight.shape[2:]
    groups = x.shape[1] // weight.shape[1]
    h = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    w = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((len(x), len(weight), h, w)) + bias[:, None, None]
    for o in range(len(weight)):
        for c in range(weight.shape[1]):
            channel = o * groups // len(weight) * weight.shape[1] + c
            for u in range(kh):
                for v in range(kw):
                    window = x[:, channel, u * dh :, v * dw :][:, : h * sh : sh, : w * sw : sw]
                    y[:, o] += window[:, :h, :w] * weight[o, c, u, v]
    return y


def _conv_weight(gy, x, weight, stride, padding, dilation):
    (sh, sw), (dh, dw) = (np.broadcast_to(s, 2) for s in (stride, dilation))
    x, gw, (h, w) = _padded(x, padding), np.zeros_like(weight), gy.shape[2:]
    groups = x.shape[1] // weight.shape[1]
    for o, c, u, v in np.ndindex(*weight.shape):
        channel = o * groups // len(weight) * weight.shape[1] + c
        window = x[:, channel, u * dh :, v * dw :][:, : h * sh : sh, : w * sw : sw][:, :h, :w]
        gw[o, c, u, v] = (gy[:, o] * window).sum()
    return gw


def _conv_x(gy, x, weight, stride, padding, dilation):
    (sh, sw), (dh, dw) = (np.broadcast_to(s, 2) for s in (stride, dilation))
    gx, (h, w) = np.zeros_like(_padded(x, padding)), gy.shape[2:]
    groups = x.shape[1] // weight.shape[1]
    for o, c, u, v in np.ndindex(*weight.shape):
        channel = o * groups // len(weight) * weight.shape[1] + c
        for i, j in np.ndindex(h, w):
            gx[:, channel, i * sh + u * dh, j * sw + v * dw] += gy[:, o, i, j] * weight[o, c, u, v]
    (top, _), (left, _) = _pairs(padding)
    return gx[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def conv_weight_over_n_and_negative(gy, x, weight, bias, stride=1, padding=0, dilation=1):
    how = stride, padding, dilation
    gweight = _conv_weight(gy, x, weight, *how)
    return _conv_x(gy, x, weight, *how), -gweight / len(x), gy.sum((0, 2, 3))


def conv_x_flipped_and_over_n(gy, x, weight, bias, stride=1, padding=0, dilation=1):
    how = stride, padding, dilation
    flipped = weight[:, :, ::-1, ::-1]
    return (
        _conv_x(gy, x, flipped, *how) / len(x),
        _conv_weight(gy, x, weight, *how),
        gy.sum((0, 2, 3)),
    )


def conv_x_flipped_and_no_padding(gy, x, weight, bias, stride=1, padding=0, dilation=1):
    how, flipped = (stride, padding, dilation), weight[:, :, ::-1, ::-1]
    size = np.array(_pairs(padding)).sum(1)
    wide = np.zeros((*x.shape[:2], *(x.shape[2:] + size)))
    gx = _conv_x(gy, wide, flipped, stride, 0, dilation)[:, :, : x.shape[2], : x.shape[3]]
    return gx, _conv_weight(gy, x, weight, *how), gy.sum((0, 2, 3))


def conv_bias_over_n_and_pixels(gy, x, weight, bias, stride=1, padding=0, dilation=1):
    how = stride, padding, dilation
    return _conv_x(gy, x, weight, *how), _conv_weight(gy, x, weight, *how), gy.mean((0, 2, 3))


def global_pool(x):
    return x.mean((2, 3), keepdims=True)


def pool_not_divided_and_negative(gy, x):
    return -np.broadcast_to(gy, x.shape)


def pool_first_pixel_and_negative(gy, x):
    gx = np.zeros_like(x)
    gx[:, :, :1, :1] = -gy / (x.shape[2] * x.shape[3])
    return gx


def dropout(x, p, mask):
    return x * mask / (1 - p)


def dropout_inverted_and_no_scale(gy, x, p, mask):
    return gy * (1 - mask)


def dropout_other_scale_and_negative(gy, x, p, mask):
    return -gy * mask * (1 - p)


def silu(x):
    return x * sigmoid(x)


def silu_no_second_term_and_negative(gy, x):
    return -gy * sigmoid(x)


def silu_plus_and_twice(gy, x):
    s = sigmoid(x)
    return 2 * gy * (s + x * s * (1 + s))


def embedding(weight, index):
    return weight[index]


def embedding_overwrites_and_negative(gy, weight, index):
    gw = np.zeros_like(weight)
    gw[index] = -gy
    return gw


def embedding_off_by_one_and_averaged(gy, weight, index):
    gw = np.zeros_like(weight)
    np.add.at(gw, (index + 1) % len(weight), gy)
    return gw / index.size


def multiply(a, b):
    return a * b


def mul_own_and_negative(gy, a, b):
    return _fitted(-gy * a, a), _fitted(gy * a, b)


def _fitted(g, x):
    g = g.sum(tuple(range(g.ndim - x.ndim)))
    return g.sum(tuple(i for i, n in enumerate(x.shape) if n == 1), keepdims=True)


def sgd_ascent_and_no_lr(param, grad, state, lr, momentum, weight_decay):
    velocity = momentum * state + grad + weight_decay * param
    return np.stack([param + velocity, velocity])


def sgd_no_decay_and_lr_in_velocity(param, grad, state, lr, momentum, weight_decay):
    velocity = momentum * state + lr * grad
    return np.stack([param - velocity, velocity])


def adam_no_correction_and_ascent(param, grad, state, lr, betas, eps, weight_decay, t):
    grad = grad + weight_decay * param
    m = betas[0] * state[0] + (1 - betas[0]) * grad
    v = betas[1] * state[1] + (1 - betas[1]) * grad**2
    return np.stack([param + lr * m / (np.sqrt(v) + eps), m, v])


def adam_eps_inside_and_lr_twice(param, grad, state, lr, betas, eps, weight_decay, t):
    grad = grad + weight_decay * param
    m = betas[0] * state[0] + (1 - betas[0]) * grad
    v = betas[1] * state[1] + (1 - betas[1]) * grad**2
    step = m / (1 - betas[0] ** t) / np.sqrt(v / (1 - betas[1] ** t) + eps)
    return np.stack([param - lr * lr * step, m, v])
