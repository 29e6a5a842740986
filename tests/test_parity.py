"""Parity: our nets against golden values and against torch.nn, and that differences are found."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click.testing
import numpy as np
import pytest

from minicnn import Tensor, kernels, models, nn, no_grad, weights
from minicnn.cli import main
from minicnn.testing import (
    compare_golden,
    compare_layers,
    first_difference,
    golden,
    parity,
    seed_weights,
)
from tests import house

CHEAP = ["lenet5", "resnet20", "squeezenet1_1", "mobilenet_v1_025", "mobilenet_v3_small"]


@pytest.fixture
def no_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)  # as if it were not installed


def run(*args: object, code: int = 0) -> str:
    result = click.testing.CliRunner().invoke(main, ["parity", *map(str, args)])
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result.output


# Golden values


def against_golden(name: str, change: Callable[[nn.Module], None], dtype: str = "float64") -> list:
    """The layers of a model that was changed after its weights were drawn."""
    with nn.init.skip():
        model = models.create(name)
    if dtype == "float64":
        model.double()
    stored = golden.load(name)
    x = golden.seeded_input((2, *stored.input_shape)).astype(dtype)
    seed_weights(model, x)
    change(model)
    return compare_golden(model, stored, x)


@pytest.mark.parametrize("kernel_set", ["numpy", "numba"])
@pytest.mark.parametrize("name", CHEAP)
def test_nets_equal_their_golden_values(name, kernel_set):
    with kernels.use_kernels(kernel_set):
        rows = against_golden(name, lambda model: None)
    stored = golden.load(name)
    assert first_difference(rows) is None
    assert rows[-1].path == "" and rows[-1].shape == stored.layers[-1].shape
    assert len({(row.path, row.call) for row in rows}) == len(rows) > 0.9 * len(stored.layers)


def test_golden_values_in_float32():
    rows = against_golden("resnet20", lambda model: None, "float32")
    assert first_difference(rows, 1e-3) is None
    assert first_difference(rows) is not None  # float32 is not float64


def a_weight(model):
    model.get_submodule("layer2.1.conv2").weight.data[0, 3, 1, 1] += 1e-5


def a_stride(model):
    block = model.get_submodule("layer2.0")
    block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride


def a_bias(model):
    model.output.bias.data += 1e-3


def a_shape(model):
    model.layer1[1].conv2.stride = (2, 2)


def a_swap(model):
    model.layer3[1].relu = nn.GELU()


def an_eps(model):
    model.layer1[2].bn2.eps = 1e-3


@pytest.mark.parametrize(
    ("change", "path"),
    [(a_weight, "layer2.1.conv2"), (a_stride, "layer2.0.conv1"), (a_shape, "layer1.1.conv2"),
     (a_swap, "layer3.1.relu"), (an_eps, "layer1.2.bn2")],
)  # fmt: skip
def test_golden_values_name_the_first_layer_that_differs(change, path):
    first = first_difference(against_golden("resnet20", change))
    assert first is not None and first.path == path
    if change is a_shape:
        assert first.shape == (2, 16, 16, 16) and first.expected_shape == (2, 16, 32, 32)
        assert first.relative == np.inf


def test_logits_are_compared_as_they_are():
    rows = against_golden("lenet5", a_bias)
    assert [row.path for row in rows if row.relative > 1e-8] == ["output", ""]
    assert rows[-1].max_abs == pytest.approx(1e-3)


def test_golden_values_of_every_model_in_the_file():
    for name in golden.names():
        stored = golden.load(name)
        assert stored.reference.split()[0] in ("torchvision", "torch.nn")
        assert np.isfinite(stored.logits).all() and stored.layers[-1].path == ""
        sizes = [layer.size for layer in stored.layers[:-1]]
        assert 1e-4 < min(sizes) and max(sizes) < 1e4, f"{name}: activations of a sane size"
    with pytest.raises(ValueError, match="must be one of alexnet.*got 'lenet6'"):
        golden.load("lenet6")


def test_golden_files_are_read_as_written(tmp_path, monkeypatch):
    layers = [
        golden.GoldenLayer("a.b", (2, 3, 4, 5), 0.5, -1.25),
        golden.GoldenLayer("", (2, 3), 0, 0),
    ]
    nets = {
        "one": golden.Golden("torch.nn 1.0", (1, 8, 8), layers, np.array([[1.0, 2.0], [3.0, 0.1]])),
        "two": golden.Golden("torch.nn 2.0", (3, 9, 7), layers[::-1], np.array([[5.0], [6.0]])),
    }
    golden.save(nets, tmp_path / "golden.npz")
    monkeypatch.setattr(golden, "FILE", tmp_path / "golden.npz")
    assert golden.names() == ("one", "two")
    for name, net in nets.items():
        read = golden.load(name)
        assert read[:3] == net[:3] and np.array_equal(read.logits, net.logits)


# Seeded numbers


def test_seeded_numbers_never_change():
    """Written down once; were they to change, every golden value would be void."""
    expected = np.array([13888451, 6120559, 12680796, 8945597], np.float32) / 2**24
    assert np.array_equal(golden.uniform("input", 4), expected)
    assert np.array_equal(golden.uniform("input", 3), expected[:3])
    assert not np.array_equal(golden.uniform("input", 4, seed=1), expected)


def test_seeded_state():
    shapes = {"conv.weight": ((8, 4, 3, 3), "float32"), "bn.weight": ((500,), np.float64),
              "bn.running_mean": ((3,), "float32"), "bn.running_var": ((3,), "float32"),
              "bn.num_batches_tracked": ((), "int64"), "fc.bias": ((500,), "float32"),
              "pos_embedding": ((1, 20, 8), "float32"),
              "fc.weight": ((50, 40), "float32")}  # fmt: skip
    state = golden.seeded_state(shapes)
    assert {key: a.shape for key, a in state.items()} == {
        k: shape for k, (shape, _) in shapes.items()
    }
    assert state["conv.weight"].var() == pytest.approx(1.7 / 36, rel=0.2)
    assert state["fc.weight"].var() == pytest.approx(1.7 / 40, rel=0.1)
    assert 0.7 <= state["bn.weight"].min() < 0.71 and 1.29 < state["bn.weight"].max() < 1.3
    assert -0.2 <= state["fc.bias"].min() < -0.19 and 0.19 < state["fc.bias"].max() < 0.2
    assert 0.4 < abs(state["pos_embedding"]).max() <= 0.5
    assert (
        state["bn.running_mean"].tolist() == [0] * 3 and state["bn.running_var"].tolist() == [1] * 3
    )
    assert state["bn.num_batches_tracked"].dtype == np.int64
    assert state["bn.weight"].dtype == np.float32


def test_seed_weights_settles_batch_norms_and_leaves_eval_mode():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).double()
    x = golden.seeded_input((2, 3, 8, 8)).astype(np.float64)
    seed_weights(model, x)
    with no_grad():
        before = model[0](Tensor(x)).numpy()
    assert np.allclose(model[1].running_mean.numpy(), before.mean((0, 2, 3)))
    assert np.allclose(model[1].running_var.numpy(), before.var((0, 2, 3), ddof=1))
    assert model[1].momentum == 0.1 and not any(module.training for module in model.modules())


# torch.nn


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def ours() -> nn.Module:
    relu = nn.ReLU()  # one module, called twice
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), relu, nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), relu),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 5),
    ).double()  # fmt: skip


@pytest.fixture
def pair(torch):
    """The net above and its like of torch.nn, with equal weights, and images."""
    t = torch.nn
    relu = t.ReLU(inplace=True)
    theirs = t.Sequential(
        t.Conv2d(3, 8, 3, padding=1), relu, t.MaxPool2d(2),
        t.Sequential(t.Conv2d(8, 8, 3, padding=1), t.BatchNorm2d(8), relu),
        t.AdaptiveAvgPool2d(1), t.Flatten(), t.Dropout(0.5), t.Linear(8, 5),
    ).double()  # fmt: skip
    model, x = ours(), golden.seeded_input((2, 3, 10, 8)).astype(np.float64)
    seed_weights(model, x)
    theirs.load_state_dict({key: torch.tensor(a) for key, a in model.state_dict().items()})
    return model, theirs, x


def test_equal_nets_layer_by_layer(pair):
    model, theirs, x = pair
    rows = compare_layers(model.train(), theirs.train(), x)
    assert [(row.path, row.call) for row in rows] == [
        ("0", 0), ("1", 0), ("2", 0), ("3.0", 0), ("3.1", 0), ("1", 1), ("3", 0), ("4", 0),
        ("5", 0), ("6", 0), ("7", 0), ("", 0),
    ]  # fmt: skip
    assert rows[0].type == "Conv2d" and rows[0].shape == (2, 8, 10, 8) == rows[0].expected_shape
    assert first_difference(rows) is None and max(row.relative for row in rows) > 0


def change_weight(model):
    model[3][0].weight.data[1, 2, 0, 0] += 1e-6


def change_stride(model):
    model[3][0].stride = (2, 2)


def change_layer(model):
    model[2] = nn.AvgPool2d(2)


def change_mean(model):
    model[3][1].running_mean.data[2] += 1e-3


def change_to_nan(model):
    model[0].bias.data[0] = np.nan


@pytest.mark.parametrize(
    ("change", "path"),
    [(change_weight, "3.0"), (change_stride, "3.0"), (change_layer, "2"), (change_mean, "3.1"),
     (change_to_nan, "0")],
)  # fmt: skip
def test_the_first_layer_that_differs_from_torch(pair, change, path):
    model, theirs, x = pair
    change(model)
    first = first_difference(compare_layers(model, theirs, x))
    assert first is not None and (first.path, first.call) == (path, 0)


def test_sizes_of_differences(pair):
    model, theirs, x = pair
    model[7].bias.data[3] += 0.25
    last = compare_layers(model, theirs, x)[-1]
    with no_grad():
        want = model(Tensor(x)).numpy() - [0, 0, 0, 0.25, 0]
    assert (last.max_abs, last.relative) == pytest.approx((0.25, 0.25 / abs(want).max()))


def test_a_net_that_stops_at_wrong_shapes_tells_where_they_began(pair):
    model, theirs, x = pair
    model[4] = nn.Identity()  # so that the linear layer gets too much
    rows = compare_layers(model, theirs, x)
    first = first_difference(rows)
    assert first is rows[7] and (first.path, first.type) == ("4", "Identity")
    assert first.shape == (2, 8, 5, 4) and first.expected_shape == (2, 8, 1, 1)
    assert np.isinf([first.max_abs, first.relative]).all() and rows[-1].path == "6"


def test_an_error_before_anything_differs_is_raised(pair):
    model, theirs, x = pair
    model[7] = nn.Linear(9, 5).double()
    with pytest.raises(ValueError, match='in layer "7"'):
        compare_layers(model, theirs, x)
    with pytest.raises(ValueError, match='in layer "0"'):  # ours, where torch refuses x as well
        compare_layers(model, theirs, x[:, :2])


def test_layers_that_one_side_lacks_are_skipped(torch):
    class Functional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.pool = torch.nn.AdaptiveMaxPool2d(1, return_indices=True)

        def forward(self, x):
            return self.pool(torch.relu(self.conv(x)))

    model = nn.Sequential(
        {"conv": nn.Conv2d(3, 4, 3), "relu": nn.ReLU(), "pool": nn.AdaptiveMaxPool2d(1)}
    )
    theirs = Functional()
    theirs.load_state_dict({k: torch.tensor(a) for k, a in model.state_dict().items()})
    rows = compare_layers(model, theirs, golden.seeded_input((2, 3, 8, 8)))
    assert [row.path for row in rows] == ["conv", "pool", ""]
    assert first_difference(rows, 1e-5) is None


@pytest.mark.parametrize("option", ["A", "B"])
def test_cifar_resnets_with_both_shortcuts(torch, option):
    from tests.make_golden import CifarResNet

    model = models.create("resnet20", shortcut=option).double()
    x = golden.seeded_input((2, 3, 32, 32), seed=3).astype(np.float64)
    seed_weights(model, x, seed=3)
    theirs = CifarResNet(3, option)
    state = {key: torch.from_numpy(a) for key, a in model.state_dict().items()}
    theirs.load_state_dict(state, assign=True)
    assert first_difference(compare_layers(model, theirs, x)) is None


# The command


def test_command_with_golden_values(no_torchvision):
    out = run("resnet20", "--kernels", "numpy")
    lines = out.splitlines()
    assert len(lines) == 2 + 5 + 2 and lines[0].split()[:2] == ["layer", "type"]
    assert lines[-2].startswith("resnet20: 60 layers, largest relative difference ")
    assert lines[-2].endswith(": same numbers as torch.nn 2.13.0 (stored numbers)")
    assert lines[-1] == "images 2x3x32x32, float64, numpy kernels"
    every = run("resnet20", "--all", "--kernels", "numpy")
    assert len(every.splitlines()) == 2 + 60 + 2 and "layer1.0.relu (call 2)" in every


def test_command_names_the_layer_that_differs(no_torchvision, monkeypatch):
    def create(name: str, **options: Any) -> nn.Module:
        model = models.resnet_cifar.resnet20()
        a_shape(model)
        return model

    monkeypatch.setattr(models, "create", create)
    out = run("resnet20", code=1)
    assert "resnet20: 14 layers, 2 differ from torch.nn" in out
    assert "first diverging layer: layer1.1.conv2 Conv2d, relative difference inf" in out
    marked = [line for line in out.splitlines() if "<- first to diverge" in line]
    assert len(marked) == 1 and "2x16x16x16, not 2x16x32x32" in marked[0]


def test_command_needs_a_reference(no_torchvision, tmp_path):
    out = run("lenet5_small", code=1)
    assert "for lenet5_small, got none: torchvision is not" in out and "squeezenet1_1" in out
    assert "did you mean lenet5" in run("lenet55", code=1)


@pytest.mark.parametrize("options", [("--seed", 1), ("--input", "1,28,28"), ("--gradients",)])
def test_options_that_stored_numbers_cannot_serve(no_torchvision, options):
    out = run("lenet5", *options, code=1)
    assert "lenet5 must be compared with stored numbers" in out
    assert "leave out --weights, --input, --seed and --gradients, or install torch" in out


def test_command_with_torchvision(tmp_path):
    torchvision = parity.import_torchvision()
    if torchvision is None:
        pytest.skip("parity with torchvision needs torchvision: pip install torchvision")
    out = run("squeezenet1_1", "--seed", 1, "--input", "3,64,72", "--all")
    assert f"same numbers as torchvision {torchvision.__version__.split('+')[0]}\n" in out
    assert "images 2x3x64x72, float64" in out and len(out.splitlines()) == 2 + 68 + 2
    model = models.create("squeezenet1_1")
    weights.save(tmp_path / "w.npz", model.state_dict())
    out = run("squeezenet1_1", "--weights", tmp_path / "w.npz", "--dtype", "float32")
    assert "same numbers as torchvision" in out and "float32" in out
    assert run("resnet20").endswith("kernels\n")  # stored numbers, since torchvision lacks it
    assert "torchvision lacks it" in run("lenet5_small", code=1)


def test_torchvision_for_another_torch_can_be_imported(torch, tmp_path):
    """A package that describes operators which nobody has declared, as torchvision does."""
    (tmp_path / "torchvision.py").write_text(
        "import torch\n"
        "@torch.library.register_fake('torchvision::nms')\n"
        "def nms(dets, scores, iou_threshold): ...\n",
        encoding="utf-8",
    )
    program = (
        "import gc, torch\n"
        "from minicnn.testing.parity import import_torchvision\n"
        "assert import_torchvision().nms is not None\n"
        "gc.collect()\n"
        "assert 'nms' in str(torch.ops.torchvision.nms.default)\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(house.ROOT)])
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": paths}
    )
