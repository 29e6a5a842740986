"""How good a net is by the number of images that it learned from: trained, printed, drawn."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import nn, ops, optim, random
from ..kernels.threads import get_num_threads, set_num_threads
from ..tensor import Tensor
from . import log
from .log import Row


def compare(
    nets: Mapping[str, Callable[[], nn.Module]], training: Any, test: Any, sizes: Sequence[int],
    steps: int, lesson: str = "",
) -> tuple[list[Row], dict[str, nn.Module]]:  # fmt: skip
    """Train each net on the first ``size`` images of ``training``, all for as many steps.

    One row per size and net: net, images, parameters, train and test (shares of right answers) and
    seconds; with ``lesson`` they are written to its log as they come. Without, nets are small: in
    double precision and on one thread, so that the order of a sum makes no difference that shows.
    The second result has the nets that learned from the most images.
    """
    rows: list[Row] = []
    last: dict[str, nn.Module] = {}
    images, labels = training.images, training.labels
    for size in sizes:
        for name, make in nets.items():
            random.manual_seed(0)
            net, start = make() if lesson else make().double(), time.perf_counter()
            batch, lr = (128, 0.003) if lesson else (50, 0.01)
            with threads(get_num_threads() if lesson else 1):
                learn(net, images[:size], labels[:size], steps, batch, lr)
            seconds, count = time.perf_counter() - start, sum(p.numel() for p in net.parameters())
            rows.append({
                "net": name, "images": size, "parameters": count,
                "train": accuracy(net, images[: min(size, 1000)], labels[: min(size, 1000)]),
                "test": accuracy(net, test.images, test.labels), "seconds": round(seconds),
            })  # fmt: skip
            last[name] = net
            if lesson:
                log.write(lesson, rows)
    return rows, last


@contextmanager
def threads(n: int) -> Iterator[None]:
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


def small_cnn(num_classes: int) -> nn.Module:
    """Three blocks of convolution, batch norm, ReLU and pooling, for images of any size."""
    layers: list[nn.Module] = []
    for c, o in ((3, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(c, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, num_classes))


def learn(
    net: nn.Module, images: np.ndarray, labels: np.ndarray, steps: int, batch: int,
    lr: float,
) -> None:  # fmt: skip
    """Steps of AdamW on batches drawn at random, with one cycle of the learning rate."""
    rng = np.random.default_rng(0)
    optimizer = optim.AdamW(net.parameters(), lr, weight_decay=0.05)
    schedule = optim.OneCycleLR(optimizer, lr, total_steps=steps, cycle_momentum=False)
    for _ in range(steps):
        chosen = rng.permutation(len(images))[:batch]
        net.zero_grad()
        ops.cross_entropy(net(as_input(net, images[chosen])), labels[chosen]).backward()
        optimizer.step()
        schedule.step()


def as_input(net: nn.Module, images: np.ndarray) -> Tensor:
    """Pixels around 0, in the precision of the net; images are bytes or in [0, 1]."""
    dtype = next(net.parameters()).dtype
    scale = 255 if images.dtype == np.uint8 else 1
    return Tensor((images.astype(dtype) / scale - 0.5) * 4)


def scores(net: nn.Module, images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N, K) logits, in evaluation mode, some images at a time."""
    with nn.evaluating(net):
        pieces = np.array_split(images, -(-len(images) // 250))
        return np.concatenate([net(as_input(net, piece)).numpy() for piece in pieces])


def accuracy(net: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of right answers, three digits."""
    return round(float((scores(net, images).argmax(1) == labels).mean()), 3)


def table(results: Mapping[str, Sequence[Row]]) -> str:
    """The rows of each data set as lines of text."""
    lines = [f"{'':8}  net   parameters  images  right of these  right of others"]
    for title, rows in results.items():
        for row in rows:
            lines += [f"{title:8}  {row['net']}  {row['parameters']:11,}  {row['images']:6,}  "
                      f"{row['train']:14.1%}  {row['test']:15.1%}"]  # fmt: skip
    return "\n".join(lines)


def draw(results: Mapping[str, Sequence[Row]]) -> Any:
    """A matplotlib figure with right answers on other images by number of images, per data set.

    One without rows is left out.
    """
    from matplotlib.figure import Figure

    results = {title: rows for title, rows in results.items() if rows}
    fig = Figure(figsize=(4.2 * len(results), 3), layout="constrained")
    panels = fig.subplots(1, len(results), squeeze=False)[0]
    for axes, (title, rows) in zip(panels, results.items(), strict=True):
        for name in dict.fromkeys(row["net"] for row in rows):
            mine = [row for row in rows if row["net"] == name]
            shares = [100 * row["test"] for row in mine]
            axes.semilogx([row["images"] for row in mine], shares, "o-", label=name)
        sizes = sorted({int(row["images"]) for row in rows})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.set(title=title, xlabel="images to learn from", ylabel="right, of other images (%)")
        axes.legend(frameon=False)
    return fig
