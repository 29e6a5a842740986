"""AlexNet: the network that made deep learning win at images.

Paper: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (arXiv
1404.5997), footnote 1; first A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with
deep convolutional neural networks", NIPS 2012, figure 2.

    layer                          output   channels here   in 2014   in 2012
    conv1   11x11, stride 4, pool   27x27              64        64    96, LRN
    conv2   5x5, pool               13x13             192       192   256, LRN, 2 groups
    conv3   3x3                     13x13             384       384   384
    conv4   3x3                     13x13             256       384   384, 2 groups
    conv5   3x3, pool                 6x6             256       256   256, 2 groups
    fc6     fully connected                          4096      4096  4096
    fc7     fully connected                          4096      4096  4096
    fc8     fully connected                          1000      1000  1000

What differs: the net of 2012 was cut in two halves for two graphics cards, which met in conv3 and
in the fully connected layers only (a convolution in 2 groups), and it normalised conv1 and conv2
over neighbouring channels (LRN); its dropout followed fc6 and fc7, here it comes before them. The
net of 2014 is in one piece, without the LRN; its conv4 has 384 channels in the paper, but 256 in
the author's code for one card and so in torchvision's version, which this is. The pooling to 6x6
before fc6 changes nothing for images of 224x224, and lets in other sizes.
"""

from typing import Any

from .. import nn
from ..tensor import Tensor
from .network import Network

CHANNELS = (64, 192, 384, 256, 256)


class AlexNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size from 63x63.

    ``width_mult`` scales the channels and features of all layers. ``small_images`` is for 32x32
    pixels: conv1 is 5x5 with stride 1, the last pool leaves 3x3 pixels, and fc6 and fc7 have 512
    features; images from 15x15 fit.
    """

    head_paths = ("classifier.6",)

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, width_mult: float = 1.0,
        dropout: float = 0.5, small_images: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        c1, c2, c3, c4, c5 = (int(channels * width_mult) for channels in CHANNELS)
        window, stride, size, features = (5, 1, 3, 512) if small_images else (11, 4, 6, 4096)
        hidden = int(features * width_mult)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, c1, window, stride, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(c1, c2, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(c2, c3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c3, c4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c4, c5, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(size)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(c5 * size * size, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(**options: Any) -> AlexNet:
    return AlexNet(**options)


def alexnet_cifar(num_classes: int = 10, **options: Any) -> AlexNet:
    """For images of 32x32 pixels. 3.9 million parameters."""
    return AlexNet(num_classes, **({"small_images": True} | options))
