# %% [markdown]
r"""
# 08 Optimizers

**Goal.** Turn gradients into steps, by momentum and by Adam, and know what each number is for.
**Before.** Lesson 05 (what a gradient says). **Time.** Two hours. **Runs** in 5 s. **You can skip
this if** you can write AdamW with its bias correction, and say what sets it apart from Adam.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, optim
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## One step downhill

Let `param` hold P weights, $w$, and `grad` the gradient $g$ of the loss by them, of the same shape.
It points uphill, so *gradient descent* goes against it, by a step that the *learning rate* $\eta$
(`lr`) scales; where $g$ comes from a small batch this is *stochastic gradient descent*, SGD.
*Weight decay* $\lambda$ (`weight_decay`) pulls weights to 0, as $\lambda w^2 / 2$ in the loss does:

$$
w \leftarrow w - \eta \, (g + \lambda w)
$$

How large may $\eta$ be? Take a valley with the loss $\frac{1}{2} \sum_i a_i w_i^2$ and the gradient
$a_i w_i$; $a_i$ is its curvature along weight $i$. A step multiplies $w_i$ by $1 - \eta a_i$, which
shrinks it only if $\eta < 2 / a_i$: the *steepest* direction limits the learning rate, and for the
others that is too small. A narrow valley is crossed to and fro, and hardly followed.

## A ball that keeps rolling

*Momentum* adds up all gradients, and lets the past fade by the factor $\mu$, usually 0.9, per step.
The sum is the *velocity* $v$, of the shape of $w$, and 0 at first:

$$
v \leftarrow \mu \, v + g + \lambda w \qquad w \leftarrow w - \eta \, v
$$

Across the valley the gradients cancel. Along it they add up, to $\sum_k \mu^k = 1 / (1 - \mu)$
times one: 10 times for $\mu = 0.9$. *Nesterov's* variant steps by $g + \mu v$ with the new $v$: it
looks where the ball rolls next. What a rule remembers is its *state*. Our functions take it, and
hand back the new one in one array with the new parameter, which comes first.
"""


# %%
def sgd_momentum_step(param, grad, state, lr, momentum, weight_decay=0.0):
    """velocity = momentum state + grad + weight_decay param;  param - lr velocity

    (P,), (P,), (P,) -> (2, P): the new parameter above the new velocity
    """
    # >>> solution
    velocity = momentum * state + grad + weight_decay * param
    return np.stack([param - lr * velocity, velocity])
    # <<< solution


# %% [markdown]
r"""
## Two moving averages

One learning rate for all weights suits few of them. *RMSProp* divides the gradient of each weight
by its usual size, the root of a *moving average* $v$ of its squares: steep directions get small
steps, flat ones large. *Adam* also puts a moving average $m$ in the place of the gradient. Both
have the shape of $w$, begin at 0, and give the past the share $\beta_1$ = 0.9 or $\beta_2$ = 0.999:

$$
m \leftarrow \beta_1 m + (1 - \beta_1) \, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2) \, g^2
$$

## The first steps of Adam

Averages that begin at 0 are too small at first. With a constant gradient $g$, after $t$ steps
$m = (1 - \beta_1^t) \, g$. So a division puts it right, the *bias correction*:

$$
\hat{m} = \frac{m}{1 - \beta_1^t} \qquad \hat{v} = \frac{v}{1 - \beta_2^t} \qquad
w \leftarrow w - \eta \, \frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}
$$

The first step is $t = 1$. Uncorrected it has 0.1 g over 0.032 g, 3 times too much, and the next are
larger still, as the figure shows. The state keeps the two uncorrected. For steady gradients of any
size the quotient is near 1 or -1: a step has the size $\eta$; $\epsilon$ = $10^{-8}$ avoids 0 / 0.
"""


