"""Batch norm and what follows it in one pass, ReLU after the pool: the same as one by one."""

import importlib.util

import numpy as np
import pytest

from minicnn import Tensor, nn, no_grad, ops, override, use_kernels
from minicnn.kernels import kernel_set, threads
from minicnn.models.resnet import BasicBlock, Bottleneck
from minicnn.modes import observe
from minicnn.nn.blocks import norm_act, norm_add_act

needs_numba = pytest.mark.skipif(
    not importlib.util.find_spec("numba"), reason="needs numba: pip install numba"
)
SETS = ["numpy", pytest.param("numba", marks=needs_numba)]


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def watch(net):
    """Look at all layers, which takes each of them alone."""
    seen = []
    for path, layer in net.named_modules():
        layer.register_forward_hook(lambda m, i, y, path=path: seen.append((path, y.data.copy())))
    return seen


def lively(net):
    """Parameters and running estimates that are no zeros and ones, in float64."""
    for i, (_, x) in enumerate(net.double().named_state()):
        if x.dtype.kind == "f":
            x.data[...] = 0.5 + np.random.default_rng(i).random(x.shape)
    return net


def run(net, x, gy=None):
    """Output, gradients and buffers of one call."""
    x = Tensor(x, requires_grad=True)
    net.zero_grad()
    y = net(x)
    y.backward(normal(*y.shape, seed=1) if gy is None else gy)
    grads = [x.grad, *(p.grad for p in net.parameters())]
    return y, [y.data, *(g.data for g in grads), *(b.data.copy() for b in net.buffers())]


def assert_same_watched_or_not(net, x, fused_op="normalize"):
    state = net.state_dict()
    y, alone = run(net, x)
    assert y.node.name == fused_op
    net.load_state_dict(state)
    watch(net)
    y, watched = run(net, x)
    assert y.node.name != fused_op
    for a, b in zip(alone, watched, strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-10)


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6])
def test_norm_and_activation_together_are_those_one_after_the_other(kernels, training, activation):
    with use_kernels(kernels):
        net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), activation())
        assert_same_watched_or_not(lively(net).train(training), 3 * normal(4, 3, 7, 6))


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind,sizes", [(BasicBlock, (4, 6, 2)), (BasicBlock, (4, 4)),
                                        (Bottleneck, (4, 2))])  # fmt: skip
def test_residual_blocks_are_the_same_when_watched(kernels, training, kind, sizes):
    with use_kernels(kernels):
        block = lively(kind(*sizes)).train(training)
        assert_same_watched_or_not(block, normal(3, 4, 5, 6))


def test_hooks_see_every_layer_in_order():
    block = BasicBlock(3, 3)
    seen = watch(block)
    y = block(Tensor(normal(2, 3, 4, 4, dtype=np.float32)))
    paths = [path for path, _ in seen]
    assert paths == ["conv1", "bn1", "relu", "conv2", "bn2", "downsample", "relu", ""]
    values = dict(seen)
    assert values["bn2"].min() < 0 <= values["relu"].min()
    np.testing.assert_array_equal(np.maximum(values["bn2"] + values["downsample"], 0), y.data)


def test_observers_see_every_op():
    net, names = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)), []
    with observe(lambda name, *rest: names.append(name)):
        net(Tensor(normal(2, 2, 4, 4)))
    assert [n for n in names if n != "reshape"][-3:] == ["normalize", "relu", "max_pool2d"]


def test_a_learners_kernel_is_used():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU())
    with override(relu=lambda x: 0 * x + 7):
        assert (net(Tensor(normal(2, 2, 4, 4))).data == 7).all()


def test_a_layer_of_ones_own_is_used():
    class Seven(nn.ReLU):
        def forward(self, x):
            return 0 * x + 7

    class Half(nn.BatchNorm2d):
        def forward(self, x):
            return 0.5 * super().forward(x)

    patched = nn.ReLU()
    patched.forward = lambda x: 0 * x + 7
    x = Tensor(normal(2, 2, 4, 4))
    for activation in (Seven(), patched):
        assert (nn.Sequential(nn.BatchNorm2d(2), activation)(x).data == 7).all()
        assert (norm_act(nn.BatchNorm2d(2), activation, x).data == 7).all()
        y = norm_add_act(nn.BatchNorm2d(2), nn.Identity(), activation, x, x)
        assert (y.data == 7).all()
    halves, whole = Half(2), nn.BatchNorm2d(2)
    np.testing.assert_allclose(2 * norm_act(halves, nn.ReLU(), x).data, whole(x).relu().data)


def test_a_residual_that_is_spread_is_added_as_ever():
    norm, x = nn.BatchNorm2d(3), Tensor(normal(2, 3, 4, 4, dtype=np.float32))
    calls = []

    class Shortcut(nn.Module):
        def forward(self, x):
            calls.append(x)
            return x[:, :1]

    y = norm_add_act(norm, Shortcut(), nn.ReLU(), x, x)
    wanted = np.maximum(nn.BatchNorm2d(3)(x).data + x.data[:, :1], 0)
    np.testing.assert_array_equal(y.data, wanted)
    assert len(calls) == 1 and int(norm.num_batches_tracked) == 1


