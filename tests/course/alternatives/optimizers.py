"""Lesson 08: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def momentum_in_loops(param, grad, state, lr, momentum, weight_decay=0.0):
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


def adamw_shrunk(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """First the decay, then Adam's step without it."""
    moved = adam_folded(param, grad, state, lr, betas, eps, t) - 0
    moved[0] -= param
    moved[0] += param * (1 - lr * weight_decay)
    return moved


class Adam:
    """Written out, with one list for each of the two averages."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.t = list(params), 0
        self.lr, self.betas, self.eps = lr, betas, eps
        self.m = [np.zeros_like(p) for p in self.params]
        self.v = [np.zeros_like(p) for p in self.params]

    def step(self, grads):
        self.t += 1
        (b1, b2), t = self.betas, self.t
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            m *= b1
            m += (1 - b1) * g
            v *= b2
            v += (1 - b2) * g**2
            p -= self.lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + self.eps)


ALTERNATIVES = {
    "08.1": [{"sgd_momentum_step": momentum_in_loops}],
    "08.2": [{"adam_step": adam_folded}],
    "08.3": [{"adamw_step": adamw_shrunk}],
    "08.4": [{"Adam.step": Adam}],
}
SURVIVORS: dict[str, str] = {}
