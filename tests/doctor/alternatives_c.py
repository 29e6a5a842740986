"""Correct implementations that look unlike the doctor's own: as learners write them.

Each entry is (name, forward, backward, settings), in one of three styles: backward(gy, *inputs,
**options); backward(gy, cache) of a forward that returns (y, cache); None for a forward that
returns (y, rule).
"""

import numpy as np

# Batch norm


def bn_steps_forward(x, weight, bias, eps=1e-5):
    """Every elementary step by itself, as a graph would have it."""
    axes = (0,) if x.ndim == 2 else (0, 2, 3)
    shape = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
    m = x.size // x.shape[1]
    mu = x.sum(axes, keepdims=True) / m
    centred = x - mu
    var = (centred**2).sum(axes, keepdims=True) / m
    std = np.sqrt(var + eps)
    inverse = 1.0 / std
    xhat = centred * inverse
    y = weight.reshape(shape) * xhat + bias.reshape(shape)
    return y, (axes, shape, m, centred, std, inverse, xhat, weight)


def bn_steps_backward(gy, cache):
    axes, shape, m, centred, std, inverse, xhat, weight = cache
    gbias = gy.sum(axes)
    gweight = (gy * xhat).sum(axes)
    gxhat = gy * weight.reshape(shape)
    ginverse = (gxhat * centred).sum(axes, keepdims=True)
    gcentred = gxhat * inverse
    gstd = -ginverse / std**2
    gvar = 0.5 * gstd / std
    gcentred = gcentred + 2.0 * centred * gvar / m
    gmu = -gcentred.sum(axes, keepdims=True)
    return gcentred + gmu / m, gweight, gbias


def bn_flat_forward(x, weight, bias, eps=1e-5):
    """Images become rows of channels first; one formula over M."""
    rows = x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])
    mean, var = rows.mean(0), rows.var(0)
    y = (rows - mean) / np.sqrt(var + eps) * weight + bias
    return back(y, x.shape)


def back(rows, shape):
    if len(shape) == 2:
        return rows
    n, c, h, w = shape
    return rows.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def bn_flat_backward(gy, x, weight, bias, eps=1e-5):
    def flat(a):
        return a if a.ndim == 2 else a.transpose(0, 2, 3, 1).reshape(-1, a.shape[1])

    rows, g = flat(x), flat(gy)
    m = len(rows)
    std = np.sqrt(rows.var(0) + eps)
    xhat = (rows - rows.mean(0)) / std
    dw, db = (g * xhat).sum(0), g.sum(0)
    dx = weight / (m * std) * (m * g - db - xhat * dw)
    return back(dx, x.shape), dw, db


def bn_loops(x, weight, bias, eps=1e-5):
    """One channel after the other, and a closure for the way back."""
    y = np.empty_like(x)
    kept = []
    for c in range(x.shape[1]):
        values = x[:, c]
        std = (((values - values.mean()) ** 2).mean() + eps) ** 0.5
        xhat = (values - values.mean()) / std
        y[:, c] = weight[c] * xhat + bias[c]
        kept.append((xhat, std))

    def rule(gy):
        gx = np.empty_like(x)
        gweight, gbias = np.zeros_like(weight), np.zeros_like(bias)
        for c, (xhat, std) in enumerate(kept):
            g = gy[:, c]
            gweight[c], gbias[c] = np.sum(g * xhat), np.sum(g)
            n = g.size
            gx[:, c] = weight[c] / std * (g - gbias[c] / n - xhat * gweight[c] / n)
        return gx, gweight, gbias

    return y, rule


# Layer norm


def ln_forward(x, weight, bias, eps=1e-5):
    return weight * ln_hat(x, eps)[0] + bias


def ln_hat(x, eps):
    """The variance as mean of squares of the centred values, by a scalar product."""
    centred = x - x.mean(-1, keepdims=True)
    var = np.einsum("...d,...d->...", centred, centred)[..., None] / x.shape[-1]
    return centred / np.sqrt(var + eps), np.sqrt(var + eps)


def ln_backward(gy, x, weight, bias, eps=1e-5):
    d = x.shape[-1]
    xhat, std = ln_hat(x, eps)
    # The whole Jacobian of one row: (1 - 1/D - xhat xhat^T / D) / std.
    jacobian = (np.eye(d) - 1 / d - xhat[..., :, None] * xhat[..., None, :] / d) / std[..., None]
    gx = np.einsum("...i,...ij->...j", gy * weight, jacobian)
    rows = gy.reshape(-1, d)
    return gx, (rows * xhat.reshape(-1, d)).sum(0), rows.sum(0)


# Dropout


def dropout_scaled_mask(x, p, mask):
    scaled = mask.astype(x.dtype) / (1.0 - p)
    return x * scaled, scaled


def dropout_where(x, p, mask):
    return np.where(mask > 0, x / (1 - p), 0.0)


def dropout_where_backward(gy, x, p, mask):
    gx = np.zeros_like(gy)
    kept = mask.astype(bool)
    gx[kept] = gy[kept] / (1 - p)
    return gx


# Blocks


def concat_filled(a, b, axis):
    shape = list(a.shape)
    shape[axis] += b.shape[axis]
    y = np.empty(shape, a.dtype)
    moved = np.moveaxis(y, axis, 0)
    moved[: a.shape[axis]] = np.moveaxis(a, axis, 0)
    moved[a.shape[axis] :] = np.moveaxis(b, axis, 0)
    return y, lambda gy: np.split(gy, [a.shape[axis]], axis=axis)


def residual_forward(x, weight):
    branch = np.einsum("nchw,c->nchw", x, weight)
    total = x + branch
    return np.where(total > 0, total, 0.0), (x, weight, total)


