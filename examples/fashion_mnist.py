"""Fashion-MNIST: moved and mirrored images, one cycle of the learning rate, and what is confused.

Ten kinds of clothes, 60,000 grey images of 28x28 to learn from, 10,000 to test. The preset moves
each training image by up to 2 pixels and mirrors every second one, so that the network never sees
quite the same image again: it has less to learn by heart.

    python examples/fashion_mnist.py          # 92.23 % of the test images, seed 0; about 9 minutes
    python examples/fashion_mnist.py --fast   # 86.9 % of scikit-learn's digits in 4 s; no download

The minutes are 12 epochs of the 45 s that the fastest took on two cores shared with others; the
log is benchmarks/results/fashion_mnist.md. Shirts are the hardest: T-shirts, or coats?
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from minicnn import data, manual_seed, models, ops, optim
from minicnn.data import DataLoader, presets
from minicnn.train import Trainer
from minicnn.train.callbacks import CSVLogger, ProgressBar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="write a line per epoch into this file")
    parser.add_argument("--fast", action="store_true", help="the small digits, 3 epochs")
    options = parser.parse_args()
    name, epochs = ("digits", 3) if options.fast else ("fashion_mnist", options.epochs)
    train, test = (data.load(name, split) for split in ("train", "test"))

    preset = presets.get("fashion_mnist")  # 28x28, whatever the images have
    loader = DataLoader(
        train, 128, shuffle=True, seed=options.seed, **preset.steps(train, training=True)
    )
    test_loader = DataLoader(test, 256, **preset.steps(test, training=False))

    manual_seed(options.seed)
    net = models.create("mnist_cnn")
    optimizer = optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.01)
    trainer = Trainer(
        net, optimizer, loss=partial(ops.cross_entropy, label_smoothing=0.1),
        schedule=optim.OneCycleLR(optimizer, 0.01, epochs * len(loader), cycle_momentum=False),
        callbacks=[ProgressBar(), *([CSVLogger(options.csv)] if options.csv else [])],
        seed=options.seed,
    )  # fmt: skip
    trainer.fit(loader, test_loader, epochs)
    report(trainer.evaluate(test_loader).confusion, test.classes)


def report(confusion: np.ndarray, classes: list[str]) -> None:
    """The share of right answers, and the three most frequent errors."""
    print(f"{np.trace(confusion) / confusion.sum():.2%} of {confusion.sum():,} test images")
    errors = confusion - np.diag(np.diag(confusion))
    for place in np.argsort(errors, axis=None)[:-4:-1]:
        true, taken = divmod(int(place), len(classes))
        print(f"  {errors[true, taken]:3} times {classes[true]} was taken for {classes[taken]}")


if __name__ == "__main__":
    main()
