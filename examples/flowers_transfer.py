"""Own photos: a pretrained, frozen MobileNet against a CNN from scratch, at equal wall time.

The pretrained network turns every photo into 256 numbers, once; a head learns from them in a few
seconds. All that time, from reading the first photo on, a small CNN is given as well.

    python examples/flowers_transfer.py          # 68 % against 50 % in 30 s each
    python examples/flowers_transfer.py --fast   # 302 photos: 68.3 % against 50.0 %

Photos: any folder with a sub-folder per class (--photos). Weights: any that `models.create` takes
(--weights). Without them the example says so and ends. It leaves a picture, flowers_transfer.png.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from minicnn import data, manual_seed, models, nn, optim
from minicnn.data import DataLoader, presets
from minicnn.train import History, Trainer
from minicnn.train.callbacks import Callback
from minicnn.train.features import extract_features
from minicnn.viz import plot_race

ROOT = Path(os.environ.get("MINICNN_DATA", "data"))


class Result(NamedTuple):
    """A contestant: its validation accuracy by seconds since it was given the photos."""

    name: str
    seconds: list[float]
    accuracies: list[float]

    def __str__(self) -> str:
        return f"{self.name:<32} {max(self.accuracies):6.1%} after {self.seconds[-1]:.0f} s"


class Clock(Callback):
    """Notes when each epoch was done, and ends the training when time is up."""

    def __init__(self, start: float, limit: float) -> None:
        self.start, self.limit = start, limit
        self.seconds: list[float] = []

    def on_step_end(self, trainer: Trainer) -> None:
        if time.perf_counter() - self.start > self.limit and trainer.history:
            trainer.stop("time is up")

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.seconds.append(time.perf_counter() - self.start)


def pretrained(train: Any, val: Any, weights: Path, cache: Path | None) -> Result:
    """A head on the features of a frozen MobileNet."""
    start = time.perf_counter()
    net = models.create("mobilenet_v1_025", weights=weights)
    preset = replace(net.preset, crop=128, resize=128)  # the whole photo, at its own size
    loaders = [
        DataLoader(part, 64, workers=2, **preset.steps(part, training=False))
        for part in (train, val)
    ]
    known, new = (extract_features(net, loader, cache=cache) for loader in loaders)
    manual_seed(0)
    head = nn.Linear(known.images.shape[1], len(train.classes))
    clock = Clock(start, float("inf"))
    trainer = Trainer(head, optim.Adam(head.parameters(), lr=3e-3), callbacks=[clock])
    history = trainer.fit(DataLoader(known, 64, shuffle=True), DataLoader(new, 256), epochs=30)
    return Result("MobileNet, frozen, and a head", clock.seconds, accuracies(history))


def from_scratch(train: Any, val: Any, seconds: float, size: int) -> Result:
    """A CNN of four convolutions with batch norm, for as many seconds."""
    start = time.perf_counter()
    manual_seed(0)
    layers: list[nn.Module] = []
    for c, o in ((3, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(c, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, len(train.classes))]
    net = nn.Sequential(*layers, *head)
    preset = presets.get("flowers", size)
    loaders = [
        DataLoader(part, 64, is_train, workers=2, **preset.steps(part, training=is_train))
        for part, is_train in ((train, True), (val, False))
    ]
    clock = Clock(start, seconds)
    trainer = Trainer(net, optim.Adam(net.parameters(), lr=3e-3), callbacks=[clock])
    history = trainer.fit(*loaders, epochs=1000)
    return Result("CNN from scratch", clock.seconds, accuracies(history))


def accuracies(history: History) -> list[float]:
    return [row.val_accuracy or 0.0 for row in history]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "flowers5")
    weights = ROOT / "weights" / "mobilenet_v1_025_224.pth"
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--cache", type=Path, help="keep the features in this folder")
    parser.add_argument("--fast", action="store_true", help="few photos")
    options = parser.parse_args()
    missing = [path for path in (options.photos, options.weights) if not path.exists()]
    if missing:
        print(f"skipped: this example needs {missing[0]}; set MINICNN_DATA, --photos or --weights")
        return
    photos = data.ImageFolder(options.photos)
    if options.fast:
        photos, _ = data.train_val_split(photos, 0.93)
    train, val = data.train_val_split(photos, 0.2)
    print(
        f"{len(train)} photos to learn from, {len(val)} to validate, {len(train.classes)} classes"
    )
    ours = pretrained(train, val, options.weights, options.cache)
    print(ours)
    theirs = from_scratch(train, val, ours.seconds[-1], 64)
    print(theirs)
    plot_race([ours, theirs], "flowers_transfer.png")
    print("flowers_transfer.png")


if __name__ == "__main__":
    main()
