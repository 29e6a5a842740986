"""What compiles the kernels that users' networks need: small training steps of many networks.

No list of kernels, which would be wrong as soon as one is added: whatever a step calls is compiled
on the way, with the types of arguments that steps have. Every op comes first, alone, and then
networks, because layers call ops in forms that an op alone does not show, and together they have
all kinds: with and without batch norm, depthwise, grouped, strided, attention, and few channels.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .. import models, no_grad, ops
from ..data.transforms import random_shift
from ..folding import fuse
from ..nn import Module
from ..tensor import Tensor, grad
from ..testing import Example, examples
from .recipes import OPTIMIZERS

NETWORKS = (
    "lenet5", "mnist_cnn", "alexnet_cifar", "vgg11_bn_cifar", "resnet20", "resnet18_cifar",
    "mobilenet_v1_cifar", "mobilenet_v2_cifar", "mobilenet_v3_cifar", "efficientnet_cifar",
    "densenet_cifar", "squeezenet_cifar", "googlenet_cifar", "vit_tiny_cifar",
)  # fmt: skip
LARGE = ("resnet18", "resnext50_32x4d")  # for large images, which they reduce at once
FUSED = ("resnet20", "mobilenet_v2_cifar")
_BATCH = 4

Task = tuple[str, Callable[[], Any]]


def tasks(dtype: str) -> Iterator[Task]:
    """Names and functions; whoever calls all of them has compiled what there is for ``dtype``."""
    for name, example in examples().items():
        if name != "astype":  # it leaves the dtype
            yield name, partial(_op, example, dtype)
    for name in OPTIMIZERS:
        yield name, partial(_network, "lenet5", (1, 28, 28), dtype, name)
    for name in NETWORKS:
        yield name, partial(_network, name, models.input_shape(name), dtype)
    for name in LARGE:
        yield name, partial(_network, name, (3, 64, 64), dtype)
    for name in FUSED:
        yield f"{name}, fused", partial(_fused, name, dtype)
    yield "one row of many numbers", partial(_one_row, dtype)
    yield "moved images", partial(_moved_images, dtype)


def _op(example: Example, dtype: str) -> None:
    """One call and its gradient."""
    inputs = example.tensors(dtype)
    outputs = example(*inputs)
    wanted = [x for x in inputs if x.requires_grad]
    for y in outputs if isinstance(outputs, tuple) else (outputs,):
        if y.requires_grad:
            grad(y, wanted, Tensor(np.ones(y.shape, y.dtype)))


def _network(name: str, shape: tuple[int, ...], dtype: str, optimizer: str = "sgd") -> None:
    """Two steps of training, the second with what the first has left, and an evaluation."""
    net = models.create(name, num_classes=10, in_channels=shape[0])
    net = net.double() if dtype == "float64" else net
    build, lr, options = OPTIMIZERS[optimizer]
    rule = build(net.parameters(), lr=lr, **options)
    images = np.random.default_rng(0).standard_normal((_BATCH, *shape)).astype(dtype)
    for _ in range(2):
        rule.zero_grad()
        _loss(net, images).backward()
        rule.step()
    net.eval()
    with no_grad():
        net(Tensor(images))


def _fused(name: str, dtype: str) -> None:
    """One image through a folded net."""
    net = models.create(name, num_classes=10)
    net = fuse(net.double() if dtype == "float64" else net)
    with no_grad():
        net(Tensor(np.ones((1, *models.input_shape(name)), dtype)))


def _one_row(dtype: str) -> None:
    """A linear layer of a large network, for one image."""
    ops.linear(Tensor(np.ones((1, 1024), dtype)), Tensor(np.ones((1024, 1024), dtype)))


def _moved_images(dtype: str) -> None:
    """A batch as it is changed for training."""
    random_shift(np.ones((_BATCH, 3, 32, 32), dtype), 2, np.random.default_rng(0), flip=True)


def _loss(net: Module, images: np.ndarray) -> Tensor:
    loss = partial(ops.cross_entropy, label_smoothing=0.1)
    return models.auxiliary_loss(net(Tensor(images)), Tensor(np.arange(_BATCH)), loss=loss)
