"""08 Optimizers: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 08.1`. The text is in lessons/08_optimizers/README.md.
"""

import numpy as np


# 08.1 sgd_momentum_step   ★   15 minutes
def sgd_momentum_step(param, grad, state, lr, momentum, weight_decay=0.0):
    """velocity = momentum state + grad + weight_decay param;  param - lr velocity

    (P,), (P,), (P,) -> (2, P): the new parameter above the new velocity
    """
    raise NotImplementedError("08.1 sgd_momentum_step: your turn")


# 08.2 adam_step   ★★   30 minutes
def adam_step(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """One step of Adam, number t = 1, 2, ...; the decay is added to the gradient.

    (P,), (P,), moments m and v (2, P) -> (3, P): the new parameter above the new m and v
    """
    raise NotImplementedError("08.2 adam_step: your turn")


# 08.3 adamw_step   ★   10 minutes
def adamw_step(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """Adam's step, and the decay lr weight_decay param beside it; shapes as in adam_step."""
    raise NotImplementedError("08.3 adamw_step: your turn")


# 08.4 Adam.step   ★★   20 minutes
class Adam:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.t = list(params), 0
        self.options = {"lr": lr, "betas": betas, "eps": eps}
        self.states = [np.zeros((2, *param.shape)) for param in self.params]

    def step(self, grads):
        """Write the next step into every array of params; the gradients have the same order."""
        raise NotImplementedError("08.4 Adam.step: your turn")
