"""Own photos: a frozen, pretrained MobileNet against a CNN from scratch, in equal time.

The pretrained network turns every photo into 256 numbers, once, and a head learns from them. The
other network learns from the photos themselves. Both get the same seconds, counted from the first
photo on; what counts is the validation accuracy when time is up. While a network is measured its
clock stands still.

    python examples/flowers_transfer.py            # 68.1 % against 54.9 %, 30 s each, seed 0
    python examples/flowers_transfer.py --seed 1   # 63.8 % against 58.4 %
    python examples/flowers_transfer.py --fast     # 302 photos, 3 s each: no figure

The figures are of 4,317 photos of five kinds of flowers, on two cores that were busy with other
programs too; there the features took 22 of the 30 s. These photos have 128x128 pixels but were
scaled up from about 32x32 (scaling them down to 32 and up again changes a value by 2 of 255): the
network, made for sharp photos of 224 pixels, can show less of what it knows than on sharp ones.

Photos: any folder with a sub-folder per class (--photos). Weights: any for MobileNet V1 0.25
(--weights). Without them the example says so and ends. It leaves a picture, flowers_transfer.png.
"""

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from minicnn import data, manual_seed, models, nn, optim
from minicnn.data import DataLoader, presets
from minicnn.train import Trainer
from minicnn.train.callbacks import Callback
from minicnn.train.features import extract_features
from minicnn.viz import plot_race

ROOT = Path(os.environ.get("MINICNN_DATA", "data"))
MEASUREMENTS = 10  # in the time that each has
RATE = 3e-3


class Result(NamedTuple):
    """A contestant: its validation accuracy by the seconds that it had learnt."""

    name: str
    seconds: Sequence[float]
    accuracies: Sequence[float]

    def __str__(self) -> str:
        return f"{self.name:<20} {self.accuracies[-1]:6.1%} after {self.seconds[-1]:.0f} s"


class Race(Callback):
    """Measures from time to time; lets the learning rate fall to 0, and ends, when time is up."""

    def __init__(self, val_loader: DataLoader, limit: float, used: float = 0.0) -> None:
        self.val_loader, self.limit = val_loader, limit
        self.used, self.since = used, time.perf_counter()
        self.seconds: list[float] = []
        self.accuracies: list[float] = []

    def on_step_end(self, trainer: Trainer) -> None:
        now = time.perf_counter()
        self.used, self.since = self.used + now - self.since, now
        trainer.optimizer.param_groups[0]["lr"] = RATE * max(0.0, 1 - self.used / self.limit)
        last = self.seconds[-1] if self.seconds else 0.0
        if self.used >= min(last + self.limit / MEASUREMENTS, self.limit):
            self.seconds.append(self.used)
            self.accuracies.append(trainer.evaluate(self.val_loader).accuracy)
            self.since = time.perf_counter()
        if self.used >= self.limit:
            trainer.stop("time is up")


def pretrained(train: Any, val: Any, weights: Path, limit: float, seed: int) -> Result:
    """A head on the features of a frozen MobileNet."""
    start = time.perf_counter()
    net = models.create("mobilenet_v1_025", weights=weights)
    preset = replace(net.preset, crop=128, resize=128)  # whole photos, at their own size

    def features(part: Any) -> DataLoader:
        photos = DataLoader(part, 64, workers=2, **preset.steps(part, training=False))
        return DataLoader(extract_features(net, photos), 64, part is train, seed=seed)

    known, used = features(train), time.perf_counter() - start
    manual_seed(seed)
    width = net.classifier.in_features
    head = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, len(train.classes)))
    race = Race(features(val), limit, used)
    return run("MobileNet, frozen", head, known, race, seed)


def from_scratch(train: Any, val: Any, limit: float, seed: int) -> Result:
    """A CNN of four convolutions with batch norm, on photos of 64x64 pixels."""
    manual_seed(seed)
    layers: list[nn.Module] = []
    for c, o in ((3, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(c, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, len(train.classes))]
    preset = presets.get("flowers", 64)
    loaders = [
        DataLoader(part, 64, part is train, seed=seed, workers=2,
                   **preset.steps(part, training=part is train))
        for part in (train, val)
    ]  # fmt: skip
    race = Race(loaders[1], limit)
    return run("CNN from scratch", nn.Sequential(*layers, *head), loaders[0], race, seed)


def run(name: str, net: nn.Module, loader: DataLoader, race: Race, seed: int) -> Result:
    optimizer = optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    race.since = time.perf_counter()
    Trainer(net, optimizer, callbacks=[race], seed=seed).fit(loader, epochs=100_000)
    result = Result(name, race.seconds, race.accuracies)
    print(result, flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "flowers5")
    weights = ROOT / "weights" / "mobilenet_v1_025_224.pth"
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--seconds", type=float, default=30, help="for each of the two")
    parser.add_argument("--seed", type=int, default=0, help="of split, networks and order")
    parser.add_argument("--fast", action="store_true", help="302 photos, 3 seconds each")
    options = parser.parse_args()
    missing = [path for path in (options.photos, options.weights) if not path.exists()]
    if missing:
        print(f"skipped: this example needs {missing[0]}; set MINICNN_DATA, --photos or --weights")
        return
    photos = data.ImageFolder(options.photos)
    if options.fast:
        _, photos = data.train_val_split(photos, 0.07)
    train, val = data.train_val_split(photos, 0.2, options.seed)
    print(f"{len(train)} photos to learn from, {len(val)} to validate: {', '.join(train.classes)}")
    limit = 3.0 if options.fast else options.seconds
    results = [
        pretrained(train, val, options.weights, limit, options.seed),
        from_scratch(train, val, limit, options.seed),
    ]
    plot_race(results, "flowers_transfer.png")
    print("flowers_transfer.png shows both on their way")


if __name__ == "__main__":
    main()
