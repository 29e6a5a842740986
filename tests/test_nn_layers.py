"""Layers against torch.nn: keys, outputs and gradients, with torch's weights loaded."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, grad, nn

RANDOM = np.random.default_rng(1)
IMAGES = (2, 4, 7, 9)

# name, positional arguments, options, shape of the input
LAYERS = [
    ("Conv2d", (4, 6, 3), {}, IMAGES),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 3), "padding": (1, 0), "bias": False}, IMAGES),
    ("Conv2d", (4, 6, 3), {"padding": "same", "dilation": 2, "groups": 2}, IMAGES),
    ("Conv2d", (4, 8, (2, 4)), {"padding": "same", "groups": 4}, IMAGES),
    ("Conv2d", (4, 2, 3), {"padding": "valid", "padding_mode": "zeros"}, IMAGES),
    ("ConvTranspose2d", (4, 6, 3), {}, IMAGES),
    (
        "ConvTranspose2d",
        (4, 6, (3, 2)),
        {"stride": (2, 3), "padding": 1, "output_padding": (1, 2), "groups": 2, "bias": False},
        IMAGES,
    ),
    ("ConvTranspose2d", (4, 4, 3), {"dilation": (1, 2)}, IMAGES),
    ("Linear", (9, 5), {}, IMAGES),
    ("Linear", (6, 3), {"bias": False}, (5, 6)),
    ("Identity", (), {}, IMAGES),
    ("Flatten", (), {}, IMAGES),
    ("Flatten", (), {"start_dim": 0, "end_dim": 2}, IMAGES),
    ("Unflatten", (1, (2, 3)), {}, (4, 6, 2)),
    ("Unflatten", (-1, (2, 1)), {}, (4, 6, 2)),
    ("MaxPool2d", (2,), {}, IMAGES),
    ("MaxPool2d", ((3, 2), 2), {"padding": 1, "ceil_mode": True}, IMAGES),
    ("MaxPool2d", (2, 1), {"dilation": 2}, IMAGES),
    ("AvgPool2d", (2,), {}, IMAGES),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, IMAGES),
    ("AvgPool2d", (3,), {"stride": 2, "ceil_mode": True, "divisor_override": 5}, IMAGES),
    ("AdaptiveAvgPool2d", (1,), {}, IMAGES),
    ("AdaptiveAvgPool2d", ((3, 4),), {}, IMAGES),
    ("AdaptiveMaxPool2d", ((3, 4),), {}, IMAGES),
    ("BatchNorm1d", (4,), {}, (5, 4)),
    ("BatchNorm1d", (4,), {"eps": 0.1, "momentum": 0.3}, (5, 4, 3)),
    ("BatchNorm2d", (4,), {}, IMAGES),
    ("BatchNorm2d", (4,), {"affine": False, "momentum": None}, IMAGES),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, IMAGES),
    ("LayerNorm", (9,), {}, IMAGES),
    ("LayerNorm", ((7, 9),), {"eps": 0.1, "bias": False}, IMAGES),
    ("LayerNorm", ((4, 7, 9),), {"elementwise_affine": False}, IMAGES),
    ("GroupNorm", (2, 4), {}, IMAGES),
    ("GroupNorm", (1, 4), {"eps": 0.1, "affine": False}, IMAGES),
    ("LocalResponseNorm", (3,), {"alpha": 0.5, "beta": 0.6, "k": 2.0}, IMAGES),
    ("LocalResponseNorm", (2,), {}, IMAGES),
    ("ReLU", (), {}, IMAGES),
    ("ReLU6", (), {}, IMAGES),
    ("LeakyReLU", (), {}, IMAGES),
    ("LeakyReLU", (0.3,), {}, IMAGES),
    ("ELU", (), {"alpha": 0.5}, IMAGES),
    ("GELU", (), {}, IMAGES),
    ("GELU", (), {"approximate": "tanh"}, IMAGES),
    ("SiLU", (), {}, IMAGES),
    ("Sigmoid", (), {}, IMAGES),
    ("Tanh", (), {}, IMAGES),
    ("Softplus", (), {}, IMAGES),
    ("Hardsigmoid", (), {}, IMAGES),
    ("Hardswish", (), {}, IMAGES),
    ("Hardtanh", (-0.5, 2.0), {}, IMAGES),
    ("Softmax", (), {"dim": 1}, IMAGES),
    ("LogSoftmax", (1,), {}, IMAGES),
]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def both(torch, name, arguments, options):
    """The same layer here and in torch, with torch's (disturbed) weights in both, in float64."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*arguments, **options).double()
    for tensor in theirs.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand_like(tensor))
    ours = getattr(nn, name)(*arguments, **options).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def assert_state_equal(ours, theirs):
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value.numpy(), rtol=1e-12, err_msg=key)
        assert ours[key].dtype == value.numpy().dtype, key


