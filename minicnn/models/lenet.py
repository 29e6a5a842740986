"""LeNet-5, the network that read cheques.

Paper: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86 (11), 1998, section II.B and figure 2.

    layer   what                 maps @ size   parameters here   in the paper
    input   image, padded by 2    1 @ 28x28
    C1      convolution 5x5       6 @ 28x28               156            156
    S2      2x2 average           6 @ 14x14                 0             12
    C3      convolution 5x5      16 @ 10x10             2,416          1,516
    S4      2x2 average          16 @ 5x5                   0             32
    C5      convolution 5x5     120 @ 1x1              48,120         48,120
    F6      fully connected      84                    10,164         10,164
    output  fully connected      10                       850            RBF
                                                       61,706

What differs: the paper pads the images to 32x32 beforehand; S2 and S4 learn a factor and a bias per
map; C3 joins each map to some of S2's only (table I); the activation is 1.7159 tanh(2 x / 3); the
output are distances to drawn digits (RBF units), here logits for softmax cross-entropy.
"""

from collections.abc import Callable
from typing import NamedTuple

from .. import nn
from .network import Network


class _Sizes(NamedTuple):
    """What the image size decides. ``s2``: whether there is a pool between C1 and C3."""

    c1: int
    c1_padding: int
    s2: bool
    c3: int
    c3_padding: int
    c5: int


_SIZES = {
    28: _Sizes(c1=5, c1_padding=2, s2=True, c3=5, c3_padding=0, c5=5),
    8: _Sizes(c1=3, c1_padding=1, s2=False, c3=3, c3_padding=1, c5=4),
}


class LeNet5(Network, nn.Sequential):
    """(N, C, H, W) -> (N, num_classes) logits; H = W = ``image_size``, 28 or 8.

    Eight pixels leave no room for two pools and 5x5 windows: there S2 is left out, C1 and C3 are
    3x3, C5 is 4x4.

    Raises ValueError for another image size.
    """

    head_paths = ("output",)

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, *, image_size: int = 28,
        activation: Callable[[], nn.Module] = nn.Tanh,
        pool: Callable[[int], nn.Module] = nn.AvgPool2d,
    ) -> None:  # fmt: skip
        if image_size not in _SIZES:
            raise ValueError(
                f"LeNet5: image_size must be one of {', '.join(map(str, _SIZES))}, got "
                f"{image_size}; scale the images"
            )
        size = _SIZES[image_size]
        layers: dict[str, nn.Module] = {
            "c1": nn.Conv2d(in_channels, 6, size.c1, padding=size.c1_padding),
            "act1": activation(),
            "s2": pool(2),
            "c3": nn.Conv2d(6, 16, size.c3, padding=size.c3_padding),
            "act3": activation(),
            "s4": pool(2),
            "c5": nn.Conv2d(16, 120, size.c5),
            "act5": activation(),
            "flatten": nn.Flatten(),
            "f6": nn.Linear(120, 84),
            "act6": activation(),
            "output": nn.Linear(84, num_classes),
        }
        if not size.s2:
            del layers["s2"]
        super().__init__(layers)
        self.image_size = image_size


def lenet5(num_classes: int = 10, in_channels: int = 1) -> LeNet5:
    """LeNet-5 for 28x28 images, with tanh and average pooling as in the paper."""
    return LeNet5(num_classes, in_channels)


def lenet5_small(num_classes: int = 10, in_channels: int = 1) -> LeNet5:
    """A LeNet-5 for 8x8 images, with today's ReLU and max pooling. 42,794 parameters."""
    return LeNet5(num_classes, in_channels, image_size=8, activation=nn.ReLU, pool=nn.MaxPool2d)
