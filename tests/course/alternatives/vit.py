"""Lesson 21: other right answers, and changes of the solutions that make no difference."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def patches_one_by_one(x, p):
    n, c, h, w = x.shape
    cut = [x[:, :, i : i + p, j : j + p] for i in range(0, h, p) for j in range(0, w, p)]
    return np.stack(cut, axis=1).reshape(n, -1, c * p * p)


def patches_from_windows(x, p):
    windows = sliding_window_view(x, (p, p), axis=(2, 3))[:, :, ::p, ::p]
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5)).reshape(
        len(x), -1, x.shape[1] * p * p
    )


def forward_in_loops(q, k, v):
    """One query of one sample at a time."""
    y = np.zeros_like(v)
    for b in range(len(q)):
        for i in range(q.shape[1]):
            scores = np.array([np.dot(q[b, i], key) for key in k[b]]) / q.shape[2] ** 0.5
            weights = np.exp(scores - scores.max())
            for weight, value in zip(weights / weights.sum(), v[b], strict=True):
                y[b, i] += weight * value
    return y


def forward_by_einsum(q, k, v):
    scores = np.einsum("bid,bjd->bij", q * q.shape[2] ** -0.5, k)
    weights = np.exp(scores - np.log(np.exp(scores).sum(2, keepdims=True)))
    return np.einsum("bij,bjd->bid", weights, v)


def backward_by_jacobian(gy, q, k, v):
    """The softmax's full Jacobian (B, T, T, T)."""
    scale = q.shape[2] ** -0.5
    p = np.exp(scale * np.einsum("bid,bjd->bij", q, k))
    p /= p.sum(-1, keepdims=True)
    jacobian = np.einsum("bij,jl->bijl", p, np.eye(p.shape[2])) - np.einsum("bij,bil->bijl", p, p)
    gs = scale * np.einsum("bil,bijl->bij", np.einsum("bid,bld->bil", gy, v), jacobian)
    return (
        np.einsum("bij,bjd->bid", gs, k),
        np.einsum("bij,bid->bjd", gs, q),
        np.einsum("bij,bid->bjd", p, gy),
    )


def backward_by_output(gy, q, k, v):
    """The sum over the row is gy y, as fused kernels have it."""
    scale = 1 / np.sqrt(q.shape[-1])
    s = scale * q @ np.swapaxes(k, -1, -2)
    p = np.exp(s - s.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    y = p @ v
    gs = p * (gy @ np.swapaxes(v, -1, -2) - np.sum(gy * y, axis=-1, keepdims=True))
    return scale * gs @ k, scale * np.swapaxes(gs, -1, -2) @ q, np.swapaxes(p, -1, -2) @ gy


def norm_in_steps(gy, x, weight, bias, eps):
    """Every step of the forward pass on its own, backwards, for rows."""
    d = x.shape[-1]
    rows, gys = x.reshape(-1, d), gy.reshape(-1, d)
    gx, gweight = np.zeros_like(rows), np.zeros_like(weight)
    for i, (row, g) in enumerate(zip(rows, gys, strict=True)):
        centred = row - row.mean()
        std = ((centred**2).mean() + eps) ** 0.5
        gweight += g * centred / std
        gxhat = g * weight
        gvar = (-0.5 * gxhat * centred / std**3).sum()
        gcentred = gxhat / std + gvar * 2 * centred / d
        gx[i] = gcentred - gcentred.mean()
    return gx.reshape(x.shape), gweight, gys.sum(0)


def norm_in_one_formula(gy, x, weight, bias, eps):
    d = x.shape[-1]
    inv = (x.var(axis=-1) + eps)[..., None] ** -0.5
    xhat = (x - x.mean(axis=-1)[..., None]) * inv
    g = weight * gy
    inner = d * g - g.sum(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True)
    return inv / d * inner, (gy * xhat).reshape(-1, d).sum(0), gy.reshape(-1, d).sum(0)


ALTERNATIVES = {
    "21.1": [{"patches": f} for f in (patches_one_by_one, patches_from_windows)],
    "21.2": [{"attention_forward": f} for f in (forward_in_loops, forward_by_einsum)],
    "21.3": [{"attention_backward": f} for f in (backward_by_jacobian, backward_by_output)],
    "21.4": [{"layer_norm_backward": f} for f in (norm_in_steps, norm_in_one_formula)],
}
BOTH = "two axes are exchanged, whichever comes first"
SCORES = ("scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])",
          "scores = q @ k.swapaxes(2, 1) / np.sqrt(q.shape[-1])")  # fmt: skip
WEIGHTS = ("p = ops.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), -1).numpy()",
           "p = ops.softmax(q @ k.swapaxes(2, 1) / np.sqrt(q.shape[-1]), -1).numpy()")  # fmt: skip
THREE = "return (gs @ k, gs.swapaxes({}) @ q, p.swapaxes({}) @ gy)".format
SURVIVORS = {
    "21.1: return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, -1, c * p * p)  ->  "
    "return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, -2, c * p * p)": (
        "NumPy takes any negative length for the one that is left over"
    ),
    "21.2: {}  ->  {}".format(*SCORES): BOTH,
    "21.3: {}  ->  {}".format(*WEIGHTS): BOTH,
    "21.3: gp = gy @ v.swapaxes(1, 2)  ->  gp = gy @ v.swapaxes(2, 1)": BOTH,
    f"21.3: {THREE('1, 2', '1, 2')}  ->  {THREE('2, 1', '1, 2')}": BOTH,
    f"21.3: {THREE('1, 2', '1, 2')}  ->  {THREE('1, 2', '2, 1')}": BOTH,
}
