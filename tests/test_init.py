"""Initialisation: the formulas of the papers, the distributions, and one seeded generator."""

import math

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn
from minicnn.nn import init

SHAPE = (64, 32, 3, 5)  # fan_in 480, fan_out 960


@pytest.fixture(autouse=True)
def seed():
    minicnn.manual_seed(0)


def filled(fill, shape=SHAPE, **options):
    x = Tensor(np.full(shape, np.nan))
    assert fill(x, **options) is x
    return x.numpy()


def assert_uniform(values, bound):
    """Within ±bound, nearly reaching it, and with the moments of U(-bound, bound)."""
    assert abs(values).max() <= bound
    assert abs(values).max() > 0.99 * bound
    error = bound / math.sqrt(3 * values.size)
    assert abs(values.mean()) < 5 * error
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def assert_normal(values, std):
    """The moments of N(0, std^2), and its tails: 4.55 % are beyond two std."""
    assert abs(values.mean()) < 5 * std / math.sqrt(values.size)
    assert values.std() == pytest.approx(std, rel=0.02)
    assert (abs(values) > 2 * std).mean() == pytest.approx(0.0455, rel=0.1)


def test_fans():
    assert init.fans(Tensor(np.zeros(SHAPE))) == (480, 960)
    assert init.fans(Tensor(np.zeros((10, 4)))) == (4, 10)
    with pytest.raises(ValueError, match=r"at least two axes, got shape \(3,\)"):
        init.kaiming_normal_(Tensor(np.zeros(3)))


def test_uniform_families():
    assert_uniform(filled(init.xavier_uniform_), math.sqrt(6 / 1440))
    assert_uniform(filled(init.xavier_uniform_, gain=3.0), 3 * math.sqrt(6 / 1440))
    assert_uniform(filled(init.kaiming_uniform_), math.sqrt(6 / 480))
    assert_uniform(filled(init.kaiming_uniform_, mode="fan_out"), math.sqrt(6 / 960))
    assert_uniform(filled(init.kaiming_uniform_, a=math.sqrt(5)), 1 / math.sqrt(480))
    assert_uniform(filled(init.kaiming_uniform_, nonlinearity="linear"), math.sqrt(3 / 480))
    assert_uniform(filled(init.uniform_, a=2.0, b=6.0) - 4, 2)


def test_normal_families():
    assert_normal(filled(init.xavier_normal_), math.sqrt(2 / 1440))
    assert_normal(filled(init.kaiming_normal_), math.sqrt(2 / 480))
    assert_normal(filled(init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
                  math.sqrt(2 / 960))  # fmt: skip
    assert_normal(filled(init.normal_, mean=3.0, std=0.5) - 3, 0.5)


def test_he_keeps_the_size_of_a_signal_through_thirty_relu_layers():
    """What the paper promises (section 2.2), and what half the variance does not."""
    x = np.random.default_rng(0).standard_normal((200, 256))
    good = bad = x
    for _ in range(30):
        w = filled(init.kaiming_normal_, (256, 256))
        good, bad = np.maximum(good @ w.T, 0), np.maximum(bad @ (w / math.sqrt(2)).T, 0)
    size = (x**2).mean()
    assert 0.1 < (good**2).mean() * 2 / size < 10
    assert (bad**2).mean() < 1e-6 * size


def test_truncated_normal():
    values = filled(init.trunc_normal_, std=1.0)
    assert abs(values).max() <= 2
    assert abs(values).max() > 1.99
    assert values.std() == pytest.approx(0.8796, rel=0.02)  # of N(0, 1) cut at two sigma
    values = filled(init.trunc_normal_, mean=1.0, std=2.0, a=1.0, b=9.0)
    assert (values.min() >= 1, values.max() <= 9) == (True, True)
    assert values.mean() == pytest.approx(1 + 2 * math.sqrt(2 / math.pi), rel=0.02)
    narrow = filled(init.trunc_normal_, std=0.02)
    assert_normal(narrow, 0.02)  # the bounds are values, far outside
    with pytest.raises(ValueError, match=r"must hold 1 % .* got a=5.0, b=6.0"):
        filled(init.trunc_normal_, a=5.0, b=6.0)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8), (4, 3, 2, 2), (30, 2, 2, 2)])
