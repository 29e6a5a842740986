# %% [markdown]
r"""
# 04 Trust but verify: gradient checking

**Goal.** Write a checker that tells a right backward pass from a wrong one; learn how a check lies.
**Before.** Lesson 03 (arrays and their gradients). **Time.** Two hours. **Runs** in 2 s. **You can
skip this if** you can say when a check passes a wrong gradient, and which h fits float32.

A wrong gradient does not crash. The network learns a little worse, and nobody knows why. But there
is a derivative without any rule: move the input a little and watch the output.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure

# %% [markdown]
r"""
## Forward first

A check asks whether backward fits forward, not whether both are right: first test y by itself.

## What a check calls, and with what

It calls `y = forward(x)` and `gx = backward(gy, x)`, all arrays, many times. Both give the same
answer each time, and leave their inputs and the program's settings alone. One number of y is made
by weighing its entries with the upstream gradient:

$$
\varphi(x) = \sum_j gy_j \, y_j(x) \qquad
gx_i = \frac{\partial \varphi}{\partial x_i} = \sum_j gy_j \, \frac{\partial y_j}{\partial x_i}
$$

## Move one entry

Let $e_i$ be zeros but a 1 at entry i; $\varphi''$ and $\varphi'''$ are derivatives by $x_i$. For a
small step $h$ Taylor's series tells what the *forward* and the *central difference* are worth:

$$
\frac{\varphi(x + h e_i) - \varphi(x)}{h} = gx_i + \frac{h}{2} \varphi'' + \dots \qquad
\frac{\varphi(x + h e_i) - \varphi(x - h e_i)}{2h} = gx_i + \frac{h^2}{6} \varphi''' + \dots
$$
"""


# %%
def numeric_gradient(f, x, gy, h):
    """gx[i] = (phi(x + h e_i) - phi(x - h e_i)) / 2h, with phi(x) = sum of gy f(x)

    gx is float64, of the shape of x; x keeps its values, and may be of whole numbers or float32
    """
    # >>> solution
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    slopes = [np.sum(gy * (f(x + step) - f(x - step))) / (2 * h) for step in steps]
    return np.reshape(slopes, x.shape)
    # <<< solution


# %% [markdown]
r"""
## How small a step may be

A computer rounds $\varphi$ with a relative error $\epsilon$, 1e-16 in `float64` and 6e-8 in
`float32`. The difference of two rounded numbers is divided by $h$, so the central one is off by

$$
\frac{h^2}{6} |\varphi'''| + \frac{\epsilon}{h} |\varphi| \qquad \text{least near} \qquad
h = \sqrt[3]{3 \epsilon \, |\varphi| / |\varphi'''|}
$$

which is about 1e-5 in double precision, with 10 digits left (see the figure); in single precision
1e-2, with 4 digits, too few to see a small mistake. Always check in double precision.

## A step without subtraction

The digits are lost in the subtraction. If f can be computed with complex numbers, move sideways, by
$\mathrm{i} h$ with $\mathrm{i}^2 = -1$ (in Python, `1j * h`):

$$
\varphi(x + \mathrm{i} h e_i) = \varphi(x) + \mathrm{i} h \, gx_i - \frac{h^2}{2} \varphi'' - \dots
$$

The imaginary part, divided by $h$, is the derivative. Nothing is subtracted, so $h$ may be 1e-30,
and all digits are right. (`np.abs` loses the imaginary part; `+`, `@`, `np.exp`, `np.tanh` do not.)
"""


# %%
def complex_step(f, x, gy, h):
    """gx[i] = Im phi(x + i h e_i) / h, with phi(x) = sum of gy f(x); gx is real, like x"""
    # >>> solution
    steps = 1j * h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.reshape([np.sum(gy * f(x + step)).imag / h for step in steps], x.shape)
    # <<< solution


# %% [markdown]
r"""
## How large an error is too large

An error of 1e-4 is huge for a gradient of 1e-4 and nothing for one of 1e4. But an entry that should
be 0 comes out as 1e-11, which is 100% wrong. So divide the largest difference by the largest entry.
Right rules give 1e-8; above 1e-6, look closer. NaN (0 / 0) is never `> 1e-6`: rule it out first.
"""


# %%
def relative_error(a, g):
    """The largest abs(a - g), divided by the largest of all abs(a) and abs(g).

    0 if all entries are 0 or there are none; infinity if a and g differ in shape or are not finite
    """
    # >>> solution
    if np.shape(a) != np.shape(g) or not np.isfinite([a, g]).all():
        return np.inf
    size = np.abs([a, g]).max(initial=0)
    return np.abs(a - g).max() / size if size > 0 else 0.0
    # <<< solution


# %% tags=["hide-input"]
def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


rng, steps = np.random.default_rng(1), 10.0 ** np.arange(-15, 0.1)
x, gy = rng.standard_normal((2, 3, 4))
one_sided = lambda f, *args: 2 * numeric_gradient(lambda z: f(np.maximum(z, x)), *args)  # noqa: E731
fig, exact = Figure(figsize=(8, 3.4), layout="constrained"), complex_step(softmax, x, gy, 1e-30)
axes, kink = fig.subplots(1, 2, width_ratios=(3, 2))
for name, method, dtype, style in (
    ("forward, float64", one_sided, "d", "C0s--"), ("forward, float32", one_sided, "f", "C1s--"),
    ("central, float64", numeric_gradient, "d", "C0o-"), ("complex", complex_step, "D", "C2^-"),
    ("central, float32", numeric_gradient, "f", "C1o-"),
):  # fmt: skip
    f = lambda z, dtype=dtype: softmax(z.astype(dtype))  # noqa: E731
    errors = [relative_error(method(f, x, gy, h), exact) for h in steps]
    axes.loglog(steps, np.maximum(errors, 1e-16), style, ms=4, label=name)
axes.set(xlabel="step h", title="relative error", ylim=(5e-17, 50))
axes.legend(fontsize=7)
kink.plot([-1, 0, 1], [0, 0, 1], "0.6", lw=3)
for centre in (-0.6, 0.0, 0.25):
    ends = centre + np.array([-0.35, 0.35])
    slope = np.diff(np.maximum(ends, 0))[0] / 0.7
    kink.plot(ends, np.maximum(ends, 0), "o-", ms=4, label=f"x = {centre}: slope {slope:.2f}")
kink.legend(fontsize=7)
kink.set(title="ReLU from x - h to x + h, h = 0.35", xlabel="x")
ALT = """Left: the error of differences against the step is a V, best near 1e-5 in double and 1e-2
in single precision; the complex step is exact. Right: ReLU near 0 has slopes between 0 and 1."""
figure(fig, "steps", alt=ALT)

# %% [markdown]
r"""
## Why ones hide bugs

