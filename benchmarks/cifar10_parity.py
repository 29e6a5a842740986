"""ResNet-20 on CIFAR-10 by minicnn and by torch: one recipe, the same weights at the start.

    python -m benchmarks.cifar10_parity minicnn --epochs 5
    python -m benchmarks.cifar10_parity torch --epochs 5

Both see the same images in the same order, shifted and mirrored by the same numbers: torch's side
draws these from the same seeds, and does everything else itself. What differs afterwards is the
rounding of two libraries. Each side writes `results/cifar10_SIDE.csv` after every epoch, with the
largest resident memory so far, and `results/cifar10_SIDE.md` at the end.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minicnn import data, manual_seed, models, optim
from minicnn.data import DataLoader, Dataset, presets
from minicnn.train import Trainer

from .child import peak_memory
from .contestants import torch_nets
from .machine import ROOT, facts

RATE, MOMENTUM, DECAY, BATCH, SHIFT = 0.1, 0.9, 5e-4, 128, 4
PRESET = presets.get("cifar10")
TITLE = f"""\
# ResNet-20 on CIFAR-10 by %s

    %s

Batches of {BATCH}; each image moved by up to {SHIFT} pixels and mirrored by chance; SGD with
Nesterov momentum {MOMENTUM}, weight decay {DECAY:g}; one cycle of the learning rate with its top at
{RATE}. Accuracy is that of all 10,000 test images after the epoch, memory the largest that the
process had until then. The images are a copy of CIFAR-10 that went through JPEG at quality 75.
"""


class Row(NamedTuple):
    """An epoch: mean losses, shares of right answers, seconds with the test, MB."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    peak_memory: float


def ours(train: Dataset, test: Dataset, epochs: int, seed: int) -> Iterator[Row]:
    loaders = [
        DataLoader(part, BATCH, is_train, seed=seed, **PRESET.steps(part, training=is_train))
        for part, is_train in ((train, True), (test, False))
    ]
    net = first_net(seed)
    optimizer = optim.SGD(net.parameters(), RATE, MOMENTUM, weight_decay=DECAY, nesterov=True)
    steps = epochs * len(loaders[0])
    schedule = optim.OneCycleLR(optimizer, RATE, total_steps=steps, cycle_momentum=False)
    trainer = Trainer(net, optimizer, schedule=schedule, seed=seed)
    for epoch in range(1, epochs + 1):
        done = trainer.fit(*loaders, epochs=epoch)[-1]
        yield Row(*done[:3], *done[3:5], done.seconds, peak_memory())


def torchs(train: Dataset, test: Dataset, epochs: int, seed: int) -> Iterator[Row]:
    nets = torch_nets()
    torch = nets.torch
    net = nets.build("resnet20", nets.state_of(first_net(seed)), channels_last=True)
    optimizer = torch.optim.SGD(
        net.parameters(), RATE, MOMENTUM, weight_decay=DECAY, nesterov=True, fused=True
    )
    steps = epochs * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, cycle_momentum=False
    )
    pixels, labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
    for epoch in range(epochs):
        start = time.perf_counter()
        net.train()
        sums = np.zeros(2)
        order = np.random.default_rng([seed, epoch]).permutation(len(train))
        for number, first in enumerate(range(0, len(train), BATCH)):
            index = torch.from_numpy(order[first : first + BATCH])
            rng = np.random.default_rng([seed, epoch, number, 1])
            x, y = augmented(torch, pixels[index], rng), labels[index]
            logits = net(x)
            loss = nets.F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            sums += np.array([loss.item() * len(y), (logits.argmax(1) == y).sum().item()])
        result = evaluated(nets, net, test)
        seconds = time.perf_counter() - start
        yield Row(epoch + 1, *(sums / len(train)), *result, seconds, peak_memory())


def first_net(seed: int) -> Any:
    manual_seed(seed)
    return models.create("resnet20")


def augmented(torch: Any, images: Any, rng: np.random.Generator) -> Any:
    """Pad by zeros, cut 32x32 pixels, mirror by chance, normalise: (B, C, H, W) uint8 -> float32"""
    n, c, h, w = images.shape
    down, right = (torch.from_numpy(d) for d in rng.integers(0, 2 * SHIFT + 1, (2, n)))
    mirrored = torch.from_numpy(rng.random(n) < 0.5)
    padded = torch.nn.functional.pad(images, (SHIFT,) * 4)
    rows = (torch.arange(h) + down[:, None])[:, None, :, None]
    columns = (torch.arange(w) + right[:, None])[:, None, None, :]
    columns = torch.where(mirrored[:, None, None, None], columns.flip(3), columns)
    channels = torch.arange(c)[None, :, None, None]
    return normal(torch, padded[torch.arange(n)[:, None, None, None], channels, rows, columns])


def normal(torch: Any, images: Any) -> Any:
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (PRESET.mean, PRESET.std))
    return ((images / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def evaluated(nets: Any, net: Any, test: Dataset) -> tuple[float, float]:
    """Loss and accuracy."""
    torch, loss, right = nets.torch, 0.0, 0
    net.eval()
    with torch.inference_mode():
        for first in range(0, len(test), BATCH):
            part = slice(first, first + BATCH)
            y = torch.from_numpy(test.labels[part])
            logits = net(normal(torch, torch.from_numpy(test.images[part])))
            loss += nets.F.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
    return loss / len(test), right / len(test)


def write_csv(rows: list[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows([row[0], *(f"{value:.5f}" for value in row[1:])] for row in rows)


def write_page(rows: list[Row], path: Path, side: str, command: str) -> None:
    lines = ["| epoch | train loss | train accuracy | test loss | test accuracy | s | MB |"]
    lines += ["|---:|---:|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {r.epoch} | {r.train_loss:.4f} | {r.train_accuracy:.2%} | {r.test_loss:.4f} | "
        f"{r.test_accuracy:.2%} | {r.seconds:.0f} | {r.peak_memory:.0f} |"
        for r in rows
    ]
    found = [f"* {name}: {value}" for name, value in facts().items()]
    text = "\n".join([TITLE % (side, command), *lines, "", *found, ""])
    path.write_text(text, encoding="utf-8")


SIDES = {"minicnn": ours, "torch": torchs}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar10_parity")
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    train, test = (data.cifar10(split, options.data_dir) for split in ("train", "test"))
    name, rows = options.out / f"cifar10_{options.side}", []
    for row in SIDES[options.side](train, test, options.epochs, options.seed):
        rows.append(row)
        print(row, flush=True)
        write_csv(rows, name.with_suffix(".csv"))
    command = (
        f"python -m benchmarks.cifar10_parity {options.side} --epochs {options.epochs} "
        f"--seed {options.seed}"
    )
    write_page(rows, name.with_suffix(".md"), options.side, command)


if __name__ == "__main__":
    main()