def test_orthogonal(shape):
    w = filled(init.orthogonal_, shape, gain=1.5).reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 1.5**2 * np.eye(min(w.shape)), atol=1e-12)
    assert (np.diag(w) < 0).any() or (np.diag(w) > 0).any()


def test_orthogonal_prefers_no_direction():
    """The entries of random rotations have mean 0; QR alone makes the diagonal lean to one side."""
    first = [filled(init.orthogonal_, (3, 3)).diagonal() for _ in range(400)]
    assert abs(np.mean(first)) < 5 * math.sqrt(1 / 3 / 1200)


def test_constants():
    assert (filled(init.constant_, val=3.5) == 3.5).all()
    assert (filled(init.zeros_) == 0).all()
    assert (filled(init.ones_) == 1).all()


def test_gains():
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    expected = torch.nn.init.calculate_gain("leaky_relu", 0.3)
    assert init.calculate_gain("leaky_relu", 0.3) == pytest.approx(expected)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="nonlinearity must be one of .* got 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match='mode must be "fan_in" or "fan_out", got .fan.'):
        init.kaiming_normal_(Tensor(np.zeros((2, 2))), mode="fan")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays_the_write_is_in_place_and_a_seed_repeats_it(dtype):
    fills = [init.uniform_, init.normal_, init.trunc_normal_, init.orthogonal_, init.ones_]
    for fill in fills:
        x = Tensor(np.zeros((4, 5), dtype))
        array = x.data
        minicnn.manual_seed(7)
        fill(x)
        first = x.numpy().copy()
        assert x.data is array
        assert x.dtype == dtype
        minicnn.manual_seed(7)
        np.testing.assert_array_equal(fill(x).numpy(), first)
    minicnn.manual_seed(7)  # no double-size draws for float32
    expected = np.random.default_rng(7).random((4, 5), dtype)
    np.testing.assert_array_equal(init.uniform_(x).numpy(), expected)


def test_backward_after_initialisation_refuses():
    w = nn.Parameter(np.ones((2, 2)))
    x = Tensor(np.ones((1, 2)), requires_grad=True)
    loss = (x @ w).sum()
    init.xavier_normal_(w)
    with pytest.raises(RuntimeError, match=r"init.normal_ has changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    ("layer", "name", "options"),
    [
        (nn.Linear(400, 50), "Linear", (400, 50)),
        (nn.Conv2d(8, 40, (3, 5), groups=2), "Conv2d", (8, 40, (3, 5), 1, 0, 1, 2)),
        (nn.ConvTranspose2d(40, 64, 3), "ConvTranspose2d", (40, 64, 3)),
    ],
)
def test_layers_start_as_in_torch(layer, name, options):
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    theirs = getattr(torch.nn, name)(*options)
    fan_in, _ = torch.nn.init._calculate_fan_in_and_fan_out(theirs.weight)
    bound = 1 / math.sqrt(fan_in)
    assert_uniform(layer.weight.numpy(), bound)
    for bias in (layer.bias.numpy(), theirs.bias.detach().numpy()):
        assert 0.7 * bound < abs(bias).max() <= bound


def test_depthwise_starts_with_its_own_fan_in():
    assert_uniform(nn.DepthwiseConv2d(300, 3, 2).weight.numpy(), 1 / 3)


def test_norms_start_as_identity():
    for layer in (nn.BatchNorm2d(3), nn.LayerNorm((3, 2)), nn.GroupNorm(1, 3)):
        assert (layer.weight.numpy() == 1).all()
        assert (layer.bias.numpy() == 0).all()