def assert_same_gradients(torch, ours, theirs, *data, rtol=1e-9):
    """Outputs, and gradients of the first input and all parameters, for a random cotangent."""
    x = Tensor(data[0], requires_grad=True)
    tx = torch.tensor(data[0], requires_grad=True)
    y, ty = ours(x, *data[1:]), theirs(tx, *map(torch.tensor, data[1:]))
    np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), rtol=rtol, atol=1e-10)
    gy = RANDOM.standard_normal(y.shape)
    gradients = grad(y, [x, *ours.parameters()], gy)
    expected = torch.autograd.grad(ty, [tx, *theirs.parameters()], torch.tensor(gy))
    for g, e in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), e.numpy(), rtol=rtol, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("name", "arguments", "options", "shape"), LAYERS)
def test_layer_is_that_of_torch(torch, name, arguments, options, shape):
    ours, theirs = both(torch, name, arguments, options)
    assert_state_equal(ours, theirs)
    rtol = 1e-6 if name == "Hardsigmoid" else 1e-9  # torch multiplies by a float32 sixth
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        assert_same_gradients(torch, ours, theirs, RANDOM.standard_normal(shape) * 3, rtol=rtol)
        assert_state_equal(ours, theirs)


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_is_a_grouped_convolution_of_torch(torch, multiplier):
    ours = nn.DepthwiseConv2d(4, (3, 2), multiplier, stride=2, padding=1, dilation=(1, 2)).double()
    theirs = torch.nn.Conv2d(
        4, 4 * multiplier, (3, 2), stride=2, padding=1, dilation=(1, 2), groups=4
    ).double()
    ours.load_state_dict(theirs.state_dict())
    assert_state_equal(ours, theirs)
    assert_same_gradients(torch, ours, theirs, RANDOM.standard_normal(IMAGES))
    assert "bias" not in nn.DepthwiseConv2d(4, 3, bias=False).state_dict()


# Losses

LOGITS, LABELS = RANDOM.standard_normal((6, 5)) * 4, np.array([0, 4, 2, 2, 1, 3])
IMAGE_LOGITS, IMAGE_LABELS = RANDOM.standard_normal((2, 5, 3, 4)), RANDOM.integers(0, 5, (2, 3, 4))
OTHER = RANDOM.standard_normal((6, 5)) * 4
PARTS, POSITIVES = RANDOM.random((6, 5)), (RANDOM.random((6, 5)) > 0.5).astype(float)
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.1, 3.0])
SOFT = PARTS / PARTS.sum(1, keepdims=True)

LOSSES = [
    ("CrossEntropyLoss", {}, LOGITS, LABELS),
    ("CrossEntropyLoss", {"label_smoothing": 0.2, "weight": WEIGHTS}, LOGITS, LABELS),
    ("CrossEntropyLoss", {"ignore_index": 2, "weight": WEIGHTS}, IMAGE_LOGITS, IMAGE_LABELS),
    ("CrossEntropyLoss", {"weight": WEIGHTS, "label_smoothing": 0.1}, LOGITS, SOFT),
    ("NLLLoss", {}, IMAGE_LOGITS, IMAGE_LABELS),
    ("NLLLoss", {"weight": WEIGHTS, "ignore_index": 4}, LOGITS, LABELS),
    ("MSELoss", {}, LOGITS, OTHER),
    ("L1Loss", {}, LOGITS, OTHER),
    ("HuberLoss", {"delta": 2.5}, LOGITS, OTHER),
    ("SmoothL1Loss", {"beta": 2.5}, LOGITS, OTHER),
    ("BCELoss", {}, PARTS, POSITIVES),
    ("BCELoss", {"weight": WEIGHTS}, PARTS, POSITIVES),
    ("BCEWithLogitsLoss", {}, LOGITS, POSITIVES),
    ("BCEWithLogitsLoss", {"weight": WEIGHTS, "pos_weight": WEIGHTS[::-1]}, LOGITS, PARTS),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "x", "target"), LOSSES)
