"""A whole program: one epoch of training with its loader.

MNIST is 60,000 images of 28x28, CIFAR-10 50,000 of 32x32, in batches of 128; real ones where the
variable MINICNN_DATA leads to them, else random ones of the same size. torch has no slow loader
here: its images are one tensor in memory, already channels-last, and a batch is one index_select.
The programs take turns of some batches each; what counts is the sum, without making the nets.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minicnn import Tensor, data, ops, optim

from .contestants import MOMENTUM, RATE, create, has, torch_nets
from .harness import PAUSE, Load, Row
from .report import LAST, OURS

BATCH = 128
TURN = 20  # batches
WORKLOADS = (("mnist_cnn", "MNIST"), ("resnet20", "CIFAR-10"))

Program = Iterator[None]


def rows() -> Iterator[Row]:
    for name, data_set in WORKLOADS:
        images, labels, source = mnist() if data_set == "MNIST" else cifar10()
        programs = {OURS: our_program(name, images, labels)}
        if has("torch"):
            programs[LAST] = torch_program(name, images, labels)
        samples, others = alternate(programs)
        workload = f"epoch {name}, {len(images):,} {data_set} images ({source})"
        yield Row(workload, samples, "s", others=others)


def alternate(programs: dict[str, Program]) -> tuple[dict[str, list[float]], float]:
    """Seconds of each program in all, and the share of the cores that others had meanwhile.

    A program is an iterator that makes one batch per item. Its first item is not counted: there it
    prepares and compiles.
    """
    taken = dict.fromkeys(programs, 0.0)
    running = dict(programs)
    for program in programs.values():
        next(program)
    load = Load()
    while running:
        for name, program in list(running.items()):
            time.sleep(PAUSE)
            start = time.perf_counter()
            if sum(1 for _ in zip(range(TURN), program, strict=False)) < TURN:
                del running[name]
            taken[name] += time.perf_counter() - start
    return {name: [seconds] for name, seconds in taken.items()}, load.others()


def our_program(name: str, images: np.ndarray, labels: np.ndarray) -> Program:
    net = create(name)
    optimizer = optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    digits = [str(n) for n in range(10)]
    loader = data.DataLoader(data.Dataset(images, labels, digits, name), BATCH, shuffle=True)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        loss = ops.cross_entropy(net(Tensor(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    yield _once(step(images[:BATCH], labels[:BATCH]))
    for x, y in loader:
        yield _once(step(x, y))


def torch_program(name: str, images: np.ndarray, labels: np.ndarray) -> Program:
    nets = torch_nets()
    torch, net = nets.torch, nets.build(name, None, True)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    classes = torch.from_numpy(labels)

    def step(chosen) -> float:
        x = pixels.index_select(0, chosen).permute(0, 3, 1, 2)
        loss = nets.F.cross_entropy(net(x), classes.index_select(0, chosen))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    yield _once(step(torch.arange(BATCH)))
    for chosen in torch.randperm(len(images)).split(BATCH):
        yield _once(step(chosen))


def _once(loss: float) -> None:
    """A loss that is not finite would make the rest of the epoch another kind of work."""
    if not np.isfinite(loss):
        raise RuntimeError(f"epochs: the loss must be finite, got {loss}; lower the rate")


# Images


def mnist() -> tuple[np.ndarray, np.ndarray, str]:
    found = {name: where for name, where, _ in data.find_data()}
    if found["mnist"] != "not found":
        train = data.mnist("train")
        return train.pixels(), train.labels, "real"
    return *random_images(60_000, 1, 28), "random"


def cifar10() -> tuple[np.ndarray, np.ndarray, str]:
    """The binary version: in each row the class, then 3072 bytes of three planes."""
    root = os.environ.get("MINICNN_DATA")
    files = sorted(Path(root).glob("**/cifar-10-batches-bin/data_batch_*.bin")) if root else []
    if len(files) != 5:
        return *random_images(50_000, 3, 32), "random"
    bytes_ = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
    pixels = bytes_[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    return pixels, bytes_[:, 0].astype(np.int64), "real"


def random_images(n: int, c: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.random((n, c, size, size), np.float32), random.integers(0, 10, n)
