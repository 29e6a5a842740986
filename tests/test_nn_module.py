"""Module: what it finds, how it is named, saved, moved, copied, and what it says when it fails."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from minicnn import Tensor, nn, optim


class Block(nn.Module):
    """One of everything, in an order that differs from torch's order of keys on purpose."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("steps", Tensor(np.zeros(2, np.float32)))
        self.register_buffer("cache", Tensor(np.zeros(1, np.float32)), persistent=False)
        self.register_buffer("absent", None)
        self.width = 3

    def forward(self, x):
        return self.norm(self.first(x)) * self.scale


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2, bias=False)]
        self.heads = {"a": nn.Linear(2, 1), "deep": ({"b": nn.Parameter(np.ones(1))}, "text", 3)}
        self.pair = (nn.Parameter(np.zeros(2)), [[nn.Dropout()]])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.heads["a"](x)


def lenet():
    return nn.Sequential(
        OrderedDict(
            features=nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)),
            classifier=nn.Sequential(nn.Flatten(), nn.Linear(18, 4), nn.ReLU(), nn.Linear(4, 3)),
        )
    )


def images(*shape):
    return Tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


# What a module finds


def test_keys_and_their_order_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")

    class TorchBlock(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(2, 3)
            self.scale = torch.nn.Parameter(torch.ones(3))
            self.norm = torch.nn.BatchNorm1d(3)
            self.register_buffer("steps", torch.zeros(2))
            self.register_buffer("cache", torch.zeros(1), persistent=False)
            self.register_buffer("absent", None)

    ours = nn.Sequential(Block(), Block())
    theirs = torch.nn.Sequential(TorchBlock(), TorchBlock())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for ask in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        names = [name for name, _ in getattr(ours, ask)()]
        assert names == [name for name, _ in getattr(theirs, ask)()], ask
    for key, value in theirs.state_dict().items():
        assert ours.state_dict()[key].dtype == value.numpy().dtype, key


def test_parts_in_lists_tuples_and_dicts_are_found():
    net = Nested()
    assert [name for name, _ in net.named_parameters()] == [
        "heads.deep.0.b", "pair.0", "layers.0.weight", "layers.0.bias", "layers.2.weight",
        "heads.a.weight", "heads.a.bias",
    ]  # fmt: skip
    names = ["layers.0", "layers.1", "layers.2", "heads.a", "pair.1.0.0"]
    assert [name for name, _ in net.named_modules()] == ["", *names]
    assert [name for name, _ in net.named_children()] == names
    net.layers.append(nn.Linear(2, 2))
    assert "layers.3.weight" in net.state_dict()
    net.eval()
    assert not net.pair[1][0][0].training
    net(images(3, 2))


def test_shared_parts_are_listed_once_but_saved_under_every_name():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    net.tied = layer.weight
    assert [name for name, _ in net.named_parameters()] == ["tied", "0.bias"]
    assert len(list(net.parameters())) == 2
    assert [name for name, _ in net.named_modules()] == ["", "0", "1"]
    assert list(net.state_dict()) == ["tied", "0.weight", "0.bias", "2.weight", "2.bias"]
    optim.SGD(net.parameters(), lr=0.1)


def test_buffers():
    block = Block()
    names = ["steps", "cache", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]
    assert [name for name, _ in block.named_buffers()] == names
    assert len(list(block.buffers())) == 5
    assert "cache" not in block.state_dict()
    assert block.absent is None
    block.steps = Tensor(np.ones(2, np.float32))
    np.testing.assert_array_equal(block.state_dict()["steps"], [1, 1])


def test_forgotten_super_init_is_named():
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(RuntimeError, match=r"Net: super\(\).__init__\(\) .* self.layer is"):
        Net()


def test_a_parameter_is_not_replaced_by_a_result():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"Linear: weight is a Parameter .*got a Tensor"):
        layer.weight = layer.weight - 0.1 * Tensor(np.ones((2, 2)))
    layer.weight = nn.Parameter(np.zeros((2, 2)))
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]


