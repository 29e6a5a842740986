"""Lesson 19: channels of dense blocks, and a block in one buffer, there and back."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ... import ops
from ...kernels import use_kernels
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

GROWTH, BUFFER, BACK = "Growth", "One buffer", "The gradient of what is used again"
BUGS = (
    Bug(
        "transition-missing", "the channels are not halved between the blocks", 19, GROWTH,
        ("What stands between two blocks, and what does it do to the channels?",
         "The next block begins with half of what the last one has given.",
         "What you carry from one block to the next."),
    ),
    Bug(
        "transition-counted", "the number after the transition is given, not after the block", 19,
        GROWTH,
        ("What does the last block give? No transition follows it.",
         "The list has the numbers before they are halved.",
         "When you write a number down."),
    ),
    Bug(
        "growth-once", "a block adds the growth rate once, not once per layer", 19, GROWTH,
        ("How many layers has the block, and what does each of them add?",
         "Every layer adds k channels.",
         "What you add for a block."),
    ),
    Bug(
        "last-result-only", "a layer sees only what the layer before it has made", 19, BUFFER,
        ("Which channels does the second layer of a block read?",
         "All that are there: x and every result so far.",
         "The slice that a layer reads."),
    ),
    Bug(
        "block-order", "the channels stand in another order in the buffer", 19, BUFFER,
        ("Where is x in the buffer?",
         "x comes first, then the results in the order of the layers.",
         "The slice that is written, or the order in which you concatenate."),
        ("C81",),
    ),
    Bug(
        "block-relu-missing", "the ReLU of a layer is missing", 19, BUFFER,
        ("Can a new channel hold a negative number?",
         "ReLU comes after the sum over channels, before the result is written.",
         "The line that writes into the buffer."),
    ),
    Bug(
        "block-relu-of-x", "ReLU is applied to the block's input, too", 19, BUFFER,
        ("Do x's negative numbers stay in the buffer?",
         "Only new channels pass through ReLU.",
         "What ReLU is applied to."),
    ),
    Bug(
        "reuse-lost", "the gradients of channels that are used again are lost", 19, BACK,
        ("On how many ways does a channel of x reach the loss?",
         "Every layer that has read a channel adds to its gradient.",
         "What happens to the gradients of the channels that a layer has read."),
        ("C16", "C34"),
    ),
    Bug(
        "reuse-overwritten", "the gradient of one reader replaces that of the others", 19, BACK,
        ("What was there before the last reader's gradient?",
         "Contributions to one gradient are added.",
         "The assignment to the gradients of the channels that a layer has read."),
        ("C16", "C34"),
    ),
    Bug(
        "gradient-incomplete", "a layer's gradient is used before its readers have added theirs",
        19, BACK,
        ("When is the gradient of a layer's result complete?",
         "After all its readers, which are the later layers; they add to the second buffer.",
         "The order of the loop, and the array from which you take a layer's gradient."),
        ("C17",),
    ),
    Bug(
        "block-mask-missing", "the gradient passes where a layer's ReLU was closed", 19, BACK,
        ("What was the last step of a layer?",
         "It is the first on the way back; the buffer tells where it was open.",
         "What you take from the second buffer for a layer."),
        ("C47",),
    ),
    Bug(
        "weight-gradients-reversed", "the weights' gradients stand in the reversed order", 19, BACK,
        ("Which layer's gradient have you found first?",
         "The list has the order of the weights.",
         "How the gradients are put into the list."),
    ),
)  # fmt: skip


def block_channels(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("block_channels", "result")
    rng = np.random.default_rng(seed)
    drawn = (int(rng.integers(3, 90)), int(rng.integers(2, 40)), tuple(rng.integers(2, 9, 4)))
    for name, (channels, growth, depths) in {
        "DenseNet-121": (64, 32, (6, 12, 24, 16)), "odd": (5, 3, (2, 3, 2)), "one": (7, 4, (5,)),
        "drawn": (*drawn[:2], tuple(map(int, drawn[2]))),
    }.items():  # fmt: skip
        with exam.probe(name):
            right = _channels(channels, growth, depths)
            known = {bug: _channels(channels, growth, depths, bug) for bug in (
                "transition-missing", "transition-counted", "growth-once")}  # fmt: skip
            exam.equal(
                "result", functions["block_channels"](channels, growth, depths), right, known
            )
    return exam.diagnosis()


def _channels(channels: int, growth: int, depths: Any, bug: str = "") -> list[int]:
    """One layer after the other."""
    found = []
    for depth in depths:
        for _ in range(1 if bug == "growth-once" else depth):
            channels += growth
        half = channels // 2
        found.append(half if bug == "transition-counted" else channels)
        channels = channels if bug == "transition-missing" else half
    return found


def _naive(x: Tensor, weights: list[Tensor], bug: str = "") -> Tensor:
    """The block with a copy for every layer."""
    y, last = ops.relu(x) if bug == "block-relu-of-x" else x, 0
    for weight in weights:
        read, kernel = y, weight.reshape(*weight.shape, 1, 1)
        if bug == "last-result-only" and last:
            read, kernel = y[:, -last:], kernel[:, -last:]
        new = ops.conv2d(read, kernel)
        new = new if bug == "block-relu-missing" else ops.relu(new)
        y = ops.concat([new, y] if bug == "block-order" else [y, new], 1)
        last = weight.shape[0]
    return y


def _probes(seed: int) -> Iterator[tuple[str, np.ndarray, list[np.ndarray]]]:
    """Growth rates and numbers of channels that no other length equals."""
    for name, (n, c, h, w), k, layers in (
        ("three layers", (2, 3, 4, 5), 2, 3), ("one layer", (3, 5, 2, 4), 4, 1),
        ("four layers", (2, 2, 3, 1), 5, 4),
    ):  # fmt: skip
        rng = np.random.default_rng([seed, layers])
        weights = [rng.standard_normal((k, c + i * k)) for i in range(layers)]
        yield name, rng.standard_normal((n, c, h, w)), weights


def _tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in arrays]


FORWARD = ("last-result-only", "block-order", "block-relu-missing", "block-relu-of-x")


def dense_block_forward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("dense_block_forward", "buffer")
    for name, x, weights in _probes(seed):
        mine = x.copy(), [w.copy() for w in weights]
        with exam.probe(name), use_kernels("numpy"):
            found = functions["dense_block_forward"](*mine)
            right = _naive(Tensor(x), _tensors(weights)).numpy()
            known = {bug: _naive(Tensor(x), _tensors(weights), bug).numpy() for bug in FORWARD}
            exam.equal("buffer", found, right, known)
            exam.unchanged(x, mine[0], "x")
    return exam.diagnosis()


def dense_block_backward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("dense_block_backward", "gx", "gweights")
    for name, x, weights in _probes(seed):
        y, gy, right = _by_autograd(x, weights, seed)
        mine = gy.copy(), y.copy(), [w.copy() for w in weights]
        with exam.probe(name):
            gx, gweights = functions["dense_block_backward"](*mine)
            exam.unchanged(gy, mine[0], "gy")
            exam.unchanged(y, mine[1], "y")
            _gradients(exam, (gx, gweights), right, {
                bug: backward(gy.copy(), y, weights) for bug, backward in MISTAKES.items()
            })  # fmt: skip
    return exam.diagnosis()


def _by_autograd(x: np.ndarray, weights: list[np.ndarray], seed: int) -> Any:
    """The buffer, an upstream gradient, and the gradients of x and the weights."""
    with use_kernels("numpy"):
        tensors = _tensors([x, *weights])
        output = _naive(tensors[0], tensors[1:])
        gy = np.random.default_rng([seed, 9]).standard_normal(output.shape)
        (output * Tensor(gy)).sum().backward()
    return output.numpy().copy(), gy, [t.grad.numpy() for t in tensors if t.grad is not None]


def _gradients(exam: Examination, found: Any, right: list[np.ndarray], known: Any) -> None:
    gx, gweights = found
    exam.equal("gx", gx, right[0], {bug: value[0] for bug, value in known.items()})
    if gweights is None or len(gweights) != len(right) - 1:
        exam.wrong("wrong-count", "gweights", f"{len(right) - 1} gradients are to come back")
        return
    for i, (mine, theirs) in enumerate(zip(gweights, right[1:], strict=True)):
        more = {bug: value[1][i] for bug, value in known.items()}
        exam.equal("gweights", mine, theirs, more, what=f"gradient of weight {i}")


def _backward(bug: str = "") -> Callable[..., Any]:
    """The backward pass with loops over channels, with one step as a mistake has it."""

    def backward(gy: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Any:
        g, (k, c) = gy.copy(), weights[0].shape
        found = []
        layers = list(enumerate(weights))
        for i, weight in layers if bug == "forward" else reversed(layers):
            first = c + i * k
            source = gy if bug == "gradient-incomplete" else g
            new = source[:, first : first + k].copy()
            if bug != "block-mask-missing":
                new[y[:, first : first + k] <= 0] = 0
            found.append(np.tensordot(new, y[:, :first], ((0, 2, 3), (0, 2, 3))))
            handed = np.moveaxis(np.tensordot(weight, new, (0, 1)), 0, 1)
            if bug == "reuse-overwritten":
                g[:, :first] = handed
            elif bug != "reuse-lost":
                g[:, :first] += handed
        backwards = bug not in ("forward", "weight-gradients-reversed")
        return g[:, :c], found[::-1] if backwards else found

    return backward


BACKWARD = ("reuse-lost", "reuse-overwritten", "gradient-incomplete", "block-mask-missing",
            "weight-gradients-reversed")  # fmt: skip
MISTAKES = {bug: _backward(bug) for bug in BACKWARD}


def _forward(bug: str) -> Any:
    return {"dense_block_forward": lambda x, weights: _naive(
        Tensor(x), _tensors(weights), bug).numpy()}  # fmt: skip


def _changing(gy: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Any:
    gy *= 2
    return _backward()(gy / 2, y, weights)


CHECKS = {
    "block_channels": Check(
        block_channels,
        wrong=(
            *(Wrong(bug, {"block_channels": lambda c, k, depths, bug=bug: _channels(
                c, k, depths, bug)}) for bug in (
                    "transition-missing", "transition-counted", "growth-once")),
            Wrong("returns-none", {"block_channels": lambda c, k, depths: None}),
            Wrong("result-wrong", {"block_channels": lambda c, k, depths: [c for d in depths]}),
        ),
    ),
    "dense_block_forward": Check(
        dense_block_forward,
        wrong=(
            *(Wrong(bug, _forward(bug)) for bug in FORWARD),
            Wrong("returns-none", {"dense_block_forward": lambda x, weights: None}),
        ),
    ),
    "dense_block_backward": Check(
        dense_block_backward,
        wrong=(
            *(Wrong(bug, {"dense_block_backward": f}) for bug, f in MISTAKES.items()),
            Wrong("gradient-incomplete", {"dense_block_backward": _backward("forward")}),
            Wrong("changes-input", {"dense_block_backward": _changing}),
            Wrong("wrong-count", {"dense_block_backward": lambda gy, y, weights: (
                _backward()(gy, y, weights)[0], [])}),
        ),
    ),
}  # fmt: skip
