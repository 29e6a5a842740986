"""Before convolutional networks: edge directions counted by hand, against a small CNN.

HOG, histograms of oriented gradients (Dalal, Triggs, 2005), cuts an image into cells of 4x4 pixels
and counts in each how strong the edges of nine directions are, each count relative to its
neighbours. Nothing of it is learnt. A linear classifier learns from these numbers; the CNN learns
its filters too. Both see the same images and are written in the same number of lines.
docs/before_cnn.md has results.

    pip install -e ".[hog]"                    # scikit-image and scikit-learn
    python examples/hog_linear.py              # drawn shapes: nothing to download
    python examples/hog_linear.py --data fashion_mnist
    python examples/hog_linear.py --fast       # 300 shapes, few steps: no figure
"""

import argparse
from typing import Any

import numpy as np

from minicnn import data, manual_seed, nn, optim
from minicnn.train import evaluate, fit

try:
    from skimage.feature import hog
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import LinearSVC
except ImportError:
    hog = None


def hog_linear(train: Any, test: Any) -> tuple[int, float]:
    """How many numbers it learns, and its share of right answers on ``test``."""
    cells = {"orientations": 9, "pixels_per_cell": (4, 4), "cells_per_block": (2, 2)}

    def features(images: np.ndarray) -> np.ndarray:
        """(N, C, H, W) -> (N, F): of each pixel's channels, the one with the strongest edge."""
        return np.array([hog(image, channel_axis=0, **cells) for image in images])

    choices = {"C": [0.01, 0.1, 1.0]}  # the smaller, the smaller the weights
    search = GridSearchCV(LinearSVC(dual=False), choices, cv=3)
    search.fit(features(train.images), train.labels)
    svm = search.best_estimator_
    weights = svm.coef_.size + svm.intercept_.size
    guesses = svm.predict(features(test.images))
    return weights, float((guesses == test.labels).mean())


def small_cnn(train: Any, test: Any, steps: int, seed: int) -> tuple[int, float]:
    """How many numbers it learns, and its share of right answers on ``test``."""
    manual_seed(seed)
    channels, classes = train.images.shape[1], len(train.classes)
    layers: list[nn.Module] = []
    for c, o in ((channels, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(c, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))
    adamw = optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.05)
    falling, batches = optim.CosineAnnealingLR(adamw, steps), -(-len(train) // 64)
    fit(net, train, optimizer=adamw, schedule=falling, epochs=steps // batches, progress=False)
    return sum(p.numel() for p in net.parameters()), evaluate(net, test).accuracy


def some(name: str, split: str, count: int) -> data.Dataset:
    """The first images of a data set, pixels from 0 to 1."""
    if name == "shapes":
        return data.shapes(count, seed=1 if split == "train" else 2)
    whole = data.load(name, split).subset(range(count))
    images = whole.images / np.float32(255) if whole.images.dtype == np.uint8 else whole.images
    return data.Dataset(images, whole.labels, whole.classes, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="shapes", help="shapes, fashion_mnist, cifar10, ...")
    parser.add_argument("--images", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--steps", type=int, default=300, help="of the CNN, and at most of the SVM")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fast", action="store_true", help="300 shapes, 60 steps")
    options = parser.parse_args()
    if hog is None:
        print('skipped: this example needs scikit-image and scikit-learn: pip install -e ".[hog]"')
        return
    if options.fast:
        options.data, options.images, options.steps = "shapes", [300], 60
    test = some(options.data, "test", 300 if options.fast else 2000)
    for count in options.images:
        train = some(options.data, "train", count)
        contestants = {
            "HOG and a linear SVM": hog_linear(train, test),
            "small CNN": small_cnn(train, test, options.steps, options.seed),
        }
        for name, (weights, accuracy) in contestants.items():
            print(f"{count:5,} images, {name:20} {weights:6,} numbers learnt {accuracy:7.1%} right")


if __name__ == "__main__":
    main()
