"""Lesson 17: convolutions of 1 by 1, the gradient of a fork, and the Inception block."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn, ops
from ...kernels import use_kernels
from ...nn.evaluating import evaluating
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .branches_wrong import BRANCHES_WRONG, INCEPTION_WRONG, POINTWISE_WRONG
from .examination import Check, Examination, Functions

PIXEL, FORK, BLOCK = (
    "A dense layer at every pixel",
    "Where the ways part",
    "The Inception block",
)
BUGS = (
    Bug(
        "weight-axes-exchanged", "the weight's two axes are exchanged", 17, PIXEL,
        ("Which axis of the weight counts the channels that are read?",
         "The weight is (O, C): the second axis meets the channels of x.",
         "Look at the letters of the weight, there and back. Square weights hide it."),
        ("C24", "C28"),
    ),
    Bug(
        "uses-averaged", "a gradient is averaged where it should be summed", 17, PIXEL,
        ("At how many pixels does one weight work?",
         "Each of its uses adds to its gradient.",
         "Look for a mean, or for a division by a number of pixels or samples."),
        ("C25", "C27"),
    ),
    Bug(
        "gradients-exchanged", "the gradients are returned in another order", 17, PIXEL,
        ("In which order does the exercise ask for the gradients?",
         "First that of x, then those of weight and bias.",
         "Look at the return."),
    ),
    Bug(
        "branch-overwritten", "only one branch's gradient arrives", 17, FORK,
        ("How many branches have read x?",
         "What comes back from one must not replace what came from another.",
         "Look for an assignment where values should add up."),
        ("C16",),
    ),
    Bug(
        "branches-averaged", "the branches' gradients are averaged", 17, FORK,
        ("If x is used twice, how much more does the loss move?",
         "Each use adds its own part.",
         "Look for a mean, or a division by the number of branches."),
    ),
    Bug(
        "pieces-from-start", "every branch gets the first piece of the gradient", 17, FORK,
        ("Where does the second branch's piece begin?",
         "It begins where the first one's ends.",
         "Look at where each slice begins, and at what moves it on."),
        ("C81",),
    ),
    Bug(
        "branch-order", "the branches stand in another order", 17, BLOCK,
        ("Which branch comes first in the table?",
         "1 by 1; 3 by 3; the large window; the pool.",
         "Compare the order of your list with the docstring."),
    ),
    Bug(
        "no-padding", "a branch changes height and width", 17, BLOCK,
        ("What must agree before outputs are put side by side?",
         "All four give the height and width of x.",
         "Look at stride and padding, of the pool too."),
    ),
    Bug(
        "reduce-missing", "a branch looks at all channels with a large window", 17, BLOCK,
        ("Why is there a 1 by 1 convolution before the 3 by 3?",
         "It makes the channels few before the dear layer.",
         "Count the convolutions in the second and the third branch."),
    ),
    Bug(
        "projection-missing", "nothing follows the pool", 17, BLOCK,
        ("How many channels leave a pool?",
         "As many as came in; a 1 by 1 convolution makes them fewer.",
         "Count the convolutions in the fourth branch."),
    ),
    Bug(
        "projection-before-pool", "the 1 by 1 convolution stands before the pool", 17, BLOCK,
        ("What is in the fourth branch first?",
         "The pool looks at the block's own input.",
         "Look at the order in the fourth branch."),
    ),
    Bug(
        "pool-averages", "the pool takes the mean", 17, BLOCK,
        ("Which number of its window does the pool keep?",
         "It is a max pool.",
         "Look at which layer stands for the pool."),
    ),
    Bug(
        "other-window", "a convolution has a window of another size", 17, BLOCK,
        ("Which windows does the table ask for?",
         "The third branch's is an argument, 5 unless another is asked for.",
         "Compare the third argument of each conv with the docstring."),
    ),
    Bug(
        "other-widths", "a convolution has other channels than the table says", 17, BLOCK,
        ("Which number of the row belongs to which convolution?",
         "Two of the six are channels between two layers of a branch.",
         "Compare the evidence with the docstring."),
    ),
)  # fmt: skip
SHAPES = {"6 filters": (2, 3, 6, 4, 5), "as many filters as channels": (3, 4, 4, 2, 3)}


def pointwise(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("pointwise_backward", "gx", "gweight", "gbias")
    rng = np.random.default_rng(seed)
    for name, (n, c, o, h, w) in SHAPES.items():
        x, weight = rng.standard_normal((n, c, h, w)), rng.standard_normal((o, c))
        bias, gy = rng.standard_normal(o), rng.standard_normal((n, o, h, w))
        rows, grows = (np.moveaxis(a, 1, -1).reshape(-1, a.shape[1]) for a in (x, gy))
        with exam.probe(name):
            inputs = [a.copy() for a in (gy, x, weight, bias)]
            given = functions["pointwise_backward"](*inputs)
            _gradients(exam, given, rows, grows, weight, x.shape)
            for array, before in zip(inputs, (gy, x, weight, bias), strict=True):
                exam.unchanged(before, array, "an input")
    return exam.diagnosis()


def _images(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    n, c, h, w = shape
    return np.moveaxis(rows.reshape(n, h, w, c), -1, 1)


def _gradients(
    exam: Examination, given: Any, rows: Any, grows: Any, weight: Any, shape: tuple[int, ...]
) -> None:
    if not exam.require(given is not None, "returns-none", "gx", "the result is None"):
        return
    gx, gweight, gbias = given
    right = (_images(grows @ weight, shape), grows.T @ rows, grows.sum(0))
    shapes = [np.shape(g) for g in given]
    if shapes != [r.shape for r in right] and sorted(shapes) == sorted(r.shape for r in right):
        exam.wrong("gradients-exchanged", "gx", f"the shapes are {shapes}")
        return
    square = weight.shape[0] == weight.shape[1]
    turned = {"weight-axes-exchanged": _images(grows @ weight.T, shape)} if square else {}
    exam.equal("gx", gx, right[0], turned)
    n, pixels = shape[0], shape[2] * shape[3]
    for where, g, r in (("gweight", gweight, right[1]), ("gbias", gbias, right[2])):
        if any(_same(g, r / k) for k in (n, pixels, n * pixels)):
            exam.wrong("uses-averaged", where, "it is the right one, divided by a count of uses")
        else:
            exam.equal(where, g, r, {"weight-axes-exchanged": r.T} if where == "gweight" else {})


def _same(given: Any, value: np.ndarray) -> bool:
    return np.shape(given) == value.shape and np.allclose(given, value)


Branch = tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]


def _branch(weight: np.ndarray) -> Branch:
    """y = W x**2 at each pixel, which takes a gradient of its own width alone."""

    def forward(x: Any) -> Any:
        return np.einsum("oc,nchw->nohw", weight, x**2)

    def backward(gy: Any, x: Any) -> Any:
        return np.einsum("nohw,oc->nchw", gy, weight) * 2 * x

    return forward, backward


def branches_backward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("branches_backward", "gx")
    rng = np.random.default_rng(seed)
    for widths in ((2,), (2, 5, 3), (4, 4, 4), (3, 1, 2, 7)):
        weights = [rng.standard_normal((o, 3)) for o in widths]
        branches = [_branch(weight) for weight in weights]
        x, gy = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, sum(widths), 4, 5))
        pieces = np.split(gy, np.cumsum(widths)[:-1], axis=1)
        parts = [b(g, x) for (_, b), g in zip(branches, pieces, strict=True)]
        with exam.probe(f"branches with {', '.join(map(str, widths))} channels"):
            inputs = gy.copy(), x.copy()
            gx = functions["branches_backward"](*inputs, list(branches))
            # The whole block as one map, with all weights under one another.
            right = np.einsum("nohw,oc->nchw", gy, np.concatenate(weights)) * 2 * x
            known: dict[str, Any] = {}
            if len(widths) > 1:
                known = {"branches-averaged": right / len(widths)}
                if any(_same(gx, part) for part in parts):
                    known["branch-overwritten"] = gx
                starts = [b(gy[:, :o], x) for (_, b), o in zip(branches, widths, strict=True)]
                known["pieces-from-start"] = np.sum(starts, axis=0)
                known["slices-swapped"] = _from_the_end(branches, widths, gy, x)
            exam.equal("gx", gx, right, known)
            exam.unchanged(gy, inputs[0], "gy")
            exam.unchanged(x, inputs[1], "x")
    return exam.diagnosis()


def _from_the_end(branches: list[Branch], widths: tuple[int, ...], gy: Any, x: Any) -> Any:
    gx = np.zeros_like(x)
    for (_, backward), o, end in zip(branches, widths, np.cumsum(widths), strict=True):
        start = gy.shape[1] - end
        gx += backward(gy[:, start : start + o], x)
    return gx


ROWS: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "3 channels": ((3, 2, 4, 5, 3, 7, 6), {}),
    "8 channels, large=3": ((8, 5, 3, 2, 6, 4, 7), {"large": 3}),
}


def inception(functions: Functions, seed: int) -> Diagnosis:
    """The convolutions of each branch, and the branch's outputs with weights drawn here."""
    exam = Examination("inception", "branches", "output")
    rng = np.random.default_rng(seed)
    for name, (row, options) in ROWS.items():
        with exam.probe(name), use_kernels("numpy"):
            branches = functions["inception"](*row, **options)
            if exam.require(branches is not None, "returns-none", "branches", "it is None"):
                _compare_block(exam, list(branches), row, options.get("large", 5), rng)
    return exam.diagnosis()


