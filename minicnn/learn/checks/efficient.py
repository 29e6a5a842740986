"""Lesson 20: groups as a full convolution, and the inverted residual block."""

import numpy as np

from ... import nn, ops
from ...kernels import use_kernels
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .efficient_wrong import BLOCK, CHANGES, DENSE, expected
from .examination import Check, Examination, Functions

__all__ = ["BUGS", "CHECKS"]

GROUPS, BLOCKS = "Groups and channels", "Narrow outside, wide inside"
BUGS = (
    Bug(
        "kernel-turned", "the kernels are turned round", 20, GROUPS,
        ("Is anything done to a kernel when its filter gets more channels?",
         "A kernel goes to its new place as it is.",
         "Look at the last two axes."),
    ),
    Bug(
        "one-filter-each", "a group has one filter alone", 20, GROUPS,
        ("How many filters does a group have, of O filters and G groups?",
         "All filters of a group see the same channels; each has a row in the full weight.",
         "Look at which filters are copied."),
    ),
    Bug(
        "not-expanded", "the expansion is missing, or the depthwise layer is not wide", 20, BLOCKS,
        ("How many channels does the depthwise layer have?",
         "A pointwise layer makes more channels first, unless there are enough already.",
         "Look at the first layer, and at when it is left out."),
    ),
    Bug(
        "expanded-in-vain", "a layer expands though there is nothing to expand", 20, BLOCKS,
        ("What does the first layer do if channels and expanded are the same?",
         "Then it is left out: the depthwise layer comes first.",
         "Look at the condition of the first layer."),
    ),
    Bug(
        "not-depthwise", "the middle convolution mixes channels", 20, GROUPS,
        ("How many groups does a depthwise convolution have?",
         "As many as channels; then each filter has one channel, and few weights.",
         "Look at the groups of the middle layer."),
        ("C38",),
    ),
    Bug(
        "gate-lost", "the gate is not used, or its place is not behind the depthwise layer", 20,
        BLOCKS,
        ("How many channels does the gate expect?",
         "It stands where the channels are many: behind the depthwise layer.",
         "Look at where the gate comes into the list of layers."),
    ),
    Bug(
        "activation-after-projection", "there is an activation after the projection", 20, BLOCKS,
        ("Can your block give negative numbers?",
         "The bottleneck is linear: what an activation loses there, no other channel knows.",
         "Look at the activation of the last layer."),
    ),
    Bug(
        "activation-missing", "an activation inside the block is missing, or is another one", 20,
        BLOCKS,
        ("Which of the three convolutions are followed by the activation?",
         "The first two, and by the one that was given.",
         "Look at each layer's activation; a layer's own default is ReLU."),
    ),
    Bug(
        "stride-misplaced", "the stride is in another layer than the depthwise one", 20, BLOCKS,
        ("Which layer looks at neighbouring pixels?",
         "A pointwise layer with stride 2 would throw pixels away unseen.",
         "Look at which layer gets the stride."),
    ),
    Bug(
        "skip-lost", "the input is not added though it fits", 20, BLOCKS,
        ("When do input and output have the same shape?",
         "With stride 1, and as many channels outside before as behind.",
         "Look at self.skip for a block that changes no size."),
        ("C82",),
    ),
    Bug(
        "skip-misfit", "the input is to be added though it does not fit", 20, BLOCKS,
        ("Which shape has the output with stride 2, or with other channels?",
         "Both must fit: the size of the image and the number of channels.",
         "Look at the condition of self.skip."),
        ("C82",),
    ),
)  # fmt: skip
LAYERS = {  # filters, channels per group, kernel, groups
    "3 groups": (6, 2, (3, 2), 3),
    "depthwise": (5, 1, (2, 3), 5),
    "one group": (3, 4, (1, 2), 1),
    "more filters than channels": (8, 1, (2, 2), 4),
    "more channels than filters": (2, 3, (3, 3), 2),
}


