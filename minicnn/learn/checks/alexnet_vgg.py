"""Lesson 16: receptive fields, what layers cost, and networks built from rows."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import nn, ops
from ...kernels import use_kernels
from ...nn.evaluating import evaluating
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .alexnet_vgg_wrong import COSTS, COSTS_WRONG, FIELDS, FIELDS_WRONG, NETWORK_WRONG
from .examination import Check, Examination, Functions

FIELD, LIVE, BUILT = (
    "How much of the image a unit sees",
    "Where parameters and multiply-adds live",
    "Is it the published network?",
)
BUGS = (
    Bug(
        "own-stride-counted", "the layer's own stride is counted for its own window", 16, FIELD,
        ("Between which units lie the jumps that a window spans?",
         "A window spans units of the layer below; its stride acts on the layers above.",
         "Look at which of your two numbers is brought up to date first."),
    ),
    Bug(
        "strides-forgotten", "the strides of the layers below are not used", 16, FIELD,
        ("After a layer with stride 2, how far apart are two neighbours, in pixels?",
         "Every stride multiplies the distance for all layers above it.",
         "Look for the number that carries the distance."),
    ),
    Bug(
        "strides-added", "the strides are added and not multiplied", 16, FIELD,
        ("Two layers with stride 3: how many pixels lie between two neighbours then?",
         "A step of the upper layer is a number of steps of the lower one.",
         "Look at how the distance changes with the stride."),
    ),
    Bug(
        "last-stride-only", "only the stride of the layer just below is used", 16, FIELD,
        ("Three layers with stride 2: how far apart are two neighbours of the third, in pixels?",
         "Every stride below has its part in the distance.",
         "Look at what the distance is set to in each step."),
    ),
    Bug(
        "window-one-too-long", "a window of k spans k jumps", 16, FIELD,
        ("How many steps are there from the first to the last of three neighbours?",
         "One less than there are neighbours.",
         "Look at what is multiplied by the distance."),
    ),
    Bug(
        "field-starts-at-zero", "the field of a pixel of the image is 0", 16, FIELD,
        ("What can a layer with a 1 by 1 window see of the image?",
         "One pixel: a pixel sees itself.",
         "Look at the first value of the field."),
    ),
    Bug(
        "last-field-only", "there is one field and not one for each layer", 16, FIELD,
        ("How many numbers does your function return?",
         "The list has an entry for each window.",
         "Look at what is returned, and at what is kept on the way."),
    ),
    Bug(
        "counted-without-bias", "the biases are not among the parameters", 16, LIVE,
        ("How many numbers does one filter learn?",
         "Every filter and every dense unit has a bias.",
         "Look at the count of parameters."),
    ),
    Bug(
        "multiply-adds-with-bias", "the biases are among the multiply-adds", 16, LIVE,
        ("Is a bias multiplied with anything?",
         "By convention only the weights count, once for each use.",
         "Look at what is multiplied by the number of output pixels."),
    ),
    Bug(
        "flops-for-multiply-adds", "multiplications and additions are counted apart", 16, LIVE,
        ("What is one multiply-add?",
         "A multiplication and its addition are one. (Two operations, often called FLOPs.)",
         "Look for a factor 2."),
    ),
    Bug(
        "kernel-not-squared", "the kernel's side is used once and not squared", 16, LIVE,
        ("How many pixels are in a window of 3 by 3?",
         "A filter has a weight for each channel, row and column.",
         "Look at the power of the kernel's side."),
    ),
    Bug(
        "costs-at-input-size", "the multiply-adds are counted on the input's pixels", 16, LIVE,
        ("How often is a filter laid on the image when the stride is 4?",
         "Once for each pixel that it makes.",
         "Look at which height and width are multiplied."),
    ),
    Bug(
        "padding-once", "the padding is added at one side only", 16, LIVE,
        ("How many rows has an image after padding 2?",
         "There are p new rows above and p below.",
         "Look at the number of windows of a convolution."),
    ),
    Bug(
        "size-rounded-up", "the number of windows is rounded up", 16, LIVE,
        ("May a window reach over the edge?",
         "A window that does not fit is left out, so the quotient is rounded down.",
         "Look at the division by the stride."),
    ),
    Bug(
        "last-window-lost", "the last window of each row is lost", 16, LIVE,
        ("In 7 rows with a window of 3: at which rows can it begin?",
         "One window fits, and one more for each stride that is left.",
         "Look for the 1 at the end of the formula of lesson 10."),
    ),
    Bug(
        "pool-keeps-size", "a pool does not make the image smaller", 16, LIVE,
        ("What does a 2 by 2 pool with stride 2 make of 8 by 8 pixels?",
         "It keeps the channels and changes height and width.",
         "Look at the shape after a pool."),
    ),
    Bug(
        "flatten-channels", "the dense layer's inputs are the channels alone", 16, LIVE,
        ("How many numbers are in an array of 512 by 7 by 7?",
         "A dense layer takes every number: channels times rows times columns.",
         "Look at the shape after flattening."),
    ),
    Bug(
        "relu-at-the-end", "there is a ReLU after the last layer", 16, BUILT,
        ("May a logit be negative?",
         "Softmax needs numbers of both signs.",
         "Look at what follows the last dense layer."),
    ),
    Bug(
        "relu-left-out", "a ReLU is missing", 16, BUILT,
        ("What are two layers worth without anything between them?",
         "A ReLU follows each layer with weights but the last.",
         "Count the ReLUs behind convolutions, and those behind dense layers."),
    ),
    Bug(
        "bias-left-out", "a layer has no bias", 16, BUILT,
        ("How many parameters have your layers, and how many the table's?",
         "Every convolution and dense layer here has a bias.",
         "Look at the options that you give to the layers."),
    ),
    Bug(
        "average-for-max", "the pools average", 16, BUILT,
        ("Which of a window's numbers does a pool of this lesson keep?",
         "Both papers use max pooling.",
         "Look at which layer stands for a pool."),
    ),
    Bug(
        "dropout-misplaced", "dropout stands in another place than in the table", 16, BUILT,
        ("Does dropout come before or after its dense layer?",
         "The two tables differ in this; the rows say which.",
         "Compare the order of your layers with the rows."),
    ),
)  # fmt: skip
POOL = ("pool", 3, 2)
Rows = list[tuple[Any, ...]]
CASES: dict[str, tuple[Rows, tuple[int, int, int]]] = {
    "one convolution": ([("conv", 5, 3, 1, 1)], (2, 6, 7)),
    "stride and padding": ([("conv", 7, 5, 2, 2), ("pool", 3, 2)], (3, 14, 11)),
    "a small AlexNet": (
        [("conv", 3, 5, 2, 1), POOL, ("conv", 7, 3, 1, 1), ("flatten",), ("dropout", 0.5),
         ("dense", 11), ("dropout", 0.25), ("dense", 5)], (2, 16, 19)),
    "a small VGG": (
        [("conv", 3, 3, 1, 1), ("conv", 5, 3, 1, 1), ("pool", 2, 2), ("flatten",), ("dense", 7),
         ("dropout", 0.5), ("dense", 6)], (1, 8, 6)),
}  # fmt: skip


PARTS = ("shapes", "parameters", "multiply-adds")


def receptive_field(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("receptive_field", "fields")
    rng = np.random.default_rng(seed)
    drawn = [(int(k), int(s)) for k, s in rng.integers((2, 2), (6, 4), (4, 2))]
    for windows in ([(3, 1), (3, 1)], [(11, 4), (3, 2), (5, 1)], [(1, 1), (2, 2), (3, 3)], drawn):
        with exam.probe(f"windows {windows}"):
            given = functions["receptive_field"](list(windows))
            right = [_reach(windows[: n + 1]) for n in range(len(windows))]
            known: dict[str, Any] = {bug: wrong(windows) for bug, wrong in FIELDS.items()}
            if np.ndim(given) == 0:
                known["last-field-only"] = right[-1]
            exam.equal("fields", given, right, known)
    return exam.diagnosis()


def _reach(windows: list[tuple[int, int]]) -> int:
    """How many pixels the first unit of the last layer needs: the windows, followed downwards."""
    units = {0}
    for kernel, stride in reversed(windows):
        units = {unit * stride + k for unit in units for k in range(kernel)}
    return max(units) + 1


def layer_costs(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("layer_costs", *PARTS)
    rng = np.random.default_rng(seed)
    low, high = (2, 2, 1, 0), (9, 5, 4, 3)  # filters, kernel, stride, padding
    drawn = [("conv", *rng.integers(low, high).tolist()), ("flatten",), ("dense", 5)]
    for name, (rows, shape) in {**CASES, "drawn": (drawn, (3, 9, 8))}.items():
        with exam.probe(name), use_kernels("numpy"):
            given = functions["layer_costs"](list(rows), shape)
            if exam.require(given is not None, "returns-none", PARTS[0], "the result is None"):
                right = list(_measured(rows, shape))
                wrong = {bug: mistaken(rows, shape) for bug, mistaken in COSTS.items()}
                for k, part in enumerate(PARTS):
                    known = {bug: _column(costs, k) for bug, costs in wrong.items()}
                    exam.equal(part, _column(given, k), _column(right, k), known)
    return exam.diagnosis()


def _column(costs: Any, k: int) -> list[int]:
    """The parameters or the multiply-adds of all rows; or all shapes, one after the other."""
    return [n for cost in costs for n in (cost[k] if k == 0 else [cost[k]])]


def _measured(rows: Rows, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Of the library's layers: their outputs, their weights, and a use of each per output pixel."""
    x = Tensor(np.zeros((1, *shape), np.float32))
    with nn.init.skip():
        for row in rows:
            layer = _layer(row, x.shape[1])
            x = layer(x)
            weight = layer.weight.numel() if hasattr(layer, "weight") else 0
            parameters = sum(p.numel() for p in layer.parameters())
            yield x.shape[1:], parameters, weight * math.prod(x.shape[2:])