def test_loss_is_that_of_torch(torch, name, options, x, target, reduction):
    tensors = {
        k: torch.tensor(v.copy()) if isinstance(v, np.ndarray) else v for k, v in options.items()
    }
    theirs = getattr(torch.nn, name)(**tensors, reduction=reduction)
    ours = getattr(nn, name)(**options, reduction=reduction)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_same_gradients(torch, ours, theirs, x, target)


def test_focal_losses_follow_their_formulas():
    """Lin et al., 2017, equations 4 and 5, written out with NumPy."""
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    pt = p[np.arange(6), LABELS]
    loss = nn.FocalLoss(gamma=1.5, weight=WEIGHTS, reduction="none")(Tensor(LOGITS), LABELS)
    np.testing.assert_allclose(loss.numpy(), -WEIGHTS[LABELS] * (1 - pt) ** 1.5 * np.log(pt))
    p = 1 / (1 + np.exp(-LOGITS))
    pt = np.where(POSITIVES == 1, p, 1 - p)
    a = np.where(POSITIVES == 1, 0.3, 0.7)
    loss = nn.SigmoidFocalLoss(0.3, 1.5)(Tensor(LOGITS), POSITIVES)
    np.testing.assert_allclose(loss.item(), (-a * (1 - pt) ** 1.5 * np.log(pt)).mean())


def test_class_weights_move_with_the_loss():
    loss = nn.CrossEntropyLoss(weight=[1.0, 2.0])
    assert loss.weight.dtype == np.float32
    assert loss.double().weight.dtype == np.float64
    assert repr(loss) == "CrossEntropyLoss(weight=Tensor(2,))"


# Dropout


