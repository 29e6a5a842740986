"""What modules say: their repr, and the layer that an error names."""

import numpy as np
import pytest

from minicnn import Tensor, nn


def lenet():
    return nn.Sequential(
        {
            "features": nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)),
            "classifier": nn.Sequential(nn.Flatten(), nn.Linear(18, 4), nn.ReLU(), nn.Linear(4, 3)),
        }
    )


def images(*shape):
    return Tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def test_repr_is_nested():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.Sequential(nn.ReLU(), nn.Dropout()))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Conv2d(in_channels=1, out_channels=2, kernel_size=(3, 3), padding='same')\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout()\n"
        "  )\n"
        ")"
    )


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = [nn.ReLU()]
        self.scale = nn.Parameter([2.0, 3.0])

    def extra_repr(self):
        return "by=2"

    def forward(self, x):
        return self.inner[0](x) * self.scale


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Scaled(), "Scaled(\n  by=2\n  (inner.0): ReLU()\n)"),
        (nn.Linear(4, 2, bias=False), "Linear(in_features=4, out_features=2, bias=False)"),
        (nn.MaxPool2d(3, 2, padding=(1, 0)), "MaxPool2d(kernel_size=3, stride=2, padding=(1, 0))"),
        (
            nn.Conv2d(4, 2, 3, (2, 2), groups=2),
            "Conv2d(in_channels=4, out_channels=2, kernel_size=(3, 3), stride=(2, 2), groups=2)",
        ),
        (nn.BatchNorm2d(3, momentum=None), "BatchNorm2d(num_features=3, momentum=None)"),
        (nn.BatchNorm1d(3, affine=False), "BatchNorm1d(num_features=3, affine=False)"),
        (nn.LayerNorm(3, bias=False), "LayerNorm(normalized_shape=(3,), bias=False)"),
        (nn.Dropout(0.2), "Dropout(p=0.2)"),
        (nn.LeakyReLU(), "LeakyReLU()"),
        (nn.HuberLoss(delta=2.0), "HuberLoss(delta=2.0)"),
        (nn.SigmoidFocalLoss(gamma=1.0), "SigmoidFocalLoss(gamma=1.0)"),
    ],
)
def test_repr_shows_what_is_not_default(layer, text):
    assert repr(layer) == text


# Errors


def failing(error):
    class Failing(nn.Module):
        def forward(self, x):
            raise error

    return nn.Sequential(nn.ReLU(), nn.Sequential(Failing()))


def test_an_error_names_the_layer_with_its_path_in_the_outermost_model():
    net = lenet()
    with pytest.raises(ValueError) as error:
        net(images(2, 1, 9, 12))
    layer = 'in layer "classifier.1": Linear(in_features=18, out_features=4)'
    assert str(error.value).startswith("linear: the last axis of x must equal in_features")
    assert "(2, 30)" in str(error.value)
    assert str(error.value).endswith(f" ({layer})")
    assert str(error.value).count("in layer") == 1


def test_an_error_of_a_layer_alone_names_it_without_a_path():
    with pytest.raises(TypeError, match=r"\(in layer Linear\(in_features=2, out_features=2\)\)$"):
        nn.Linear(2, 2)(np.ones((1, 2), int))


def test_an_error_of_a_module_with_parts_names_its_type():
    with pytest.raises(ValueError, match=r'mul: .* \(in layer "1": Scaled\)$'):
        nn.Sequential(nn.Identity(), Scaled())(images(4, 3))


@pytest.mark.parametrize("kind", [ValueError, TypeError, RuntimeError, FloatingPointError])
def test_the_type_of_an_error_stays(kind):
    with pytest.raises(kind, match=r'^oh \(in layer "1.0": Failing\(\)\)$') as error:
        failing(kind("oh"))(1)
    assert type(error.value) is kind


def test_errors_that_are_not_one_text_pass_unchanged():
    unicode_error = UnicodeDecodeError("utf-8", b"x", 0, 1, "no")
    for error in (ValueError(), ValueError(1, 2), unicode_error, KeyError("k")):
        before = str(error)
        with pytest.raises(type(error)) as caught:
            failing(error)(1)
        assert caught.value is error
        assert str(error) == before


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module: define forward\(self, x\)"):
        nn.Module()(1)
