# %% [markdown]
r"""
# 06 Activations

**Goal.** Write the functions between two layers, forward and backward, for numbers of any size; and
see why a deep network prefers some of them. **Before.** Lesson 05 (the dense layer). **Time.** An
hour and a half. **Runs** in 2 s. **You can skip this if** you can write sigmoid and SiLU with their
slopes so that nothing overflows.

Two dense layers in a row are one dense layer: a product of two matrices is a matrix. What makes
depth worth its cost is a function between them that is not a straight line, the *activation*. It
takes one number and gives one number, and it is applied to every entry of an array alike.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## One slope per entry

Let `x` have any shape, and $y_i = f(x_i)$ for every entry $i$. Entry $i$ of the output depends on
entry $i$ of the input and on no other, so the chain rule has one path per entry. With the upstream
gradient `gy`, of the shape of `x`:

$$
\frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y_i} \, f'(x_i)
$$

An activation's backward pass is always "upstream gradient times slope", and only the slope
differs.

## The mask comes from the input

The *rectified linear unit*, ReLU, lets positive numbers pass and makes the others zero:

$$
f(x) = \max(x, 0)
\qquad
f'(x) = 1 \text{ if } x > 0, \text{ else } 0
$$

Its slope is a *mask*: an array of ones and zeros. It says where `x` was positive in the forward
pass. The signs of `gy` have nothing to do with it: a negative gradient passes as well as a
positive one.

## At the kink itself

At $x = 0$ there is no slope: it is 0 to the left and 1 to the right. Any number between will do
for training, but everybody should choose the same; PyTorch and minicnn choose 0. This is no rare
case. Zeros are exact after another ReLU, and in the black border of an image.

## Who owns an array

`gy` belongs to the caller, and so does `x`. A backward pass that writes `gy *= mask` saves memory
and breaks its neighbours: where two branches are added, the same `gy` goes back to both. Make a
new array.
"""


# %%
def relu_backward(gy, x):
    """gx = gy where x > 0, else 0; all three have one shape."""
    # >>> solution
    return gy * (x > 0)
    # <<< solution


# %% [markdown]
r"""
## Large numbers

The *sigmoid* squeezes any number between 0 and 1, as a probability must be:

$$
f(x) = \frac{1}{1 + e^{-x}} = \frac{e^{x}}{1 + e^{x}}
$$

Both forms are the same function and different programs. In single precision $e^{89}$ is too large
for a number and becomes infinity, with a warning; here the result is still right, since 1 divided
by infinity is 0. In the second form infinity is divided by infinity, which is *not a number*, NaN,
and one NaN spoils every weight it meets. The rule: never give `exp` a large positive number. Each
form is safe on one side of zero.
"""


# %%
def sigmoid_forward(x):
    """y = 1 / (1 + e^-x) for x of any size, without overflow; y has the shape of x."""
    # >>> solution
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
    # <<< solution


# %%
x = np.array([-1000.0, -1.0, 0.0, 1.0, 1000.0])
print("y =", np.round(sigmoid_forward(x), 4))

# %% [markdown]
r"""
## Slopes written with the output

Take the derivative of the sigmoid, and it turns out to need no `exp` at all. With $y = f(x)$:

$$
f'(x) = \frac{e^{-x}}{(1 + e^{-x})^2} = \frac{1}{1 + e^{-x}} \cdot \frac{e^{-x}}{1 + e^{-x}}
= y \, (1 - y)
$$

The hyperbolic tangent has such a form too. It is a sigmoid that is stretched to run from -1 to 1:

$$
\tanh(x) = 2 f(2x) - 1
\qquad
\tanh'(x) = 1 - \tanh(x)^2
$$

## Which array is saved?

So the backward pass of a sigmoid is given the *output*. Read the signature before you write: where
`y` comes in, a second sigmoid would compute $f(f(x))$, and $x (1 - x)$ is the slope of nothing
here.
"""


# %%
def sigmoid_backward(gy, y):
    """gx = gy y (1 - y), where y is the sigmoid's output; all of one shape."""
    # >>> solution
    return gy * y * (1 - y)
    # <<< solution