def test_parameter():
    p = nn.Parameter(Tensor([1.0, 2.0]))
    assert (p.requires_grad, p.is_leaf, p.dtype) == (True, True, np.float32)
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    with pytest.raises(TypeError, match="only floating-point"):
        nn.Parameter(np.arange(3))
    assert repr(p) == "Parameter([1., 2.], requires_grad=True)"


# Switches


def test_train_and_eval_reach_every_module():
    net = nn.Sequential(Block(), nn.Dropout())
    assert net.eval() is net
    assert [m.training for m in net.modules()] == [False] * 5
    assert all(m.training for m in net.train().modules())


def test_freezing():
    net = lenet()
    assert net.requires_grad_(False) is net
    assert not net(images(2, 1, 8, 8)).requires_grad
    net.classifier.requires_grad_()
    net(images(2, 1, 8, 8)).sum().backward()
    has_gradient = [p.grad is not None for p in net.parameters()]
    assert has_gradient == [False, False, True, True, True, True]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_double_and_float_keep_the_parameters_of_an_optimizer():
    net = nn.Sequential(Block())
    sgd = optim.SGD(net.parameters(), lr=0.1)
    before = list(net.parameters())
    net[0].first.requires_grad_(False)
    assert net.double() is net
    floats = [x.dtype for x in net.state_dict().values() if x.dtype.kind == "f"]
    assert set(floats) == {np.dtype(np.float64)}
    assert net.state_dict()["0.norm.num_batches_tracked"].dtype == np.int64
    assert all(p is q for p, q in zip(before, net.parameters(), strict=True))
    assert [p.requires_grad for p in net.parameters()] == [True, False, False, True, True]
    net(Tensor(np.random.default_rng(0).random((4, 2)))).sum().backward()
    sgd.step()
    assert not np.array_equal(net[0].norm.bias.numpy(), np.zeros(3))
    assert net.float().state_dict()["0.scale"].dtype == np.float32


def test_to_the_cpu_changes_nothing_and_other_devices_are_refused():
    net = lenet()
    net(images(2, 1, 8, 8)).sum().backward()
    assert net.to("cpu") is net
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(ValueError, match='device must be "cpu" or "cuda", got .gpu.'):
        net.to("gpu")


def test_apply_visits_the_inside_first():
    seen = []
    net = lenet()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen[:4] == ["Conv2d", "ReLU", "MaxPool2d", "Sequential"]
    assert len(seen) == 10


# Saving and loading


def test_state_dict_is_a_copy_and_comes_back():
    source, target = Block(), Block()
    source(images(4, 2))
    saved = source.state_dict()
    saved_again = source.state_dict()
    saved["scale"] += 1
    np.testing.assert_array_equal(source.scale.numpy(), np.ones(3))
    arrays = [x.data for x in target.parameters()]
    result = target.load_state_dict({k: Tensor(v) for k, v in saved_again.items()})
    assert (result.missing_keys, result.unexpected_keys) == ([], [])
    for key, value in target.state_dict().items():
        np.testing.assert_array_equal(value, saved_again[key])
    assert all(a is x.data for a, x in zip(arrays, target.parameters(), strict=True))
    saved_again["scale"] += 1
    np.testing.assert_array_equal(target.scale.numpy(), np.ones(3))


def test_loading_keeps_the_own_dtype():
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": np.eye(2, dtype=np.float64), "bias": [1, 2]})
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    np.testing.assert_array_equal(layer.bias.numpy(), [1, 2])


WRONG = {"first.weight": np.zeros((2, 3)), "scale": np.zeros(3), "extra.weight": np.zeros((7, 7))}


