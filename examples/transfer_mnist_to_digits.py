"""Transfer learning: what a network learnt on MNIST reads the digits of other people.

A LeNet-5 learns MNIST. Then it is frozen, and only a new head is trained, on a handful of images of
another collection (8x8 pixels, scaled to MNIST's size). Beside it the same LeNet-5 learns these few
images from scratch.

    python examples/transfer_mnist_to_digits.py          # 87.5 % against 81.9 %, 20 s
    python examples/transfer_mnist_to_digits.py --fast   # 84.4 % against 81.9 %, 10 s
"""

import argparse
import tempfile
import time

import numpy as np

from minicnn import data, manual_seed, models, nn, optim, train
from minicnn.data.transforms import Resize
from minicnn.train.features import Features, extract_features
from minicnn.train.transfer import freeze

PER_CLASS = 3  # images of the new collection that have labels


def like_mnist(dataset: data.Dataset) -> data.Dataset:
    """8x8 -> 20x20 in the middle of 28x28, as MNIST's digits lie."""
    resize, rng = Resize(20, "bicubic"), np.random.default_rng(0)  # nothing is drawn
    images = np.stack([resize(image.transpose(1, 2, 0), rng) for image in dataset.images])
    images = images.reshape(len(images), 1, 20, 20).clip(0, 1)
    images = np.pad(images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    return data.Dataset(images, dataset.labels, dataset.classes, "digits like MNIST")


def learn_mnist(images: int) -> models.LeNet5:
    """A LeNet-5 after two epochs of MNIST."""
    manual_seed(0)
    net = models.create("lenet5")
    mnist = data.load("mnist").subset(range(images))
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    train.fit(net, mnist, optimizer=optimizer, epochs=2, batch_size=64)
    return net


def learn_head(features: Features) -> nn.Linear:
    """The new head: features (N, 84) -> 10 logits."""
    manual_seed(1)
    head = nn.Linear(features.images.shape[1], 10)
    optimizer = optim.Adam(head.parameters(), lr=0.01)
    train.fit(head, features, optimizer=optimizer, epochs=60, batch_size=32, progress=False)
    return head


def from_scratch(few: data.Dataset) -> models.LeNet5:
    """The same network, which has seen nothing else."""
    manual_seed(1)
    net = models.create("lenet5")
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    train.fit(net, few, optimizer=optimizer, epochs=60, batch_size=32, progress=False)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="learn less of MNIST")
    fast = parser.parse_args().fast
    try:
        net = learn_mnist(10000 if fast else 20000)
    except OSError as error:
        print(f"skipped: this example needs MNIST; {error}")
        return
    start = time.perf_counter()
    known, new = like_mnist(data.digits("train")), like_mnist(data.digits("test"))
    rows = [np.flatnonzero(known.labels == k)[:PER_CLASS] for k in range(10)]
    few = known.subset(np.concatenate(rows))
    freeze(net, "*")
    with tempfile.TemporaryDirectory() as cache:
        features, test = (
            extract_features(net, data.DataLoader(part, 256), cache=cache) for part in (few, new)
        )
    transferred = train.evaluate(learn_head(features), test).accuracy
    print(f"{len(few)} labelled digits, tested on {len(new)}:")
    print(f"  features of MNIST, new head  {transferred:6.1%}  {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    scratch = train.evaluate(from_scratch(few), new).accuracy
    print(f"  the same net from scratch    {scratch:6.1%}  {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
