"""summarize: counts against the papers' arithmetic, and a model that is left as it was."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn, ops, summary


def rows_by_path(model, shape):
    return {row.path: row for row in summary.summarize(model, shape)}


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10),
    )  # fmt: skip


def test_lenet_by_hand():
    rows = summary.summarize(lenet(), (1, 1, 28, 28))
    assert [row.path for row in rows] == [str(i) for i in range(10)]
    assert [row.type for row in rows[:3]] == ["Conv2d", "Tanh", "AvgPool2d"]
    assert [row.output_shape for row in rows[:4]] == [
        (1, 6, 28, 28), (1, 6, 28, 28), (1, 6, 14, 14), (1, 16, 10, 10)
    ]  # fmt: skip
    assert [row.parameters for row in rows] == [156, 0, 0, 2416, 0, 0, 0, 48120, 10164, 850]
    assert [row.multiply_adds for row in rows] == [
        6 * 28 * 28 * 25, 0, 0, 16 * 10 * 10 * 6 * 25, 0, 0, 0, 400 * 120, 120 * 84, 84 * 10
    ]  # fmt: skip
    assert [row.activation_bytes for row in rows[:3]] == [4 * 6 * 784, 4 * 6 * 784, 4 * 6 * 196]
    assert [row.im2col_bytes for row in rows] == [4 * 25 * 784, 0, 0, 4 * 150 * 100] + [0] * 6


def test_totals():
    rows = summary.summarize(lenet(), (3, 1, 28, 28))
    total = summary.total(rows)
    assert total.parameters == 61706  # LeNet-5 with full connections
    assert total.multiply_adds == 3 * (117600 + 240000 + 48000 + 10080 + 840)
    assert total.activation_bytes == sum(row.activation_bytes for row in rows)
    assert total.im2col_bytes == 3 * 4 * 25 * 784
    assert (total.path, total.output_shape) == ("total", (3, 10))


# kernel, stride, padding ...: output shape, multiply-adds, floats of im2col
CONVOLUTIONS = [
    (nn.Conv2d(4, 6, 1), (2, 6, 8, 8), 2 * 6 * 64 * 4, 0),
    (nn.Conv2d(4, 6, 1, stride=2), (2, 6, 4, 4), 2 * 6 * 16 * 4, 2 * 16 * 4),
    (nn.Conv2d(4, 6, 3, groups=2), (2, 6, 6, 6), 2 * 6 * 36 * 2 * 9, 2 * 36 * 9 * 4),
    (nn.DepthwiseConv2d(4, 3, 2), (2, 8, 6, 6), 2 * 8 * 36 * 9, 0),
    (nn.ConvTranspose2d(4, 6, 3), (2, 6, 10, 10), 2 * 4 * 64 * 6 * 9, 2 * 64 * 6 * 9),
]


@pytest.mark.parametrize(("layer", "shape", "multiply_adds", "columns"), CONVOLUTIONS)
@pytest.mark.parametrize("size", [4, 8])
def test_convolutions(layer, shape, multiply_adds, columns, size):
    (layer.float if size == 4 else layer.double)()
    (row,) = summary.summarize(layer, (2, 4, 8, 8))
    assert row.output_shape == shape
    assert row.multiply_adds == multiply_adds
    assert row.im2col_bytes == columns * size
    assert row.activation_bytes == np.prod(shape) * size


def test_the_input_has_the_dtype_of_the_model():
    rows = summary.summarize(nn.Sequential(nn.ReLU(), nn.Linear(4, 2)).double(), (3, 4))
    assert [row.activation_bytes for row in rows] == [3 * 4 * 8, 3 * 2 * 8]


class Residual(nn.Module):
    """A parameter and a product of its own, a layer used twice, and a view."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(np.ones((8, 8), np.float32))
        self.inner = nn.Sequential(nn.LocalResponseNorm(3), nn.Identity())
        self.shared = nn.Linear(8, 8)
        self.tied = self.shared.weight
        self.pool = nn.AdaptiveAvgPool2d((2, 3))

    def forward(self, x):
        y = self.shared(self.shared(self.inner(x)))
        return self.pool(ops.matmul(y, self.token))


def test_modules_with_modules_inside():
    rows = summary.summarize(Residual(), (1, 4, 8, 8))
    assert [row.path for row in rows] == ["inner.0", "inner.1", "shared", "shared", "pool", ""]
    assert [row.parameters for row in rows] == [0, 0, 72, 0, 0, 64]
    assert [row.multiply_adds for row in rows] == [0, 0, 2048, 2048, 0, 2048]
    assert [row.im2col_bytes for row in rows] == [0] * 6
    assert [row.activation_bytes for row in rows] == [1024, 0, 1024, 1024, 96, 0]


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    model[1].eval()
    model(Tensor(np.ones((2, 1, 5, 5), np.float32))).sum().backward()
    before, modes = model.state_dict(), [m.training for m in model.modules()]
    state = minicnn.random.get_state()
    recorded = []
    remove = model.register_forward_hook(lambda m, xs, y: recorded.append(y.requires_grad))
    summary.summarize(model, (1, 1, 5, 5))
    remove()
    assert recorded == [False]
    with pytest.raises(ValueError, match=r'conv2d: .* \(in layer "0"'):
        summary.summarize(model, (1, 3, 5, 5))
    assert [m.training for m in model.modules()] == modes
    assert minicnn.random.get_state() == state
    assert all(m._hooks.before == m._hooks.after == [] for m in model.modules())
    assert all(p.grad is not None for p in model.parameters())
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
