"""Transfer learning: what a network learnt on MNIST reads the digits of other people.

A LeNet-5 learns MNIST. Then it is frozen, and only a new head is trained, on a few images of
another collection (8x8 pixels, scaled to MNIST's size). Beside it the same LeNet-5 learns these few
images from scratch, in as many steps.

    python examples/transfer_mnist_to_digits.py          # the table below; 70 s of one core
    python examples/transfer_mnist_to_digits.py --fast   # a row of one seed, less of MNIST; 5 s

    labelled digits   features of MNIST, new head   from scratch
                 10               73.6 % ± 4.4 %    56.9 % ± 6.1 %
                 30               86.7 % ± 3.1 %    73.3 % ± 6.3 %
                100               89.3 % ± 0.9 %    86.3 % ± 1.1 %
                300               93.9 % ± 0.7 %    93.7 % ± 0.6 %
               1000               94.4 % ± 0.3 %    95.9 % ± 1.1 %

Mean and standard deviation over the seeds 1 ... 5, which draw the labelled digits and the weights;
the network of MNIST (two epochs of 20,000 images) is the same for all, and the settings were fixed
before. Few labels: transfer is far ahead. With a thousand, a network of its own is better.
"""

import argparse
import time

import numpy as np

from minicnn import data, manual_seed, models, nn, optim, train
from minicnn.data import DataLoader
from minicnn.data.transforms import Resize
from minicnn.train.features import Features, extract_features
from minicnn.train.transfer import freeze

BATCH = 32
STEPS = 300  # of a head, and of a network from scratch


def like_mnist(dataset: data.Dataset) -> data.Dataset:
    """8x8 -> 20x20 in the middle of 28x28, as MNIST's digits lie."""
    resize, rng = Resize(20, "bicubic"), np.random.default_rng(0)  # nothing is drawn
    images = np.stack([resize(image.transpose(1, 2, 0), rng) for image in dataset.images])
    images = images.reshape(len(images), 1, 20, 20).clip(0, 1)
    images = np.pad(images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    return data.Dataset(images, dataset.labels, dataset.classes, "digits like MNIST")


def learn_mnist(images: int, epochs: int) -> models.LeNet5:
    """A LeNet-5 that has seen some of MNIST."""
    manual_seed(0)
    net = models.create("lenet5")
    mnist = data.load("mnist").subset(range(images))
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    train.fit(net, mnist, optimizer=optimizer, epochs=epochs, batch_size=64)
    return net


def learn_head(features: Features, seed: int) -> nn.Linear:
    """The new head: features (N, 84) -> 10 logits."""
    manual_seed(seed)
    head = nn.Linear(features.images.shape[1], 10)
    learn(head, features, optim.Adam(head.parameters(), lr=0.01), seed)
    return head


def from_scratch(few: data.Dataset, seed: int) -> models.LeNet5:
    """The same network, which has seen nothing else."""
    manual_seed(seed)
    net = models.create("lenet5")
    learn(net, few, optim.SGD(net.parameters(), lr=0.05, momentum=0.9), seed)
    return net


def learn(net: nn.Module, few: data.Dataset, optimizer: optim.Optimizer, seed: int) -> None:
    """STEPS steps, whatever the number of images."""
    epochs = STEPS // -(-len(few) // BATCH)
    train.fit(net, few, optimizer=optimizer, epochs=epochs, batch_size=BATCH, seed=seed,
              progress=False)  # fmt: skip


def choose(labels: np.ndarray, each: int, seed: int) -> np.ndarray:
    """Indices of so many images of each class."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(labels == k), each, replace=False) for k in range(10)]
    return np.concatenate(rows)


def row(known: data.Dataset, new: data.Dataset, ours: Features, theirs: Features, each: int,
        seeds: range) -> str:  # fmt: skip
    """Mean and standard deviation over the seeds, of both ways."""
    right = []
    for seed in seeds:
        chosen = choose(known.labels, each, seed)
        head, net = learn_head(ours.subset(chosen), seed), from_scratch(known.subset(chosen), seed)
        right.append((train.evaluate(head, theirs).accuracy, train.evaluate(net, new).accuracy))
    (a, b), (da, db) = np.mean(right, 0), np.std(right, 0)
    return f"{10 * each:>14}   {a:17.1%} ± {da:4.1%}   {b:12.1%} ± {db:4.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="less of MNIST, one row, one seed")
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 6), help="first, last + 1")
    options = parser.parse_args()
    start = time.perf_counter()
    try:
        net = learn_mnist(*((5000, 1) if options.fast else (20000, 2)))
    except OSError as error:
        print(f"skipped: this example needs MNIST; {error}")
        return
    known, new = like_mnist(data.digits("train")), like_mnist(data.digits("test"))
    freeze(net, "*")
    ours, theirs = (extract_features(net, DataLoader(part, 256)) for part in (known, new))
    print("labelled digits   features of MNIST, new head   from scratch")
    for each in (3,) if options.fast else (1, 3, 10, 30, 100):
        seeds = range(1, 2) if options.fast else range(*options.seeds)
        print(row(known, new, ours, theirs, each, seeds), flush=True)
    print(f"accuracy on {len(new)} others; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
