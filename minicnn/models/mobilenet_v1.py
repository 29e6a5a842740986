"""MobileNet V1: each 3x3 convolution split in two, one over space and one over channels.

Paper: A. G. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam,
"MobileNets: efficient convolutional neural networks for mobile vision applications", 2017
(arXiv 1704.04861), table 1.

    layer               output         channels
    conv 3x3, stride 2  112x112        32
    pair 1              112x112        64
    pairs 2, 3          56x56         128
    pairs 4, 5          28x28         256
    pairs 6 ... 11      14x14         512
    pairs 12, 13        7x7          1024
    classifier          1x1         1,000

A pair is a depthwise 3x3 and a 1x1 convolution. It costs 1/C' + 1/9 of the multiply-adds of a full
3x3 convolution to C' channels (section 3.1).

What differs: pair 13 has stride 1, since its output is 7x7 as its input; the table says stride 2.
The weights that Google published come from nets with other conventions, chosen by tensorflow=True:
convolutions of stride 2 pad on the right and at the bottom only, ReLU6 for ReLU, eps 1e-3.
"""

from functools import partial
from typing import Any

import numpy as np

from .. import nn
from ..data.presets import Preset
from ..tensor import Tensor
from .blocks import Conv2dNormActivation, initialise
from .network import Network, State

PAIRS = (  # channels, stride
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class DepthwiseSeparable(nn.Sequential):
    """relu(bn(conv1x1(relu(bn(depthwise3x3(x)))))): (N, C, H, W) -> (N, C', H/stride, W/stride)"""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, tensorflow: bool = False
    ) -> None:
        depthwise = _layer(in_channels, in_channels, 3, stride, in_channels, tensorflow)
        pointwise = _layer(in_channels, out_channels, 1, tensorflow=tensorflow)
        super().__init__(*depthwise, *pointwise)


class MobileNetV1(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size.

    ``width_mult`` scales the channels of all layers (the paper's alpha: 1, 0.75, 0.5, 0.25).
    ``small_images`` is for 32x32 pixels: the first two of the five strides of 2 are 1.
    ``tensorflow`` is for Google's weights, see above and `from_keras`.
    """

    head_paths = ("classifier",)
    preset = Preset(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))  # Google's: x / 127.5 - 1

    @staticmethod
    def translate(state: State) -> tuple[State, dict[str, Any]]:
        if not any(key.startswith("conv_dw_1.") for key in state):
            return state, {}
        return from_keras(state), {"tensorflow": True}

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, width_mult: float = 1.0,
        dropout: float = 0.0, small_images: bool = False, tensorflow: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels, stride = int(32 * width_mult), 1 if small_images else 2
        stem = _layer(in_channels, channels, 3, stride, tensorflow=tensorflow)
        self.features = nn.Sequential(stem)
        for i, (c, s) in enumerate(PAIRS):
            width, stride = int(c * width_mult), 1 if small_images and i == 1 else s
            self.features.append(DepthwiseSeparable(channels, width, stride, tensorflow))
            channels = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.avgpool(self.features(x)).flatten(1)))


def _layer(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1,
    tensorflow: bool = False,
) -> Conv2dNormActivation:  # fmt: skip
    sizes = (in_channels, out_channels, kernel_size, stride, groups)
    if not tensorflow:
        return Conv2dNormActivation(*sizes)
    padding = ((0, 1), (0, 1)) if stride == 2 else None
    return Conv2dNormActivation(*sizes, partial(nn.BatchNorm2d, eps=1e-3), nn.ReLU6, padding)


def from_keras(state: State) -> dict[str, np.ndarray]:
    """Weights under the names of Keras (conv1, conv_dw_1, conv_pw_1_bn ...) under ours.

    The arrays are in torch's layout (O, I, kh, kw); conv_preds (classes, C, 1, 1) becomes a matrix.
    `models.create(..., weights=FILE)` calls this and builds the net with tensorflow=True.
    Raises ValueError for other names.
    """
    names = {"conv1": "features.0.0", "conv1_bn": "features.0.1", "conv_preds": "classifier"}
    for i in range(1, len(PAIRS) + 1):
        names |= {f"conv_dw_{i}": f"features.{i}.0", f"conv_dw_{i}_bn": f"features.{i}.1"}
        names |= {f"conv_pw_{i}": f"features.{i}.3", f"conv_pw_{i}_bn": f"features.{i}.4"}
    ours = {}
    for key, array in state.items():
        layer, _, kind = key.rpartition(".")
        if layer not in names:
            raise ValueError(
                f"from_keras: names must be those of Keras' MobileNet (conv_dw_1.weight ...), got "
                f"{key!r}; load weights with our own names as they are"
            )
        is_head = key == "conv_preds.weight"
        ours[f"{names[layer]}.{kind}"] = array.reshape(array.shape[:2]) if is_head else array
    return ours


def mobilenet_v1(**options: Any) -> MobileNetV1:
    return MobileNetV1(**options)


def mobilenet_v1_075(**options: Any) -> MobileNetV1:
    return MobileNetV1(width_mult=0.75, **options)


def mobilenet_v1_050(**options: Any) -> MobileNetV1:
    return MobileNetV1(width_mult=0.5, **options)


def mobilenet_v1_025(**options: Any) -> MobileNetV1:
    return MobileNetV1(width_mult=0.25, **options)


def mobilenet_v1_cifar(**options: Any) -> MobileNetV1:
    return MobileNetV1(**({"num_classes": 10, "small_images": True} | options))
