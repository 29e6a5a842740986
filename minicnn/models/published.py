"""Weights that torchvision publishes: addresses, checksums, accuracies, images they expect.

Source: the `Weights` enums of torchvision 0.28. Accuracies are those of one centre crop of the
50,000 validation images of ImageNet-1K, in per cent. The last part of a file's name are the first
digits of its SHA-256.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ..data.presets import Preset

MIRRORS = ("https://download.pytorch.org/models",)
V1, V2 = "IMAGENET1K_V1", "IMAGENET1K_V2"


class Published(NamedTuple):
    """A file of weights. ``options`` are those that the model must be built with."""

    file: str
    acc1: float
    acc5: float
    preset: Preset = Preset()
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def sha256(self) -> str:
        """The first digits of the file's SHA-256."""
        return self.file.removesuffix(".pth").rpartition("-")[2]


def names(model: str) -> tuple[str, ...]:
    """The names of the weights that are published for a model."""
    return tuple(name for owner, name in WEIGHTS if owner == model)


def by_file(path: str) -> tuple[str, Published] | None:
    """Model and weights of a file that still has its published name."""
    found = [(owner, w) for (owner, _), w in WEIGHTS.items() if w.file == Path(path).name]
    return found[0] if found else None


WEIGHTS: dict[tuple[str, str], Published] = {
    ("alexnet", V1): Published("alexnet-owt-7be5be79.pth", 56.522, 79.066),
    ("vgg11", V1): Published("vgg11-8a719046.pth", 69.02, 88.628),
    ("vgg11_bn", V1): Published("vgg11_bn-6002323d.pth", 70.37, 89.81),
    ("vgg13", V1): Published("vgg13-19584684.pth", 69.928, 89.246),
    ("vgg13_bn", V1): Published("vgg13_bn-abd245e5.pth", 71.586, 90.374),
    ("vgg16", V1): Published("vgg16-397923af.pth", 71.592, 90.382),
    ("vgg16_bn", V1): Published("vgg16_bn-6c64b313.pth", 73.36, 91.516),
    ("vgg19", V1): Published("vgg19-dcbb9e9d.pth", 72.376, 90.876),
    ("vgg19_bn", V1): Published("vgg19_bn-c79401a0.pth", 74.218, 91.842),
    ("googlenet", V1): Published(
        "googlenet-1378be20.pth", 69.778, 89.53, options={"transform_input": True}
    ),
    ("inception_v3", V1): Published(
        "inception_v3_google-0cc3c7bd.pth",
        77.294,
        93.45,
        Preset(crop=299, resize=342),
        options={"transform_input": True},
    ),
    ("resnet18", V1): Published("resnet18-f37072fd.pth", 69.758, 89.078),
    ("resnet34", V1): Published("resnet34-b627a593.pth", 73.314, 91.42),
    ("resnet50", V1): Published("resnet50-0676ba61.pth", 76.13, 92.862),
    ("resnet50", V2): Published("resnet50-11ad3fa6.pth", 80.858, 95.434, Preset(resize=232)),
    ("resnet101", V1): Published("resnet101-63fe2227.pth", 77.374, 93.546),
    ("resnet101", V2): Published("resnet101-cd907fc2.pth", 81.886, 95.78, Preset(resize=232)),
    ("resnet152", V1): Published("resnet152-394f9c45.pth", 78.312, 94.046),
    ("resnet152", V2): Published("resnet152-f82ba261.pth", 82.284, 96.002, Preset(resize=232)),
    ("resnext50_32x4d", V1): Published("resnext50_32x4d-7cdf4587.pth", 77.618, 93.698),
    ("resnext50_32x4d", V2): Published(
        "resnext50_32x4d-1a0047aa.pth", 81.198, 95.34, Preset(resize=232)
    ),
    ("wide_resnet50_2", V1): Published("wide_resnet50_2-95faca4d.pth", 78.468, 94.086),
    ("wide_resnet50_2", V2): Published(
        "wide_resnet50_2-9ba9bcbe.pth", 81.602, 95.758, Preset(resize=232)
    ),
    ("densenet121", V1): Published("densenet121-a639ec97.pth", 74.434, 91.972),
    ("densenet161", V1): Published("densenet161-8d451a50.pth", 77.138, 93.56),
    ("densenet169", V1): Published("densenet169-b2777c0a.pth", 75.6, 92.806),
    ("densenet201", V1): Published("densenet201-c1103571.pth", 76.896, 93.37),
    ("squeezenet1_0", V1): Published("squeezenet1_0-b66bff10.pth", 58.092, 80.42),
    ("squeezenet1_1", V1): Published("squeezenet1_1-b8a52dc0.pth", 58.178, 80.624),
    ("mobilenet_v2", V1): Published("mobilenet_v2-b0353104.pth", 71.878, 90.286),
    ("mobilenet_v2", V2): Published(
        "mobilenet_v2-7ebf99e0.pth", 72.154, 90.822, Preset(resize=232)
    ),
    ("mobilenet_v3_small", V1): Published("mobilenet_v3_small-047dcff4.pth", 67.668, 87.402),
    ("mobilenet_v3_large", V1): Published("mobilenet_v3_large-8738ca79.pth", 74.042, 91.34),
    ("mobilenet_v3_large", V2): Published(
        "mobilenet_v3_large-5c1a4163.pth", 75.274, 92.566, Preset(resize=232)
    ),
    ("efficientnet_b0", V1): Published(
        "efficientnet_b0_rwightman-7f5810bc.pth", 77.692, 93.532, Preset(interpolation="bicubic")
    ),
    ("efficientnet_b1", V1): Published(
        "efficientnet_b1_rwightman-bac287d4.pth",
        78.642,
        94.186,
        Preset(crop=240, interpolation="bicubic"),
    ),
    ("efficientnet_b1", V2): Published(
        "efficientnet_b1-c27df63c.pth", 79.838, 94.934, Preset(crop=240, resize=255)
    ),
    ("efficientnet_b2", V1): Published(
        "efficientnet_b2_rwightman-c35c1473.pth",
        80.608,
        95.31,
        Preset(crop=288, resize=288, interpolation="bicubic"),
    ),
    ("efficientnet_b3", V1): Published(
        "efficientnet_b3_rwightman-b3899882.pth",
        82.008,
        96.054,
        Preset(crop=300, resize=320, interpolation="bicubic"),
    ),
    ("efficientnet_b4", V1): Published(
        "efficientnet_b4_rwightman-23ab8bcd.pth",
        83.384,
        96.594,
        Preset(crop=380, resize=384, interpolation="bicubic"),
    ),
    ("efficientnet_b5", V1): Published(
        "efficientnet_b5_lukemelas-1a07897c.pth",
        83.444,
        96.628,
        Preset(crop=456, resize=456, interpolation="bicubic"),
    ),
    ("efficientnet_b6", V1): Published(
        "efficientnet_b6_lukemelas-24a108a5.pth",
        84.008,
        96.916,
        Preset(crop=528, resize=528, interpolation="bicubic"),
    ),
    ("efficientnet_b7", V1): Published(
        "efficientnet_b7_lukemelas-c5b4e57e.pth",
        84.122,
        96.908,
        Preset(crop=600, resize=600, interpolation="bicubic"),
    ),
    ("vit_b_16", V1): Published("vit_b_16-c867db91.pth", 81.072, 95.318),
    ("vit_b_16", "IMAGENET1K_SWAG_E2E_V1"): Published(
        "vit_b_16_swag-9ac1b537.pth",
        85.304,
        97.65,
        Preset(crop=384, resize=384, interpolation="bicubic"),
        options={"image_size": 384},
    ),
    ("vit_b_16", "IMAGENET1K_SWAG_LINEAR_V1"): Published(
        "vit_b_16_lc_swag-4e70ced5.pth", 81.886, 96.18, Preset(resize=224, interpolation="bicubic")
    ),
}
