"""SqueezeNet: as accurate as AlexNet with a fiftieth of its parameters.

Paper: F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer, "SqueezeNet:
AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016 (arXiv 1602.07360),
table 1.

    layer    squeeze   expand 1x1, 3x3   parameters   version 1.0       1.1
    conv1                                    14,208   7x7, 96 channels  3x3, 64 channels
    fire2         16      64     64          11,920   pool before it    pool before it
    fire3         16      64     64          12,432
    fire4         32     128    128          45,344                     pool before it
    fire5         32     128    128          49,440   pool before it
    fire6         48     192    192         104,880                     pool before it
    fire7         48     192    192         111,024
    fire8         64     256    256         188,992
    fire9         64     256    256         197,184   pool before it
    conv10                                  513,000   1x1, 1000 channels, then global average
                                          1,248,424

What differs: version 1.1 is not in the paper; the authors published it later with their code, for
2.4 times fewer multiply-adds at the same accuracy. The paper's sizes (111x111 after conv1) belong
to images of 227x227; of 224x224 the first layer leaves 109x109. The weights start as He et al.
(2015) propose. The bypass connections of the paper's section 6 are left out.
"""

from typing import Any

from .. import nn, ops
from ..tensor import Tensor
from .network import Network

# (squeeze, expand) of fire2 ... fire9
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
# version: channels and window of conv1, the fire modules with a pool before them
VERSIONS = {"1_0": (96, 7, (2, 5, 9)), "1_1": (64, 3, (2, 4, 6))}


class Fire(nn.Module):
    """s = relu(conv1x1(x)); y = relu(conv1x1(s)) and relu(conv3x3(s)), stacked

    (N, inplanes, H, W) -> (N, expand1x1_planes + expand3x3_planes, H, W)
    """

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        y1 = self.expand1x1_activation(self.expand1x1(x))
        y3 = self.expand3x3_activation(self.expand3x3(x))
        return ops.concat([y1, y3], dim=1)


class SqueezeNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits, none of them negative but with ``batch_norm``.

    ``version`` is "1_0", for images of any size from 21x21, or "1_1", from 17x17. ``width_mult``
    scales the channels of all layers but the last. ``small_images`` is for 32x32 pixels: conv1 has
    stride 1 and keeps the size, and the pool before fire2 is left out. ``batch_norm`` puts one
    after conv1 and each fire module and leaves out the ReLU after conv10: a narrow net otherwise
    hardly starts to learn, and a class whose logit is 0 for all images has no gradient.

    Raises ValueError for another version.
    """

    head_paths = ("classifier.1",)

    def __init__(
        self, version: str = "1_0", num_classes: int = 1000, in_channels: int = 3, *,
        width_mult: float = 1.0, dropout: float = 0.5, small_images: bool = False,
        batch_norm: bool = False,
    ) -> None:  # fmt: skip
        if version not in VERSIONS:
            known = ", ".join(VERSIONS)
            raise ValueError(f"SqueezeNet: version must be one of {known}, got {version!r}")
        super().__init__()
        first, window, pools = VERSIONS[version]
        channels = int(first * width_mult)
        stride, padding = (1, window // 2) if small_images else (2, 0)
        conv1 = nn.Conv2d(in_channels, channels, window, stride, padding)
        self.features = nn.Sequential(conv1, *_norm(channels, batch_norm), nn.ReLU())
        for number, fire in enumerate(FIRES, start=2):
            if number in pools and not (small_images and number == 2):
                self.features.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            squeeze, expand = (int(planes * width_mult) for planes in fire)
            self.features.append(Fire(channels, squeeze, expand, expand))
            channels = 2 * expand
            for norm in _norm(channels, batch_norm):
                self.features.append(norm)
        conv10 = nn.Conv2d(channels, num_classes, 1)
        last = nn.Identity() if batch_norm else nn.ReLU()
        self.classifier = nn.Sequential(nn.Dropout(dropout), conv10, last, nn.AdaptiveAvgPool2d(1))
        self._initialise(conv10)

    def _initialise(self, conv10: nn.Conv2d) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(conv10.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


def _norm(channels: int, batch_norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if batch_norm else []


def squeezenet1_0(**options: Any) -> SqueezeNet:
    return SqueezeNet("1_0", **options)


def squeezenet1_1(**options: Any) -> SqueezeNet:
    return SqueezeNet("1_1", **options)


def squeezenet_cifar(num_classes: int = 10, **options: Any) -> SqueezeNet:
    """Version 1.1 with batch norms, for images of 32x32 pixels. 0.73 million parameters."""
    return SqueezeNet("1_1", num_classes, **({"small_images": True, "batch_norm": True} | options))