@pytest.mark.parametrize("kernel,stride,padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1)])
def test_relu_after_the_pool_is_relu_before_it(kernel, stride, padding):
    rng = np.random.default_rng(2)
    values = [-3.0, -1.0, -0.0, 0.0, 1.0, 1.0, 2.0, np.inf, -np.inf, np.nan]
    x = rng.choice(values, (6, 3, 8, 8), p=[0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.15, 0.02, 0.02, 0.01])
    x[0] = -abs(normal(3, 8, 8))
    relu, pool = nn.ReLU(), nn.MaxPool2d(kernel, stride, padding)
    y, together = run(nn.Sequential(relu, pool), x)
    assert y.node.name == "relu"
    for a, b in zip(together, run(lambda_net(lambda x: pool(relu(x))), x)[1], strict=True):
        np.testing.assert_array_equal(a, b)


def lambda_net(function):
    class Net(nn.Module):
        def forward(self, x):
            return function(x)

    return Net()


@needs_numba
@pytest.mark.parametrize("x", [1e4 + 0.1 * normal(64, 3, 33, 5), normal(64, 3, 33, 5)])
@pytest.mark.parametrize("far", [False, True])
def test_moments_keep_their_digits_in_float32(x, far):
    """Far from 0; and with one number far from all others, in the first place or the middle."""
    x = x.astype(np.float32)
    if far:
        x[0, 0, 0, 0], x[31, 1, 7, 2] = 1e5, -1e5
    wide = x.astype(np.float64)
    _, mean, var = kernel_set("numba").normalize(x, None, None, (0, 2, 3), 1e-5)
    np.testing.assert_allclose(mean.ravel(), wide.mean((0, 2, 3)), 1e-6, 1e-7)
    np.testing.assert_allclose(var.ravel(), wide.var((0, 2, 3)), 1e-5)


@needs_numba
@pytest.mark.parametrize("shape", [(4, 16, 33, 31), (9, 513, 3, 3), (2, 3, 1, 1), (64, 100)])
def test_the_same_threads_give_the_same_bits(shape):
    kernels, x, gy = kernel_set("numba"), normal(*shape), normal(*shape, seed=1)
    axes, before = (0, *range(2, len(shape))), threads.get_num_threads()
    wanted = kernel_set("numpy").normalize(x, None, None, axes, 1e-3)
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            found = []
            for _ in range(3):
                y, mean, var = kernels.normalize(x, None, None, axes, 1e-3)
                args = (gy, x, None, mean, var, axes, 1e-3, None, gy, (0, np.inf))
                gx, _, _, gresidual = kernels.normalize_grad(*args)
                found.append([y, mean, var, gx, gresidual])
            for again in found:
                for a, b in zip(found[0], again, strict=True):
                    np.testing.assert_array_equal(a, b)
            for a, b in zip(found[0], wanted, strict=False):
                np.testing.assert_allclose(a, b, 1e-10, 1e-11)
    finally:
        threads.set_num_threads(before)


@needs_numba
@pytest.mark.parametrize("limits", [None, (0.0, np.inf), (0.0, 6.0)])
@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("fixed", [False, True])
def test_infinities_and_nan_as_in_the_reference(limits, with_residual, fixed):
    rng, c = np.random.default_rng(3), 5
    numbers = [-1, 0, 1, 2, np.inf, -np.inf, np.nan]
    draw = [rng.choice(numbers, (2, c, 3, 2), p=[0.24] * 4 + [0.02, 0.01, 0.01]) for _ in range(3)]
    x, gy, residual = draw[0], draw[1], draw[2] if with_residual else None
    weight, bias = rng.standard_normal((2, c, 1, 1))
    moments = (rng.standard_normal((1, c, 1, 1)), rng.random((1, c, 1, 1)))
    axes = (0, 2, 3)
    with np.errstate(all="ignore"):
        for given in ((None, None), moments) if not fixed else (moments,):
            args = (x, weight, bias, axes, 0.1, *given, residual, limits)
            ours, theirs = (kernel_set(k).normalize(*args) for k in ("numba", "numpy"))
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, 1e-10, 1e-11)
        args = (gy, x, weight, *moments, axes, 0.1, bias, residual, limits, fixed)
        ours, theirs = (kernel_set(k).normalize_grad(*args) for k in ("numba", "numpy"))
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, 1e-9, 1e-10)


def test_a_step_keeps_nothing_for_backward_that_is_not_an_input():
    """The residual's and the activation's own results are never made."""
    x = Tensor(normal(2, 3, 4, 4), requires_grad=True)
    y = ops.batch_norm(x, None, None, residual=x, activation="relu")
    assert y.node.parents == (x.node, x.node)
    with no_grad():
        assert ops.batch_norm(x, None, None, activation="relu6").node is None


def test_wrong_arguments_say_what_must_hold():
    x = Tensor(normal(2, 3, 4, 4))
    with pytest.raises(ValueError, match=r"activation must be in .*'relu6'\], got 'gelu'"):
        ops.batch_norm(x, None, None, activation="gelu")
    with pytest.raises(ValueError, match=r"residual must have x's \(2, 3, 4, 4\), got \(3, 1, 1\)"):
        ops.batch_norm(x, None, None, residual=normal(3, 1, 1))