def dense_weight(functions: Functions, seed: int) -> Diagnosis:
    """Entry by entry from the definition; then the convolution must give the same, exactly."""
    exam = Examination("dense_weight", "weight", "convolution")
    for name, (filters, channels, kernel, groups) in LAYERS.items():
        rng = np.random.default_rng([seed, len(name)])
        weight = rng.integers(1, 9, (filters, channels, *kernel)).astype(float)
        x = rng.integers(-9, 9, (2, channels * groups, 5, 6)).astype(float)
        with exam.probe(name), use_kernels("numpy"):
            given = weight.copy()
            found = functions["dense_weight"](given, groups)
            exam.unchanged(weight, given, "weight")
            o = np.arange(filters)
            right = _placed(weight, groups, o // (filters // groups))
            known = {
                "groups-ignored": np.tile(weight, (1, groups, 1, 1)),
                "wrong-group": _placed(weight, groups, o % groups),
                "kernel-turned": right[:, :, ::-1, ::-1],
                "one-filter-each": np.where(
                    (o % (filters // groups) == 0)[:, None, None, None], right, 0),
            }  # fmt: skip
            known = {bug: v for bug, v in known.items() if not np.array_equal(v, right)}
            if exam.equal("weight", found, right, known, rtol=0, atol=0):
                full = ops.conv2d(x, np.asarray(found, float)).numpy()
                same = np.array_equal(full, ops.conv2d(x, weight, groups=groups).numpy())
                exam.require(same, "result-wrong", "convolution", "the outputs differ")
    return exam.diagnosis()


def _placed(weight: np.ndarray, groups: int, group: np.ndarray) -> np.ndarray:
    """``group`` says for each filter which group's channels it gets."""
    filters, channels, *kernel = weight.shape
    full = np.zeros((filters, groups, channels, *kernel))
    for o, c in np.ndindex(filters, channels):
        full[o, group[o], c] = weight[o, c]
    return full.reshape(filters, groups * channels, *kernel)


class Gate(nn.Module):
    """A gate that remembers what it saw; its factors are random numbers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(np.ones((1, channels, 1, 1), np.float32))
        self.seen: tuple[int, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.shape
        return x * self.factor


CASES = {  # channels, expanded, out, kernel, stride, activation, with a gate
    "6 times as wide": (2, 12, 2, 3, 1, nn.ReLU6, False),
    "stride 2": (3, 9, 3, 3, 2, nn.ReLU6, False),
    "other channels": (2, 8, 4, 3, 1, nn.ReLU6, False),
    "nothing to expand": (6, 6, 4, 3, 1, nn.Hardswish, True),
    "nothing changes": (4, 4, 4, 3, 1, nn.Hardswish, False),
    "with a gate, 5x5": (3, 7, 3, 5, 1, nn.SiLU, True),
    "all": (4, 10, 6, 5, 2, nn.Hardswish, True),
}


def inverted_residual(functions: Functions, seed: int) -> Diagnosis:
    """The layers by their weights, then the outputs with random weights and statistics."""
    exam = Examination("InvertedResidual", "layers", "skip", "output")
    for name, sizes in CASES.items():
        rng = np.random.default_rng([seed, len(name)])
        c, e, o, k, s, activation, gated = sizes
        with exam.probe(name), use_kernels("numpy"), nn.init.skip():
            gate = Gate(e) if gated else None
            block = functions["InvertedResidual.__init__"](c, e, o, k, s, activation, gate)
            block = block.double().eval()
            fits = s == 1 and c == o
            bug = "skip-lost" if fits else "skip-misfit"
            if not exam.require(bool(block.skip) == fits, bug, "skip", f"skip is {block.skip}"):
                continue
            if _layers_fit(exam, block, gate, sizes):
                _compare(exam, block, gate, sizes, rng)
    return exam.diagnosis()


def _state(block: nn.Module, gate: Gate | None) -> list[Tensor]:
    """All parameters and statistics but the gate's, in order."""
    return [value for name, value in block.named_state()
            if value.ndim and not (gate and value is gate.factor)]  # fmt: skip


def _layers_fit(exam: Examination, block: nn.Module, gate: Gate | None, sizes: tuple) -> bool:
    c, e, o, k, *_ = sizes
    shapes = [value.shape for value in _state(block, gate) if value.ndim == 4]
    right = [(e, c, 1, 1)] * (e != c) + [(e, 1, k, k), (o, e, 1, 1)]
    if shapes == right:
        strides = [np.broadcast_to(m.stride, 2).tolist() for m in block.modules()
                   if hasattr(m, "stride")]  # fmt: skip
        wanted = [[sizes[4] if s[2:] == (k, k) else 1] * 2 for s in right]
        return exam.require(strides == wanted, "stride-misplaced", "layers",
                            f"the strides are {strides}, right is {wanted}")  # fmt: skip
    bug = "result-wrong"
    if shapes == [(e, c, 1, 1), (e, 1, k, k), (o, e, 1, 1)]:
        bug = "expanded-in-vain"
    elif [s for s in shapes if s[2:] == (k, k)] == [(e, e, k, k)]:
        bug = "not-depthwise"
    elif (e, c, 1, 1) not in shapes and e != c:
        bug = "not-expanded"
    exam.wrong(bug, "layers", f"the filters are {shapes}, right is {right}")
    return False


def _compare(
    exam: Examination, block: nn.Module, gate: Gate | None, sizes: tuple, rng: np.random.Generator
) -> None:
    for value in [*_state(block, gate), *([gate.factor] if gate else [])]:
        value.data[...] = rng.uniform(0.5, 1.5, value.shape) * rng.choice([-1, 1], value.shape)
        if value.ndim == 1:  # a variance is among these
            value.data[...] = abs(value.data)
    values = [value.data for value in _state(block, gate)]
    x = 3 * rng.standard_normal((2, sizes[0], 7, 6))
    found = block(Tensor(x)).numpy()
    factor = gate.factor.data if gate else None
    right = expected(values, factor, x, sizes)
    if found.shape == right.shape and np.allclose(found, right, 1e-9):
        return
    known = {}
    for bug, change in CHANGES.items():
        for how in change(sizes):
            y = expected(values, factor, x, sizes, **how)
            if y.shape == found.shape and np.allclose(y, found, 1e-9):
                known[bug] = y
    exam.equal("output", found, right, known)


CHECKS = {
    "dense_weight": Check(dense_weight, DENSE),
    "inverted_residual": Check(inverted_residual, BLOCK),
}
