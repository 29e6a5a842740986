"""The contestants: the same training step and the same inference, in minicnn and in its peers.

torch runs as its users run it, in both memory formats, with as many threads as ours. A peer that is
not installed is left out, and the table says so.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minicnn
from minicnn import Tensor, models, nn, no_grad, ops, optim, use_kernels
from minicnn.kernels.threads import get_num_threads

from .report import LAST, OURS, TORCH

Step = Callable[[], Any]
NUMPY, DEZERO = "minicnn on NumPy", "dezero"
RATE, MOMENTUM = 1e-3, 0.9
PLAIN = "mnist_1_32_64"  # no model of ours: what most first programs train


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def torch_nets() -> Any:
    """The module of torch's nets, with torch set to as many threads as our kernels use."""
    importlib.import_module("torch").set_num_threads(get_num_threads())
    return importlib.import_module("benchmarks.torch_nets")


def images(*shape: int, seed: int = 0) -> np.ndarray:
    """Random images (N, C, H, W), channels-last in memory as our loader makes them."""
    n, c, h, w = shape
    x = np.random.default_rng(seed).standard_normal((n, h, w, c), np.float32)
    return x.transpose(0, 3, 1, 2)


def labels(n: int, classes: int = 10) -> np.ndarray:
    return np.random.default_rng(1).integers(0, classes, n)


# Training


def our_step(net: Any, x: np.ndarray, y: np.ndarray) -> Step:
    """Forward, loss, backward and update, as the README has them; returns the loss."""
    optimizer = optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)

    def step() -> float:
        loss = ops.cross_entropy(net(Tensor(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def training_steps(
    name: str, batch: int, peers: Sequence[str] = (TORCH, LAST), size: int | None = None
) -> dict[str, Step]:
    """The training step of a model of ours on random images, and that of those peers that we have.

    Raises RuntimeError where the losses of the first two steps differ: then the nets, their
    gradients or their updates are not the same.
    """
    shape = input_shape(name)
    x, y = images(batch, shape[0], size or shape[1], size or shape[2]), labels(batch)
    ours = create(name)
    nets: dict[str, Any] = {OURS: ours}
    steps = {OURS: our_step(ours, x, y)}
    for peer in peers:
        if peer == NUMPY:
            nets[peer] = create(name)
            nets[peer].load_state_dict(ours.state_dict())
            steps[peer] = on_numpy(our_step(nets[peer], x, y))
        elif peer == DEZERO and has("dezero"):
            theirs = importlib.import_module("benchmarks.dezero_nets")
            nets[peer] = theirs.build(name, ours)
            steps[peer] = theirs.training_step(nets[peer], x, y, RATE, MOMENTUM)
        elif peer in (TORCH, LAST) and has("torch"):
            theirs, last = torch_nets(), peer == LAST
            nets[peer] = theirs.build(name, theirs.state_of(ours), last)
            steps[peer] = theirs.training_step(nets[peer], x, y, last, RATE, MOMENTUM)
    check_losses(name, nets, steps)
    return steps


def create(name: str) -> Any:
    """The model, for ten classes where its images are small."""
    if name == PLAIN:
        return plain()
    small = input_shape(name)[1] < 224
    return models.create(name, **({"num_classes": 10} if small else {}))


def plain() -> nn.Module:
    """Convolutions of 32 and 64 filters with ReLU and max pooling, and two linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def input_shape(name: str) -> tuple[int, int, int]:
    return (1, 28, 28) if name == PLAIN else models.input_shape(name)


def on_numpy(step: Step) -> Step:
    """The same with the reference kernels, which are plain NumPy."""

    def run() -> Any:
        with use_kernels("numpy"):
            return step()

    return run


def check_losses(name: str, nets: dict[str, Any], steps: dict[str, Step]) -> None:
    """Two steps without dropout, whose random numbers differ, must give the same losses.

    The second loss depends on all gradients of the first step and on its update. Later ones say
    less: in deep nets rounding errors grow a hundredfold with each step.
    """
    found = {}
    for peer, step in steps.items():
        dropouts = [m for m in nets[peer].modules() if "Drop" in type(m).__name__]
        for module in dropouts:
            module.eval()
        found[peer] = [step() for _ in range(2)]
        for module in dropouts:
            module.train()
    for peer, losses in found.items():
        if not np.allclose(losses, found[OURS], rtol=1e-3):
            raise RuntimeError(
                f"{name}: {OURS} and {peer} must have the same losses, got {found[OURS]} and "
                f"{losses}"
            )


# Inference


def our_inference(net: Any, x: np.ndarray) -> Step:
    """The net in use: batch norms folded where the library can, nothing recorded."""
    fuse = getattr(minicnn, "fuse", None)
    used = fuse(net) if fuse else net

    def run() -> Any:
        with no_grad():
            return used(Tensor(x))

    return run


def inferences(name: str, batch: int) -> dict[str, Step]:
    """The inference of a model of ours on random images, and torch's, plain and folded.

    Raises RuntimeError where the logits differ.
    """
    x = images(batch, *input_shape(name))
    ours = models.create(name).eval()
    steps: dict[str, Step] = {}
    if has("torch"):
        theirs = torch_nets()
        state = theirs.state_of(ours)
        norms = any(isinstance(module, nn.BatchNorm2d) for module in ours.modules())
        for peer, last in ((TORCH, False), (LAST, True)):
            net = theirs.build(name, state, last).eval()
            steps[peer] = theirs.inference(net, x, last)
            if norms:
                steps[f"{peer}, folded"] = theirs.inference(theirs.folded(net), x, last)
    steps = {OURS: our_inference(ours, x)} | steps  # last, since folding may change the net
    logits = {peer: np.asarray(step().numpy()) for peer, step in steps.items()}
    for peer, found in logits.items():
        if not np.allclose(found, logits[OURS], rtol=1e-3, atol=1e-3 * abs(logits[OURS]).max()):
            worst = abs(found - logits[OURS]).max()
            raise RuntimeError(f"{name}: logits of {OURS} and {peer} must agree, differ by {worst}")
    return steps
