"""Networks by name, one file per paper."""

import inspect
import re
from collections.abc import Callable
from os import PathLike
from typing import Any

from ..data.presets import Preset
from .alexnet import AlexNet
from .blocks import auxiliary_loss
from .catalog import CATALOG, ModelInfo, entry, info
from .densenet import DenseNet
from .efficientnet import EfficientNet
from .googlenet import GoogLeNet
from .imagenet import imagenet_classes
from .inception import Inception3
from .lenet import LeNet5
from .mnist_cnn import MnistCNN
from .mobilenet_v1 import MobileNetV1
from .mobilenet_v2 import MobileNetV2
from .mobilenet_v3 import MobileNetV3
from .network import Network
from .pretrained import LoadReport, load_pretrained, load_weights
from .resnet import ResNet
from .resnet_cifar import CifarResNet
from .squeezenet import SqueezeNet
from .vgg import VGG
from .vit import VisionTransformer

__all__ = [
    "AlexNet", "CifarResNet", "DenseNet", "EfficientNet", "GoogLeNet", "Inception3", "LeNet5",
    "LoadReport", "MnistCNN", "MobileNetV1", "MobileNetV2", "MobileNetV3", "ModelInfo", "Network",
    "Preset", "ResNet", "SqueezeNet", "VGG", "VisionTransformer", "auxiliary_loss", "create",
    "imagenet_classes", "info", "input_shape", "list", "load_weights",
]  # fmt: skip


def create(
    name: str, *, weights: str | PathLike[str] | None = None, new_head: bool = False,
    prefix: str | None = None, key: str | None = None, **options: Any,
) -> Network:  # fmt: skip
    """Build a model: `create("resnet50", num_classes=10)` with fresh weights.

    `create("resnet50", weights="IMAGENET1K_V1")` downloads published weights once (`info(name)`
    lists them; "DEFAULT" takes the best); ``weights`` may also be the path of a file in any format
    that `weights.load` reads, with its options ``prefix`` ("module.") and ``key``. The number of
    classes is then the file's, or ``num_classes`` where ``new_head`` gives the model a fresh head.
    ``options`` are those of the model, such as num_classes, in_channels, dropout, width_mult.

    Raises ValueError for an unknown name and for weights that do not fit, with a report by key;
    TypeError for an option that the model does not have; FileNotFoundError for weights that are
    nowhere.
    """
    row = entry(name)
    if weights is None and (new_head or prefix is not None or key is not None):
        raise ValueError("create: new_head, prefix and key are for weights, got none; add weights=")
    if new_head and "num_classes" not in options:
        raise ValueError(
            "create: new_head=True needs to know for how many classes; add num_classes="
        )
    try:
        if weights is None:
            return row.build(**options)
        return load_pretrained(
            row, name, weights, options, new_head=new_head, prefix=prefix, key=key
        )
    except TypeError as error:
        raise _explained(name, error) from error


def input_shape(name: str) -> tuple[int, int, int]:
    """(C, H, W) of the images that the model was made for."""
    return entry(name).input_shape


def list() -> tuple[str, ...]:
    """The names that `create` knows."""
    return tuple(CATALOG)


def _explained(name: str, error: TypeError) -> TypeError:
    """Python's words on a wrong argument name the inner function; say them of the model."""
    said = re.search(r"(unexpected|multiple values for) keyword argument '(\w+)'|$", str(error))
    if not said or not said[2]:
        return error
    if said[1] == "unexpected":
        known = ", ".join(_options(entry(name).build))
        return TypeError(f"create: the options of {name} must be among {known}, got {said[2]!r}")
    return TypeError(f"create: {name} sets {said[2]} itself; take another name or the class")


def _options(build: Callable[..., Network]) -> dict[str, None]:
    """What a constructor takes, and what it hands on to the class of the network."""
    own = inspect.signature(build)
    names = [key for key in own.parameters if key != "options"]
    if "options" in own.parameters:
        for key, p in inspect.signature(own.return_annotation).parameters.items():
            if p.kind is p.KEYWORD_ONLY or key in ("num_classes", "in_channels"):
                names.append(key)
    return dict.fromkeys(names)
