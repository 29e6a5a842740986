"""One training step: forward, cross-entropy, backward, SGD with momentum; float32."""

from collections.abc import Iterator

from .contestants import DEZERO, LAST, NUMPY, TORCH, training_steps
from .harness import Row, compare

ALL = (TORCH, LAST, NUMPY, DEZERO)
FAST = (TORCH, LAST)
WORKLOADS = (  # model, batch, peers
    ("mnist_1_32_64", 128, ALL),
    ("mnist_cnn", 128, FAST),
    ("lenet5", 128, ALL),
    ("resnet20", 128, FAST),
    ("vgg11_bn_cifar", 64, FAST),
    ("mobilenet_v1_cifar", 64, FAST),
    ("mobilenet_v2_cifar", 64, FAST),
)


def rows() -> Iterator[Row]:
    for name, batch, peers in WORKLOADS:
        yield compare(f"train {name} b{batch}", training_steps(name, batch, peers))
