"""08 Optimizers: the solutions.

Made from lessons/08_optimizers.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 08.1 sgd_momentum_step   ★   15 minutes
def sgd_momentum_step(param, grad, state, lr, momentum, weight_decay=0.0):
    """velocity = momentum state + grad + weight_decay param;  param - lr velocity

    (P,), (P,), (P,) -> (2, P): the new parameter above the new velocity
    """
    velocity = momentum * state + grad + weight_decay * param
    return np.stack([param - lr * velocity, velocity])


# 08.2 adam_step   ★★   30 minutes
def adam_step(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """One step of Adam, number t = 1, 2, ...; the decay is added to the gradient.

    (P,), (P,), moments m and v (2, P) -> (3, P): the new parameter above the new m and v
    """
    (beta1, beta2), grad = betas, grad + weight_decay * param
    m = beta1 * state[0] + (1 - beta1) * grad
    v = beta2 * state[1] + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return np.stack([param - lr * m_hat / (np.sqrt(v_hat) + eps), m, v])


# 08.3 adamw_step   ★   10 minutes
def adamw_step(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """Adam's step, and the decay lr weight_decay param beside it; shapes as in adam_step."""
    new = adam_step(param, grad, state, lr, betas, eps, t)
    new[0] -= lr * weight_decay * param
    return new


# 08.4 Adam.step   ★★   20 minutes
class Adam:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.t = list(params), 0
        self.options = {"lr": lr, "betas": betas, "eps": eps}
        self.states = [np.zeros((2, *param.shape)) for param in self.params]

    def step(self, grads):
        """Write the next step into every array of params; the gradients have the same order."""
        self.t += 1
        for i, grad in enumerate(grads):
            new = adam_step(self.params[i], grad, self.states[i], t=self.t, **self.options)
            self.params[i][...], self.states[i] = new[0], new[1:]