def _compare_block(
    exam: Examination, branches: list[nn.Module], row: tuple[int, ...], large: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    c, n1, reduce3, n3, reduce5, n5, pool = row
    right = [[(n1, c, 1)], [(reduce3, c, 1), (n3, reduce3, 3)],
             [(reduce5, c, 1), (n5, reduce5, large)], [(pool, c, 1)]]  # fmt: skip
    given = [_convolutions(branch) for branch in branches]
    if given != right:
        evidence = f"(filters, channels, window) are {given}, right are {right}"
        exam.wrong(_misbuilt(given, right), "branches", evidence)
        return
    x = rng.standard_normal((2, c, 6, 7))
    for k, branch in enumerate(branches):
        for p in branch.parameters():
            p.data[...] = rng.standard_normal(p.shape)
        with evaluating(branch):
            _compare_branch(exam, branch.double(), x, k)


def _compare_branch(exam: Examination, branch: nn.Module, x: np.ndarray, k: int) -> None:
    y, what = branch(Tensor(x)).numpy(), f"branch {k + 1}"
    if y.shape[2:] != x.shape[2:]:
        exam.wrong("no-padding", "output", f"{what}: {x.shape} becomes {y.shape}")
        return
    known = {}
    if k == 3:
        known = {
            "pool-averages": _output(branch, x, lambda x: ops.avg_pool2d(x, 3, 1, 1)),
            "projection-before-pool": _pooled(Tensor(_output(branch, x, None))).numpy(),
        }
    exam.equal("output", y, _output(branch, x, _pooled if k == 3 else None), known, what=what)


def _pooled(x: Tensor) -> Tensor:
    return ops.max_pool2d(x, 3, 1, 1)


def _convolutions(branch: nn.Module) -> list[tuple[int, ...]]:
    return [m.weight.shape[:3] for m in branch.modules() if isinstance(m, nn.Conv2d)]


def _misbuilt(given: list, right: list) -> str:
    if sorted(given) == sorted(right):
        return "branch-order"
    if len(given) != 4:
        return "result-wrong"
    if not given[3]:
        return "projection-missing"
    if any(len(g) < len(r) for g, r in zip(given, right, strict=True)):
        return "reduce-missing"
    windows = [[[row[2] for row in branch] for branch in block] for block in (given, right)]
    return "other-widths" if windows[0] == windows[1] else "other-window"


def _output(branch: nn.Module, x: Any, pool: Any) -> np.ndarray:
    """Its convolutions one after the other, each normalised as it came and with ReLU."""
    y = Tensor(x) if pool is None else pool(Tensor(x))
    norms = iter([m for m in branch.modules() if isinstance(m, nn.BatchNorm2d)])
    for layer in (m for m in branch.modules() if isinstance(m, nn.Conv2d)):
        y = ops.conv2d(y, layer.weight, padding=layer.weight.shape[2] // 2)
        y = ops.relu(next(norms)(y))
    return y.numpy()


CHECKS = {
    "pointwise_backward": Check(pointwise, POINTWISE_WRONG),
    "branches_backward": Check(branches_backward, BRANCHES_WRONG),
    "inception": Check(inception, INCEPTION_WRONG),
}
