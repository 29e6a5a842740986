"""Every model by name, with its published figures."""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from . import (
    alexnet, densenet, efficientnet, googlenet, inception, lenet, mnist_cnn, mobilenet_v1,
    mobilenet_v2, mobilenet_v3, published, resnet, resnet_cifar, resnext, squeezenet, vgg, vit,
    wide_resnet,
)  # fmt: skip
from .network import Network


class ModelInfo(NamedTuple):
    """What is known of a model.

    ``parameters`` and ``multiply_adds`` (of one image of ``input_shape``, without biases) are those
    of the published figures: without GoogLeNet's auxiliary heads, with Inception v3's. ``top1`` is
    the published accuracy in per cent on ``dataset``, None where nobody published one. ``weights``
    are the names that `create(..., weights=...)` knows. ``paper`` and ``differs`` are the
    paragraphs of the model's file.
    """

    name: str
    year: int
    parameters: int
    multiply_adds: int
    top1: float | None
    dataset: str
    input_shape: tuple[int, int, int]
    weights: tuple[str, ...]
    paper: str
    differs: str


class Entry(NamedTuple):
    """How a model is built, and the figures of `ModelInfo`; ``size`` is that of its images."""

    build: Callable[..., Network]
    year: int
    parameters: int
    multiply_adds: int
    top1: float | None = None
    size: int = 224

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return (1 if self.size in (8, 28) else 3, self.size, self.size)

    @property
    def dataset(self) -> str:
        return {8: "digits", 28: "MNIST", 32: "CIFAR-10"}.get(self.size, "ImageNet-1K")