def residual_backward(gy, cache):
    x, weight, total = cache
    g = gy.copy()
    g[total <= 0] = 0
    gx = g.copy()
    gx += np.einsum("nchw,c->nchw", g, weight)
    return gx, np.einsum("nchw,nchw->c", g, x)


def se_forward(x, weight):
    m = np.einsum("nchw->nc", x) / (x.shape[2] * x.shape[3])
    z = np.einsum("oc,nc->no", weight, m)
    s = 0.5 * (1 + np.tanh(z / 2))
    return np.einsum("nchw,nc->nchw", x, s), (x, weight, m, s)


def se_backward(gy, cache):
    x, weight, m, s = cache
    gs = np.einsum("nchw,nchw->nc", gy, x)
    gz = gs * s * (1 - s)
    gm = np.einsum("no,oc->nc", gz, weight)
    gx = gy * s[..., None, None] + gm[..., None, None] / x[0, 0].size
    return gx, np.einsum("no,nc->oc", gz, m)


# Attention


def attention_einsum(q, k, v):
    s = np.einsum("btd,bsd->bts", q, k) * q.shape[-1] ** -0.5
    p = np.exp(s - np.log(np.exp(s).sum(-1, keepdims=True)))
    y = np.einsum("bts,bsd->btd", p, v)

    def rule(gy):
        gp = np.einsum("btd,bsd->bts", gy, v)
        # The sum over a row of P dP is the scalar product of gy and y.
        gs = p * (gp - np.einsum("btd,btd->bt", gy, y)[..., None]) * q.shape[-1] ** -0.5
        return (
            np.einsum("bts,bsd->btd", gs, k),
            np.einsum("bts,btd->bsd", gs, q),
            np.einsum("bts,btd->bsd", p, gy),
        )

    return y, rule


def attention_loops_forward(q, k, v):
    y = np.zeros_like(v)
    for b in range(len(q)):
        for t in range(q.shape[1]):
            y[b, t] = loop_weights(q, k, b, t) @ v[b]
    return y


def loop_weights(q, k, b, t):
    scores = np.array([np.dot(q[b, t], key) for key in k[b]]) / np.sqrt(q.shape[-1])
    e = np.exp(scores - scores.max())
    return e / e.sum()


def attention_loops_backward(gy, q, k, v):
    gq, gk, gv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for b in range(len(q)):
        for t in range(q.shape[1]):
            p = loop_weights(q, k, b, t)
            gv[b] += np.outer(p, gy[b, t])
            gs = (np.diag(p) - np.outer(p, p)) @ (v[b] @ gy[b, t]) / np.sqrt(q.shape[-1])
            gq[b, t] += gs @ k[b]
            gk[b] += np.outer(gs, q[b, t])
    return gq, gk, gv


# Embedding


def embedding_one_hot(weight, index):
    one_hot = np.eye(len(weight))[index.ravel()]
    y = (one_hot @ weight).reshape(*index.shape, weight.shape[1])
    return y, lambda gy: one_hot.T @ gy.reshape(-1, weight.shape[1])


def embedding_loops_backward(gy, weight, index):
    g = np.zeros_like(weight)
    for place in np.ndindex(index.shape):
        g[index[place]] += gy[place]
    return g


# Update rules


def sgd_loops(param, grad, state, lr, momentum, weight_decay=0.0):
    param, velocity = param.copy(), state.copy()
    for i in range(len(param)):
        velocity[i] *= momentum
        velocity[i] += grad[i]
        velocity[i] += weight_decay * param[i]
        param[i] -= lr * velocity[i]
    return np.array([param, velocity])


def adam_folded(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """The corrections are folded into the learning rate and epsilon."""
    m, v = state
    g = grad + weight_decay * param
    m = m + (1 - betas[0]) * (g - m)
    v = v + (1 - betas[1]) * (g * g - v)
    root = (1 - betas[1] ** t) ** 0.5
    rate = lr * root / (1 - betas[0] ** t)
    return np.stack([param - rate * m / (np.sqrt(v) + eps * root), m, v])


def adamw_in_two(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """First the decay, then Adam's step without it."""
    shrunk = param - lr * weight_decay * param
    moved = adam_folded(param, grad, state, lr, betas, eps, t)
    moved[0] = shrunk + (moved[0] - param)
    return moved


SINGLE = {"dtype": "float32"}
ALTERNATIVES = {
    "batch_norm": [
        ("step by step", bn_steps_forward, bn_steps_backward, {}),
        ("one formula over rows", bn_flat_forward, bn_flat_backward, {}),
        ("loops over channels", bn_loops, None, {}),
        ("step by step, single precision", bn_steps_forward, bn_steps_backward, SINGLE),
    ],
    "layer_norm": [("Jacobian of a row", ln_forward, ln_backward, {})],
    "dropout": [
        ("scaled mask kept", dropout_scaled_mask, lambda gy, scaled: gy * scaled, {}),
        ("where", dropout_where, dropout_where_backward, {}),
    ],
    "concat": [("filled in", concat_filled, None, {})],
    "residual": [
        ("einsum", residual_forward, residual_backward, {}),
        ("einsum, single precision", residual_forward, residual_backward, SINGLE),
    ],
    "squeeze_excite": [("tanh and einsum", se_forward, se_backward, {})],
    "attention": [
        ("einsum", attention_einsum, None, {}),
        ("loops", attention_loops_forward, attention_loops_backward, {}),
    ],
    "embedding": [
        ("one-hot product", embedding_one_hot, None, {}),
        ("loops", lambda weight, index: weight[index], embedding_loops_backward, {}),
    ],
    "sgd_momentum_step": [("loops", sgd_loops, None, {})],
    "adam_step": [("corrections folded in", adam_folded, None, {})],
    "adamw_step": [("in two steps", adamw_in_two, None, {})],
}