def _layer(row: tuple[Any, ...], channels: int) -> Any:
    kind, *numbers = row
    if kind in ("conv", "dense"):
        return (nn.Conv2d if kind == "conv" else nn.Linear)(channels, *numbers)
    return {"pool": nn.MaxPool2d, "flatten": nn.Flatten, "dropout": nn.Dropout}[kind](*numbers)


def network(functions: Functions, seed: int) -> Diagnosis:
    """The shapes of its weights, its outputs with weights drawn here, and where dropout stands."""
    exam = Examination("network", "parameters", "output", "dropout")
    rng = np.random.default_rng(seed)
    for name, (rows, shape) in list(CASES.items())[2:]:
        with exam.probe(name), use_kernels("numpy"):
            net = functions["network"](list(rows), shape)
            if exam.require(net is not None, "returns-none", "output", "the result is None"):
                _compare_network(exam, net, rows, shape, rng)
    return exam.diagnosis()


def _compare_network(
    exam: Examination, net: Any, rows: Rows, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    layers, channels = [], shape[0]
    for row, (after, _, _) in zip(rows, list(_measured(rows, shape)), strict=True):
        layers.append(_layer(row, channels))
        channels = after[0]
    right = [p.shape for layer in layers for p in layer.parameters()]
    given = [p.shape for p in net.parameters()]
    weights = [shape for shape in right if len(shape) > 1]
    bug = "bias-left-out" if given == weights else "result-wrong"
    if not exam.require(given == right, bug, "parameters", f"shapes {given}, right are {right}"):
        return
    for p in net.parameters():
        p.data[...] = rng.standard_normal(p.shape) / math.sqrt(max(p.shape[1:], default=1))
    weights_of = iter([p.numpy().astype(float) for p in net.parameters()])
    pairs = {i: (next(weights_of), next(weights_of)) for i, r in enumerate(rows) if _weighted(r)}
    x = rng.standard_normal((4, *shape))
    with evaluating(net):
        y = net.double()(Tensor(x)).numpy()
    known = {bug: _output(rows, pairs, x, **how) for bug, how in OUTPUTS}
    exam.equal("output", y, _output(rows, pairs, x), {k.split()[0]: v for k, v in known.items()
               if np.shape(y) == v.shape and np.allclose(y, v)})  # fmt: skip
    found = [_named(m) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Dropout)]
    placed = [_named(m) for m in layers if isinstance(m, nn.Conv2d | nn.Linear | nn.Dropout)]
    exam.require(found == placed, "dropout-misplaced", "dropout",
                 f"in order: {' '.join(found)}; the rows say {' '.join(placed)}")  # fmt: skip