Many checkers add up the outputs, which is a `gy` of ones. It hides a rule without `gy`, or with
`gy * gy`. And as the outputs of a *softmax*, $e^{x_j} / \sum_k e^{x_k}$, add up to 1, their slopes
for ones are 0, and any rule that gives 0 there passes. Draw `gy` at random, with both signs:
"""

# %%
rules = {
    "right": lambda gy, x: softmax(x) * (gy - (gy * softmax(x)).sum(axis=1, keepdims=True)),
    "wrong": lambda gy, x: softmax(x) * (gy - gy.mean(axis=1, keepdims=True)),
}
for name, c in (("ones", np.ones((3, 4))), ("random", gy)):
    error = rules["wrong"](c, x) - numeric_gradient(softmax, x, c, 1e-6)
    print(f"gy {name}: the wrong rule is off by {np.abs(error).max():.2f}")

# %% [markdown]
r"""
## A rule is linear in its upstream gradient

The chain rule multiplies `gy` with slopes that do not know it, and adds. So twice the `gy` gives
twice the `gx`, and two at once give the sum: a check without any numbers to compare with.

## Kinks

*ReLU*, max(x, 0), has the slope 0 to the left of 0 and 1 to the right. The central difference takes
the mean (figure, right), and every rule looks wrong; also where x is closer to 0 than h, or where a
maximum has two winners. `kinks`, made for h = 1e-6, finds such entries: their slopes to both sides
differ by as much as the slopes themselves, on a curve only by $h \varphi''$. Leave out no others.
"""


# %%
def kinks(f, x, gy, h):
    """True for each entry of x whose slopes to the left and to the right differ too much."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    after, before = ([np.sum(gy * (f(x + s) - f(x))) for s in sign * steps] for sign in (1, -1))
    bends, slopes = np.abs(np.add(after, before)), np.abs(np.subtract(after, before))
    return (bends > 1e-5 * slopes.max(initial=0)).reshape(x.shape)


def check_gradient(forward, backward, x, rng):
    """True if gx = backward(gy, x) is right for y = forward(x), else False.

    gy is drawn with the generator rng; the shape of gx counts; entries of x at kinks do not
    """
    # >>> solution
    gy = rng.standard_normal(np.shape(forward(x)))
    gx = backward(gy, x)
    if np.shape(gx) != x.shape:
        return False
    smooth = ~kinks(forward, x, gy, 1e-6)
    numbers = numeric_gradient(forward, x, gy, 1e-6)
    return bool(relative_error(gx[smooth], numbers[smooth]) < 1e-6)
    # <<< solution


# %% [markdown]
r"""
## Reading a wrong gradient

Print yours beside the right one, for axes of *different* lengths. Is it zero, or the same along an
axis? Wrong at the border, at one index, in one row? Are the right numbers at other places?

## Off by a factor

Divide yours by the right one. One number everywhere is a factor: -1 is a lost sign, 1/2 the lost 2
of a square, 1/N a mean for a sum. Another number at each index of an axis is a factor along it.

## Run it, then check it

A file that does not load cannot be checked, so run it first. `minicnn learn check` runs it in a
process of its own, and stops a loop without end. Your checker, and minicnn's gradients:
"""

# %%
print({name: check_gradient(softmax, rule, x, rng) for name, rule in rules.items()})
tensor = Tensor(x, requires_grad=True)
ops.softmax(tensor, 1).backward(Tensor(gy))
assert relative_error(exact, tensor.grad.numpy()) < 1e-14

# %% [markdown]
r"""
## Common mistakes

* **The upstream gradient is never used.** Seen only if `gy` is random.
* **The numbers were computed in single precision.** Then even a right rule looks wrong.
* **The same call gives another answer the second time.** It drew new random numbers.

## Further reading

* Joaquim Martins, Peter Sturdza, Juan Alonso: *The complex-step derivative approximation*, 2003.
* David Goldberg: *What every computer scientist should know about floating-point arithmetic*, 1991.
"""
