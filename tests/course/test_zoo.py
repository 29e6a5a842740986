"""A lesson's network beside the library's: what `same_layers` accepts, and what it does not."""

import pytest

from minicnn import nn, ops
from minicnn.learn.zoo import same_layers

IMAGES = (2, 3, 8, 8)


def net(stride=1, relu=True):
    first = [nn.Conv2d(3, 4, 3, stride, padding=1, bias=False), nn.BatchNorm2d(4)]
    middle = [nn.ReLU()] if relu else []
    return nn.Sequential(*first, *middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))


class Named(nn.Module):
    """The same net with layers of other names."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 5)

    def forward(self, x):
        return self.head(ops.relu(self.norm(self.conv(x))).mean((2, 3)))


def test_the_same_net_is_the_same():
    assert same_layers(Named(), net(), IMAGES) == 3


@pytest.mark.parametrize(
    "options, told",
    [({"stride": 2}, "layer 0 differs .* conv"), ({"relu": False}, "layer .* differs .* head")],
)
def test_another_net_is_told_by_its_first_other_layer(options, told):
    with pytest.raises(AssertionError, match=told):
        same_layers(net(**options), Named(), IMAGES)


def test_other_parameters_are_refused():
    with pytest.raises(ValueError):
        same_layers(nn.Linear(3, 4), net(), IMAGES)
