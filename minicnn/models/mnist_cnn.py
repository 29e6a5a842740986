"""A small network of today's parts for MNIST: what LeNet-5 became in twenty years.

Paper: none has this very table. Batch norm after each convolution is from Ioffe, Szegedy, 2015,
ReLU from Nair, Hinton, 2010, dropout before each fully connected layer from Srivastava, 2014.

    layer                           maps @ size   parameters
    convolution 3x3, BN, ReLU       32 @ 28x28           352
    max pool 2x2                    32 @ 14x14
    convolution 3x3, BN, ReLU       64 @ 14x14        18,560
    max pool 2x2                    64 @ 7x7
    dropout, fully connected, ReLU      128          401,536
    dropout, fully connected             10            1,290
                                                     421,738
"""

from .. import nn
from ..tensor import Tensor
from .network import Network


class MnistCNN(Network):
    """(N, C, 28, 28) -> (N, num_classes) logits."""

    head_paths = ("classifier.5",)
    image_size = 28

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, *, dropout: float = 0.25
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(*_block(in_channels, 32), *_block(32, 64))
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def mnist_cnn(num_classes: int = 10, in_channels: int = 1, dropout: float = 0.25) -> MnistCNN:
    """The net above; ``dropout`` is the share of values that are dropped."""
    return MnistCNN(num_classes, in_channels, dropout=dropout)


def _block(channels: int, filters: int) -> tuple[nn.Module, ...]:
    """Halve the image: (N, channels, H, W) -> (N, filters, H/2, W/2)."""
    return (
        # The bias is left out because batch norm subtracts it again.
        nn.Conv2d(channels, filters, 3, padding=1, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