# %%
def adam_step(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """One step of Adam, number t = 1, 2, ...; the decay is added to the gradient.

    (P,), (P,), moments m and v (2, P) -> (3, P): the new parameter above the new m and v
    """
    # >>> solution
    (beta1, beta2), grad = betas, grad + weight_decay * param
    m = beta1 * state[0] + (1 - beta1) * grad
    v = beta2 * state[1] + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return np.stack([param - lr * m_hat / (np.sqrt(v_hat) + eps), m, v])
    # <<< solution


# %% tags=["hide-input"]
t = np.arange(1, 3001)
m, root = 1 - 0.9**t, np.sqrt(1 - 0.999**t)
averages, steps = (fig := Figure(figsize=(7, 2.5), layout="constrained")).subplots(1, 2)
averages.semilogx(t, m, "-", t, root, "--")
averages.set(title="averages, gradient always 1", xlabel="step t")
averages.legend(["m", "root of v"], frameon=False)
steps.semilogx(t, m / root, "-", t, np.ones(3000), "--")
steps.set(title="size of the step, in lr", xlabel="step t", ylim=(0, 7))
steps.legend(["correction off", "on"], frameon=False)
ALT = """With a gradient of 1, m is near 1 after 30 steps of Adam, the root of v after 3000; their
quotient, the step without correction, begins at 3.2 and peaks at 6.6."""
figure(fig, "bias", alt=ALT)

# %% [markdown]
r"""
## Weight decay, in the gradient or beside it

Adam divides the gradient by $\sqrt{\hat{v}}$, and with it the decay that was added: where gradients
are large, weights hardly decay. *AdamW* keeps the decay out of both averages, and subtracts
$\eta \lambda w$, with the old $w$, beside Adam's step. In plain SGD the two ways are the same.
"""


# %%
def adamw_step(param, grad, state, lr, betas, eps, t, weight_decay=0.0):
    """Adam's step, and the decay lr weight_decay param beside it; shapes as in adam_step."""
    # >>> solution
    new = adam_step(param, grad, state, lr, betas, eps, t)
    new[0] -= lr * weight_decay * param
    return new
    # <<< solution


# %% [markdown]
r"""
## A state for every parameter

A network has many parameter arrays. Each has a state of its own, and the number of the step is one
for all. The arrays belong to the network, which must see the change: `param = new` only gives the
name to another array, `param[...] = new` writes into the network's.
"""


# %%
class Adam:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.t = list(params), 0
        self.options = {"lr": lr, "betas": betas, "eps": eps}
        self.states = [np.zeros((2, *param.shape)) for param in self.params]

    def step(self, grads):
        """Write the next step into every array of params; the gradients have the same order."""
        # >>> solution
        self.t += 1
        for i, grad in enumerate(grads):
            new = adam_step(self.params[i], grad, self.states[i], t=self.t, **self.options)
            self.params[i][...], self.states[i] = new[0], new[1:]
        # <<< solution


# %% [markdown]
r"""
## Longer and shorter steps

A *schedule* lowers the learning rate in the course of training: large steps to get far, small ones
to come to rest. Common is half a cosine over $T$ steps, $\frac{1}{2} \eta (1 + \cos(\pi t / T))$,
after a *warm-up* in which it rises. *Clipping* scales all gradients down together where their joint
length exceeds a limit. Below, 30 steps in a valley twenty times as steep across as along.
"""

# %% tags=["hide-input"]
curvature, start = np.array([1.0, 20.0]), np.array([-4.0, 1.0])


def path(rule, options, start, gradient):
    """The points on the way of an optimizer of the library."""
    w, points = Tensor(start.copy(), requires_grad=True), [start]
    optimizer = rule([w], **options)
    for _ in range(30):
        w.grad = Tensor(gradient(points[-1]))
        optimizer.step()
        points.append(w.numpy().copy())
    return np.array(points)


rules = {
    "descent, lr 0.09": (optim.SGD, {"lr": 0.09}),
    "momentum 0.8, lr 0.04": (optim.SGD, {"lr": 0.04, "momentum": 0.8}),
    "Nesterov 0.8, lr 0.04": (optim.SGD, {"lr": 0.04, "momentum": 0.8, "nesterov": True}),
    "RMSProp, lr 0.2": (optim.RMSprop, {"lr": 0.2, "alpha": 0.9}),
    "Adam, lr 0.4": (optim.Adam, {"lr": 0.4}),
    "Adam, lr 0.04": (optim.Adam, {"lr": 0.04}),
}
x, y = np.meshgrid(np.linspace(-4.6, 2.2, 40), np.linspace(-1.3, 1.3, 30))
grid = (fig := Figure(figsize=(9, 4), layout="constrained")).subplots(2, 3, sharey=True).flat
for axes, (name, rule) in zip(grid, rules.items(), strict=True):
    axes.contour(x, y, x**2 / 2 + 10 * y**2, [0.1, 0.5, 2, 5, 10, 17], colors="#b8c4d0")
    axes.plot(*path(*rule, start, lambda w: curvature * w).T, ".-", color="#c0392b", lw=1)
    axes.set(title=name)
ALT = """Six paths in a narrow valley: plain descent zigzags, momentum swings, Nesterov soon follows
the valley; RMSProp and Adam go diagonally; Adam with a small rate does not arrive."""
figure(fig, "ravine", alt=ALT)

# %%
for step in (sgd_momentum_step, adam_step, adamw_step):
    print(diagnose(step.__name__, step))
gradients = (  # of the narrow valley, and of a bent one: (1 - w0)^2 + 100 (w1 - w0^2)^2, Rosenbrock
    lambda w: curvature * w,
    lambda w: np.array([2 * w[0] - 2 - 400 * w[0] * (w[1] - w[0] ** 2), 200 * (w[1] - w[0] ** 2)]),
)
usual = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8}
for rule, step, shape, options in (
    (optim.SGD, sgd_momentum_step, (2,), {"lr": 2e-4, "momentum": 0.9}),
    (optim.Adam, adam_step, (2, 2), usual),
    (optim.AdamW, adamw_step, (2, 2), {**usual, "weight_decay": 0.1}),
):
    for gradient in gradients:
        mine, state = start / 3, np.zeros(shape)
        for t, theirs in enumerate(path(rule, options, mine, gradient), 1):
            assert np.allclose(mine, theirs, rtol=1e-9)
            count = {"t": t} if "betas" in options else {}
            mine, *state = step(mine, gradient(mine), np.squeeze(state), **options, **count)
print("the lesson's steps equal the library's")

# %% [markdown]
r"""
`minicnn learn swap 08.2 -- train --data digits --optimizer adam` trains with your function.

## Common mistakes

* **The parameter does not move.** A name was bound to a new array; the network has the old one.
* **The averages are not corrected for their start at 0.** The first steps are too large.
* **The steps are counted from the wrong number.** The first step is number 1.
* **Epsilon stands inside the root.** With gradients below $10^{-4}$ that is another rule.
* **The decay is added to the gradient, where it belongs beside it.** That is Adam, not AdamW.

## Further reading

* Boris Polyak: *Some methods of speeding up the convergence of iteration methods*, 1964.
* Diederik Kingma, Jimmy Ba: *Adam: a method for stochastic optimization*, 2015.
* Ilya Loshchilov, Frank Hutter: *Decoupled weight decay regularization*, 2019.
"""