def test_loading_lists_everything_that_is_wrong_and_changes_nothing():
    block = Block()
    before = block.state_dict()
    with pytest.raises(ValueError) as error:
        block.load_state_dict(WRONG)
    text = str(error.value)
    assert text.splitlines()[0] == "load_state_dict: the entries must be those of Block, got"
    assert "missing: first.bias (3,)" in text
    assert "missing: norm.running_mean (3,)" in text
    assert "num_batches_tracked" not in text  # which older files lack and nothing needs
    assert "missing: steps (2,)" in text
    assert "unexpected: extra.weight (7, 7)" in text
    assert "wrong shape: first.weight must be (3, 2), got (2, 3)" in text
    assert "scale" not in text
    for key, value in block.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_loading_without_strict():
    block = Block()
    with pytest.raises(ValueError) as error:
        block.load_state_dict(WRONG, strict=False)
    assert "missing" not in str(error.value)
    assert "wrong shape: first.weight" in str(error.value)
    np.testing.assert_array_equal(block.scale.numpy(), np.ones(3))
    rest = {key: value for key, value in WRONG.items() if key != "first.weight"}
    missing, unexpected = block.load_state_dict(rest, strict=False)
    assert missing[:2] == ["steps", "first.weight"]
    assert unexpected == ["extra.weight"]
    np.testing.assert_array_equal(block.scale.numpy(), np.zeros(3))


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ("weights.npz", TypeError, "load_state_dict: must be a mapping .* got str"),
        ({"weight": np.zeros((2, 2)), "bias": ["a", "b"]}, TypeError, "bias must be numbers"),
        ({"weight": np.zeros((2, 2)), "bias": np.array([None, None])}, TypeError, "got object"),
        ({"weight": np.zeros((2, 2)), "bias": np.zeros(2, complex)}, TypeError, "got complex128"),
    ],
)
def test_loading_refuses_what_are_no_numbers(state, error, message):
    layer = nn.Linear(2, 2)
    before = layer.weight.numpy().copy()
    with pytest.raises(error, match=message):
        layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.numpy(), before)


def test_backward_after_loading_refuses():
    layer, x = nn.Linear(2, 2), Tensor(np.ones((1, 2), np.float32), requires_grad=True)
    loss = layer(x).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="load_state_dict has changed in place"):
        loss.backward()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_share_nothing_but_what_was_shared(duplicate):
    net = nn.Sequential(Block(), nn.Dropout(0.3))
    net.tied = net[0].scale
    net[0].first.requires_grad_(False)
    twin = duplicate(net.eval())
    assert twin.tied is twin[0].scale
    assert isinstance(twin.tied, nn.Parameter)
    assert not twin.training
    assert [p.requires_grad for p in twin.parameters()] == [True, False, False, True, True]
    twin.tied.data += 1
    np.testing.assert_array_equal(net[0].scale.numpy(), np.ones(3))
    twin[0].norm.running_mean.data += 1
    np.testing.assert_array_equal(net[0].norm.running_mean.numpy(), np.zeros(3))
    assert repr(twin) == repr(net)


# Hooks


def test_forward_hooks_see_and_may_change_what_passes():
    layer, seen = nn.Linear(2, 2), []
    x = images(1, 2)
    plain = layer(x).numpy()
    remove_before = layer.register_forward_pre_hook(lambda m, xs: (xs[0] * 2.0,))
    remove_after = layer.register_forward_hook(lambda m, xs, y: y + 1.0)
    remove_seen = layer.register_forward_hook(lambda m, xs, y: seen.append((m, xs, y)))
    doubled = layer(x)
    expected = 2 * x.numpy() @ layer.weight.numpy().T + layer.bias.numpy() + 1
    np.testing.assert_allclose(doubled.numpy(), expected, rtol=1e-5)
    assert seen[0][0] is layer
    np.testing.assert_array_equal(seen[0][1][0].numpy(), 2 * x.numpy())
    assert seen[0][2] is doubled
    for remove in (remove_before, remove_after, remove_seen, remove_seen):
        remove()
    np.testing.assert_array_equal(layer(x).numpy(), plain)
    assert len(seen) == 1


def test_a_pre_hook_may_return_one_input_alone():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda m, xs: xs[0] + 1.0)
    assert layer(Tensor([1.0])).tolist() == [2.0]