# %% [markdown]
r"""
## x times a gate

Newer networks (MobileNetV3, EfficientNet) multiply the input by a soft switch. The *SiLU*, also
called swish, is

$$
y = x \, s(x)
\qquad
\frac{dy}{dx} = s(x) + x \, s'(x)
$$

where $s$ is the sigmoid, the *gate*. Both factors depend on x, so the product rule gives two
terms. The GELU of transformers has the same form, with the normal distribution function as its
gate.
"""


# %%
def silu_backward(gy, x):
    """gx = gy (s + x s (1 - s)) with the gate s = sigmoid(x); all of one shape."""
    # >>> solution
    small = np.exp(-np.abs(x))
    gate = np.where(x >= 0, 1.0, small) / (1 + small)
    return gy * (gate + x * gate * (1 - gate))
    # <<< solution


# %% [markdown]
r"""
## What is left after many layers

A gradient that goes back through k activations is multiplied by k slopes, besides the weights. The
sigmoid's slope is never more than 1/4, so after 10 layers the slopes leave at most $(1/4)^{10}$, a
millionth: the first layers learn nothing. This is the *vanishing gradient*. A ReLU that is open has
the slope 1, and passes everything. It has a price: a unit whose input is negative for every image
has the slope 0 for ever, it is *dead*.
"""

# %% tags=["hide-input"]
grid = np.linspace(-5, 5, 201)
ones, s = np.ones_like(grid), sigmoid_forward(grid)
curves = {
    "ReLU": (np.maximum(grid, 0), relu_backward(ones, grid)),
    "sigmoid": (s, sigmoid_backward(ones, s)),
    "tanh": (np.tanh(grid), 1 - np.tanh(grid) ** 2),
    "SiLU": (grid * s, silu_backward(ones, grid)),
}
fig = Figure(figsize=(8, 2.6), layout="constrained")
value, slope, depth = fig.subplots(1, 3)
for name, (y, dy) in curves.items():
    value.plot(grid, y, label=name)
    slope.plot(grid, dy)
    depth.semilogy(range(21), [dy.max() ** k for k in range(21)])
value.set(title="the function", xlabel="x", ylim=(-1.2, 2))
value.legend(frameon=False, fontsize=8)
slope.set(title="its slope", xlabel="x")
depth.set(title="at most left after k layers", xlabel="k", ylim=(1e-7, 100))
ALT = """Three plots of ReLU, sigmoid, tanh and SiLU: the functions, their slopes, and the largest
slope to the power k, which falls below a millionth after 10 layers for the sigmoid alone."""
figure(fig, "slopes", alt=ALT)

# %% [markdown]
r"""
## Checked, and equal to the library's

The doctor's probes hold zeros, numbers of size 1000, and a random upstream gradient.
"""


# %%
def relu_forward(x):
    return np.maximum(x, 0)


print(diagnose("relu", relu_forward, relu_backward))
print(diagnose("sigmoid", sigmoid_forward, sigmoid_backward))
rng = np.random.default_rng(0)
gy = rng.standard_normal(9)
x = np.array([-50, -3, -1, -0.1, 0, 0.1, 1, 3, 50.0])
for op, g in (
    (ops.relu, relu_backward(gy, x)),
    (ops.sigmoid, sigmoid_backward(gy, sigmoid_forward(x))),
    (ops.silu, silu_backward(gy, x)),
):
    tensor = Tensor(x, requires_grad=True)
    (op(tensor) * Tensor(gy)).sum().backward()
    assert np.allclose(tensor.grad.numpy(), g, rtol=1e-10, atol=1e-20)
print("the lesson's activations equal the library's")

# %% [markdown]
r"""
## Common mistakes

* **A decision looks at the upstream gradient.** The mask is made of `x`, not of `gy`.
* **Right everywhere but exactly at 0.** `x >= 0` where `x > 0` is the convention.
* **Your code changes the upstream gradient.** `gy[x < 0] = 0` writes into the caller's array.
* **An exponential overflows for large inputs.** A large positive number went into `exp`.
* **The slope is computed from the input instead of the output.** `x * (1 - x)` for `y * (1 - y)`.

## Further reading

* Vinod Nair, Geoffrey Hinton: *Rectified linear units improve restricted Boltzmann machines*,
  2010.
* Xavier Glorot, Antoine Bordes, Yoshua Bengio: *Deep sparse rectifier neural networks*, 2011.
* Prajit Ramachandran, Barret Zoph, Quoc Le: *Searching for activation functions*, 2017.
"""