# Sources of top1: torchvision's weights V1; the papers' tables for MobileNet V1, the CIFAR ResNets
# and LeNet-5; github.com/chenyaofo/pytorch-cifar-models for VGG and MobileNet V2 on CIFAR.
_ROWS = (
    Entry(lenet.lenet5, 1998, 61_706, 416_520, 99.05, 28),
    Entry(lenet.lenet5_small, 1998, 42_794, 100_392, None, 8),
    Entry(mnist_cnn.mnist_cnn, 2015, 421_738, 4_241_152, None, 28),
    Entry(alexnet.alexnet, 2012, 61_100_840, 714_188_480, 56.522),
    Entry(vgg.vgg11, 2014, 132_863_336, 7_609_090_048, 69.02),
    Entry(vgg.vgg13, 2014, 133_047_848, 11_308_466_176, 69.928),
    Entry(vgg.vgg16, 2014, 138_357_544, 15_470_264_320, 71.592),
    Entry(vgg.vgg19, 2014, 143_667_240, 19_632_062_464, 72.376),
    Entry(vgg.vgg11_bn, 2014, 132_868_840, 7_609_090_048, 70.37),
    Entry(vgg.vgg13_bn, 2014, 133_053_736, 11_308_466_176, 71.586),
    Entry(vgg.vgg16_bn, 2014, 138_365_992, 15_470_264_320, 73.36),
    Entry(vgg.vgg19_bn, 2014, 143_678_248, 19_632_062_464, 74.218),
    Entry(googlenet.googlenet, 2014, 6_624_904, 1_498_376_192, 69.778),
    Entry(inception.inception_v3, 2015, 27_161_264, 5_713_216_096, 77.294, 299),
    Entry(resnet.resnet18, 2015, 11_689_512, 1_814_073_344, 69.758),
    Entry(resnet.resnet34, 2015, 21_797_672, 3_663_761_408, 73.314),
    Entry(resnet.resnet50, 2015, 25_557_032, 4_089_184_256, 76.13),
    Entry(resnet.resnet101, 2015, 44_549_160, 7_801_405_440, 77.374),
    Entry(resnet.resnet152, 2015, 60_192_808, 11_513_626_624, 78.312),
    Entry(resnext.resnext50_32x4d, 2016, 25_028_904, 4_230_479_872, 77.618),
    Entry(wide_resnet.wide_resnet50_2, 2016, 68_883_240, 11_398_021_120, 78.468),
    Entry(densenet.densenet121, 2016, 7_978_856, 2_834_161_664, 74.434),
    Entry(densenet.densenet161, 2016, 28_681_000, 7_727_907_072, 77.138),
    Entry(densenet.densenet169, 2016, 14_149_480, 3_359_843_328, 75.6),
    Entry(densenet.densenet201, 2016, 20_013_928, 4_291_365_888, 76.896),
    Entry(squeezenet.squeezenet1_0, 2016, 1_248_424, 818_924_576, 58.092),
    Entry(squeezenet.squeezenet1_1, 2016, 1_235_496, 349_151_936, 58.178),
    Entry(mobilenet_v1.mobilenet_v1, 2017, 4_231_976, 568_740_352, 70.6),
    Entry(mobilenet_v1.mobilenet_v1_075, 2017, 2_585_560, 325_400_448, 68.4),
    Entry(mobilenet_v1.mobilenet_v1_050, 2017, 1_331_592, 149_497_088, 63.7),
    Entry(mobilenet_v1.mobilenet_v1_025, 2017, 470_072, 41_030_272, 50.6),
    Entry(mobilenet_v2.mobilenet_v2, 2018, 3_504_872, 300_774_272, 71.878),
    Entry(mobilenet_v3.mobilenet_v3_small, 2019, 2_542_856, 56_510_400, 67.668),
    Entry(mobilenet_v3.mobilenet_v3_large, 2019, 5_483_032, 216_589_760, 74.042),
    Entry(efficientnet.efficientnet_b0, 2019, 5_288_548, 385_814_752, 77.692),
    Entry(efficientnet.efficientnet_b1, 2019, 7_794_184, 686_802_832, 78.642, 240),
    Entry(efficientnet.efficientnet_b2, 2019, 9_109_994, 1_087_529_456, 80.608, 288),
    Entry(efficientnet.efficientnet_b3, 2019, 12_233_232, 1_827_141_392, 82.008, 300),
    Entry(efficientnet.efficientnet_b4, 2019, 19_341_616, 4_393_771_024, 83.384, 380),
    Entry(efficientnet.efficientnet_b5, 2019, 30_389_784, 10_266_384_752, 83.444, 456),
    Entry(efficientnet.efficientnet_b6, 2019, 43_040_704, 19_067_593_536, 84.008, 528),
    Entry(efficientnet.efficientnet_b7, 2019, 66_347_960, 37_745_884_192, 84.122, 600),
    Entry(vit.vit_b_16, 2020, 86_567_656, 17_563_828_224, 81.072),
    Entry(alexnet.alexnet_cifar, 2012, 3_899_210, 180_249_600, None, 32),
    Entry(vgg.vgg11_bn_cifar, 2014, 9_756_426, 153_293_824, 92.79, 32),
    Entry(vgg.vgg16_bn_cifar, 2014, 15_253_578, 313_725_952, 94.16, 32),
    Entry(googlenet.googlenet_cifar, 2014, 355_138, 28_594_688, None, 32),
    Entry(inception.inception_v3_cifar, 2015, 346_830, 8_109_120, None, 32),
    Entry(resnet_cifar.resnet20, 2015, 269_722, 40_551_040, 91.25, 32),
    Entry(resnet_cifar.resnet32, 2015, 464_154, 68_862_592, 92.49, 32),
    Entry(resnet_cifar.resnet44, 2015, 658_586, 97_174_144, 92.83, 32),
    Entry(resnet_cifar.resnet56, 2015, 853_018, 125_485_696, 93.03, 32),
    Entry(resnet_cifar.resnet110, 2015, 1_727_962, 252_887_680, 93.57, 32),
    Entry(resnet.resnet18_cifar, 2015, 11_173_962, 555_422_720, None, 32),
    Entry(densenet.densenet_cifar, 2016, 769_162, 287_929_692, None, 32),
    Entry(squeezenet.squeezenet_cifar, 2016, 732_874, 88_735_744, None, 32),
    Entry(mobilenet_v1.mobilenet_v1_cifar, 2017, 3_217_226, 175_556_608, None, 32),
    Entry(mobilenet_v2.mobilenet_v2_cifar, 2018, 2_236_682, 87_976_448, 93.79, 32),
    Entry(mobilenet_v3.mobilenet_v3_cifar, 2019, 1_528_106, 17_507_328, None, 32),
    Entry(efficientnet.efficientnet_cifar, 2019, 4_020_358, 116_167_168, None, 32),
    Entry(vit.vit_tiny_cifar, 2020, 129_066, 9_675_776, None, 32),
)

CATALOG: dict[str, Entry] = {row.build.__name__: row for row in _ROWS}


def entry(name: str) -> Entry:
    """The row of a name. Raises ValueError for an unknown one, offering the nearest."""
    if not isinstance(name, str) or name not in CATALOG:
        plain = str(name).lower().replace("-", "").replace(" ", "")
        near = [known for known in CATALOG if plain and known.startswith(plain)][:3]
        near = near or get_close_matches(plain, CATALOG, n=3)
        advice = f"did you mean {' or '.join(near)}?" if near else "`minicnn models` lists all"
        raise ValueError(f"model: name must be one of {len(CATALOG)}, got {name!r}; {advice}")
    return CATALOG[name]


def info(name: str) -> ModelInfo:
    """Paper, year, size, cost and accuracy of a model. Raises ValueError for an unknown name."""
    row = entry(name)
    return ModelInfo(
        name, row.year, row.parameters, row.multiply_adds, row.top1, row.dataset, row.input_shape,
        published.names(name), _paragraph(row, "Paper"), _paragraph(row, "What differs"),
    )  # fmt: skip


def _paragraph(row: Entry, start: str) -> str:
    """The paragraph of the model file's docstring that starts so, on one line."""
    text = inspect.getdoc(inspect.getmodule(row.build)) or ""
    found = [part for part in text.split("\n\n") if part.startswith(f"{start}: ")]
    return " ".join(found[0].removeprefix(f"{start}: ").split()) if found else ""