def _weighted(row: tuple[Any, ...]) -> bool:
    return row[0] in ("conv", "dense")


def _named(module: nn.Module) -> str:
    return repr(module) if isinstance(module, nn.Dropout) else type(module).__name__


def _output(
    rows: Rows, pairs: Any, x: Any, relu: tuple[str, ...] = ("conv", "dense"), end: bool = False,
    pool: Any = ops.max_pool2d,
) -> np.ndarray:  # fmt: skip
    """What the rows make of images in evaluation, with (weight, bias) of each row that has them."""
    y = Tensor(x)
    for i, (kind, *numbers) in enumerate(rows):
        if kind == "conv":
            weight, bias = pairs[i]
            y = ops.conv2d(y, weight, bias, stride=numbers[2], padding=numbers[3])
        elif kind == "dense":
            y = ops.linear(y, *pairs[i])
        elif kind == "pool":
            y = pool(y, *numbers)
        elif kind == "flatten":
            y = y.flatten(1)
        if kind in relu and (end or any(map(_weighted, rows[i + 1 :]))):
            y = ops.relu(y)
    return y.numpy()


OUTPUTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("relu-at-the-end", {"end": True}), ("relu-left-out conv", {"relu": ("dense",)}),
    ("relu-left-out dense", {"relu": ("conv",)}), ("relu-left-out all", {"relu": ()}),
    ("average-for-max", {"pool": ops.avg_pool2d}),
)  # fmt: skip
CHECKS = {
    "receptive_field": Check(receptive_field, FIELDS_WRONG),
    "layer_costs": Check(layer_costs, COSTS_WRONG),
    "network": Check(network, NETWORK_WRONG),
}