@pytest.mark.parametrize(
    ("layer", "axes"), [(nn.Dropout, ()), (nn.Dropout2d, (2, 3)), (nn.DropPath, (1, 2, 3))]
)
def test_dropout_drops_in_training_only(layer, axes):
    """The whole of ``axes`` is dropped or kept; what is kept grows by 1 / (1 - p)."""
    drop, x = layer(0.25), Tensor(np.ones((400, 5, 2, 3)))
    minicnn.manual_seed(3)
    y = drop(x).numpy()
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    first = y[(..., *(slice(0, 1) if a in axes else slice(None) for a in range(1, 4)))]
    np.testing.assert_array_equal(y, np.broadcast_to(first, y.shape))
    assert abs((first == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / first.size)
    minicnn.manual_seed(3)
    np.testing.assert_array_equal(drop(x).numpy(), y)
    np.testing.assert_array_equal(drop.eval()(x).numpy(), x.numpy())


# Batch normalisation


def test_batch_norm_without_momentum_averages_all_batches():
    norm, batches = nn.BatchNorm2d(3, momentum=None).double(), RANDOM.random((4, 5, 3, 2, 2))
    for batch in batches:
        norm(Tensor(batch))
    means = batches.mean((1, 3, 4))
    variances = batches.var((1, 3, 4), ddof=1)
    np.testing.assert_allclose(norm.running_mean.numpy(), means.mean(0))
    np.testing.assert_allclose(norm.running_var.numpy(), variances.mean(0))
    assert norm.num_batches_tracked.item() == 4
    norm.eval()(Tensor(batches[0]))
    assert norm.num_batches_tracked.item() == 4


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.BatchNorm2d(3), (1, 3, 1, 1), "more than one value per channel"),
        (nn.BatchNorm1d(3), (1, 3), "more than one value per channel"),
        (nn.BatchNorm2d(3), (4, 3), r"x must be \(N, C, H, W\) with C=3, got \(4, 3\)"),
        (nn.BatchNorm2d(3), (4, 5, 2, 2), r"with C=3, got \(4, 5, 2, 2\)"),
        (nn.BatchNorm1d(3), (4, 3, 2, 2), r"x must be \(N, C\) or \(N, C, L\) with C=3"),
        (nn.BatchNorm2d(3, affine=False, track_running_stats=False), (4, 5, 2, 2), "C=3"),
    ],
)
def test_batch_norm_refuses_wrong_inputs_and_counts_no_batch(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(Tensor(np.ones(shape, np.float32)))
    assert "num_batches_tracked" not in layer.state_dict() or layer.num_batches_tracked.item() == 0


def test_batch_norm_of_one_value_works_in_use():
    y = nn.BatchNorm2d(3).eval()(Tensor(np.ones((1, 3, 1, 1), np.float32)))
    np.testing.assert_allclose(y.numpy(), 1, rtol=1e-5)


# Refusals


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(1, 2, 3), nn.DepthwiseConv2d(1, 3), nn.ConvTranspose2d(1, 2, 3), nn.Linear(5, 2)],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integer_images_are_refused_with_the_way_out(layer, dtype):
    with pytest.raises(TypeError, match=rf"got {dtype.__name__}; .*astype\(np\.float32\) / 255"):
        layer(np.zeros((2, 1, 5, 5), dtype))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Conv2d(3, 8, 3, groups=2), "Conv2d: in_channels must be a multiple of.* 2"),
        (lambda: nn.Conv2d(4, 7, 3, groups=2), "Conv2d: out_channels must be a multiple"),
        (lambda: nn.Conv2d(0, 8, 3), "Conv2d: in_channels must be a whole number of at least 1"),
        (lambda: nn.Conv2d(3, 8.0, 3), "out_channels must be a whole number .* got 8.0"),
        (lambda: nn.Conv2d(3, 8, 3, groups=0), "Conv2d: groups must be .* got 0"),
        (lambda: nn.Conv2d(3, 8, 0), "Conv2d: kernel_size: must be"),
        (lambda: nn.Conv2d(3, 8, (3, 3, 3)), "Conv2d: kernel_size"),
        (lambda: nn.Conv2d(3, 8, 3, stride=-1), "Conv2d: stride"),
        (lambda: nn.Conv2d(3, 8, 3, dilation=0), "Conv2d: dilation"),
        (lambda: nn.Conv2d(3, 8, 3, padding=-1), "Conv2d: padding"),
        (lambda: nn.Conv2d(3, 8, 3, padding="full"), "Conv2d: padding must be .* got .full."),
        (lambda: nn.Conv2d(3, 8, 3, 2, padding="same"), 'padding="same" needs stride 1'),
        (lambda: nn.Conv2d(3, 8, 3, padding_mode="reflect"), "padding_mode must be one of zeros"),
        (lambda: nn.DepthwiseConv2d(3, 3, 0), "DepthwiseConv2d: depth_multiplier must be"),
        (lambda: nn.ConvTranspose2d(3, 8, 3, padding=-1), "ConvTranspose2d: padding"),
        (lambda: nn.ConvTranspose2d(3, 8, 3, output_padding=-1), "output_padding"),
        (lambda: nn.Linear(3, -1), "Linear: out_features must be .* got -1"),
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size"),
        (lambda: nn.MaxPool2d(2, dilation=0), "MaxPool2d: dilation"),
        (lambda: nn.AvgPool2d(2, stride=0), "AvgPool2d: stride"),
        (lambda: nn.AvgPool2d(2, padding=-1), "AvgPool2d: padding"),
        (lambda: nn.AdaptiveAvgPool2d((0, 1)), "AdaptiveAvgPool2d: output_size"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features must be"),
        (lambda: nn.BatchNorm1d(3, momentum=1.5), r"BatchNorm1d: momentum must lie in \[0, 1\]"),
        (lambda: nn.LayerNorm((3, 0)), "LayerNorm: normalized_shape must be"),
        (lambda: nn.LayerNorm(3, eps=-1.0), "LayerNorm: eps must be at least 0"),
        (lambda: nn.GroupNorm(3, 4), "GroupNorm: num_channels must be a multiple of.* 3, got 4"),
        (lambda: nn.GroupNorm(0, 4), "GroupNorm: num_groups must be"),
        (lambda: nn.LocalResponseNorm(0), "LocalResponseNorm: size must be"),
        (lambda: nn.Dropout(1.5), r"Dropout: p must lie in \[0, 1\], got 1.5"),
        (lambda: nn.DropPath(-0.1), r"DropPath: p must lie in \[0, 1\]"),
        (lambda: nn.Dropout(float("nan")), "Dropout: p must lie in"),
        (lambda: nn.MSELoss("average"), "MSELoss: reduction must be one of mean, sum, none"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2.0), "CrossEntropyLoss: label_smoothing"),
        (lambda: nn.GELU("erf"), "GELU: approximate must be one of none, tanh, got 'erf'"),
    ],
)
def test_bad_arguments_are_refused_at_construction(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'inplace'"):
        nn.ReLU(inplace=True)
    with pytest.raises(TypeError, match="missing a required argument: 'kernel_size'"):
        nn.MaxPool2d()
    with pytest.raises(TypeError, match="too many positional arguments"):
        nn.Dropout(0.5, True)
