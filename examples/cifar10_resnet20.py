"""CIFAR-10 with ResNet-20: a training that may be broken off, and goes on where it stopped.

Ctrl-C saves. The same command again loads the checkpoint and ends with the very weights, bit for
bit, that the training would have had without the break.

    python examples/cifar10_resnet20.py          # 5 epochs; 2.5 minutes each on two free cores
    python examples/cifar10_resnet20.py --fast   # drawn shapes, too few to learn from, in 3 s

benchmarks/cifar10_parity.py runs the same recipe, with torch beside it: after 4 epochs 76.97 % of
the test images are right (torch 76.63 %), on a copy of CIFAR-10 that went through JPEG.
"""

import argparse
from pathlib import Path

from minicnn import data, manual_seed, models, optim
from minicnn.data import DataLoader, Dataset, presets
from minicnn.train import Trainer, load_checkpoint, stop_on_signals
from minicnn.train.callbacks import Checkpoint, ProgressBar


def load(fast: bool, folder: Path | None) -> tuple[Dataset, Dataset]:
    """Images to learn from and to test."""
    if fast:
        return data.shapes(512, 10, seed=1), data.shapes(256, 10, seed=2)
    return data.cifar10("train", folder), data.cifar10("test", folder)


def make_trainer(steps: int, width: float, seed: int, run: Path) -> Trainer:
    """The network and how it learns."""
    manual_seed(seed)
    net = models.create("resnet20", width_mult=width)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = optim.OneCycleLR(optimizer, 0.1, steps, cycle_momentum=False)
    callbacks = [ProgressBar(), Checkpoint(run)]
    return Trainer(net, optimizer, schedule=schedule, callbacks=callbacks, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, help="the folder of CIFAR-10's files")
    parser.add_argument("--run", type=Path, default=Path("runs/cifar10_resnet20"))
    parser.add_argument("--fast", action="store_true", help="few drawn shapes, 2 epochs")
    options = parser.parse_args()
    epochs = 2 if options.fast else options.epochs
    train, test = load(options.fast, options.data_dir)
    preset = presets.get("cifar10")
    loaders = [
        DataLoader(part, 128, is_train, seed=options.seed, **preset.steps(part, is_train))
        for part, is_train in ((train, True), (test, False))
    ]
    options.run.mkdir(parents=True, exist_ok=True)
    width = 0.25 if options.fast else 1.0
    trainer = make_trainer(epochs * len(loaders[0]), width, options.seed, options.run)
    last = options.run / "last.safetensors"
    if last.exists():
        state, _ = load_checkpoint(last)
        trainer.load_state_dict(state)
        print(f"{last}: going on after step {trainer.global_step}")
    with stop_on_signals(trainer):
        trainer.fit(*loaders, epochs)
        if trainer.interrupted:
            print(f"saved in {options.run}; the same command goes on")
            return
    print(f"{trainer.evaluate(loaders[1]).accuracy:.2%} of {len(test):,} test images")


if __name__ == "__main__":
    main()
