"""LeNet-5 and the CNN for MNIST: the paper's counts, the same numbers as torch, gradients."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, models, nn, no_grad, summary
from minicnn.testing import gradcheck

# Layer: parameters and connections (LeCun et al. 1998, section II.B). The paper's own figures where
# the layer is the paper's: C1, C5, F6. Our C3 joins all 6 maps with all 16: (6 25 + 1) 16.
LENET5 = {"c1": 156, "c3": 2416, "c5": 48120, "f6": 10164, "output": 850}
SHAPES = {"c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5),
          "c5": (120, 1, 1), "f6": (84,), "output": (10,)}  # fmt: skip


def counts(model: nn.Module) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        found[layer] = found.get(layer, 0) + p.numel()
    return found


def test_lenet5_has_the_papers_layers():
    model = models.create("lenet5")
    assert counts(model) == LENET5
    rows = {row.path: row for row in summary.summarize(model, (1, 1, 28, 28))}
    assert {name: rows[name].output_shape[1:] for name in SHAPES} == SHAPES
    # the paper counts 122,304 connections in C1, biases included
    assert rows["c1"].multiply_adds + 6 * 28 * 28 == 122_304


@pytest.mark.parametrize(
    ("name", "parameters"), [("lenet5", 61_706), ("lenet5_small", 42_794), ("mnist_cnn", 421_738)]
)
def test_parameters_and_logits(name, parameters):
    model = models.create(name, num_classes=10)
    assert sum(p.numel() for p in model.parameters()) == parameters
    with no_grad():
        y = model(Tensor(np.zeros((2, *models.input_shape(name)), np.float32)))
    assert y.shape == (2, 10)
    wide = models.create(name, num_classes=7, in_channels=3)
    with no_grad():
        assert wide(Tensor(np.zeros((2, 3, *models.input_shape(name)[1:])))).shape == (2, 7)


def build_in_torch(name: str, torch):
    t = torch.nn
    if name == "lenet5":
        return t.Sequential(
            t.Conv2d(1, 6, 5, padding=2), t.Tanh(), t.AvgPool2d(2),
            t.Conv2d(6, 16, 5), t.Tanh(), t.AvgPool2d(2),
            t.Conv2d(16, 120, 5), t.Tanh(), t.Flatten(),
            t.Linear(120, 84), t.Tanh(), t.Linear(84, 10),
        )  # fmt: skip
    if name == "lenet5_small":
        return t.Sequential(
            t.Conv2d(1, 6, 3, padding=1), t.ReLU(),
            t.Conv2d(6, 16, 3, padding=1), t.ReLU(), t.MaxPool2d(2),
            t.Conv2d(16, 120, 4), t.ReLU(), t.Flatten(),
            t.Linear(120, 84), t.ReLU(), t.Linear(84, 10),
        )  # fmt: skip
    return t.Sequential(
        t.Conv2d(1, 32, 3, padding=1, bias=False), t.BatchNorm2d(32), t.ReLU(), t.MaxPool2d(2),
        t.Conv2d(32, 64, 3, padding=1, bias=False), t.BatchNorm2d(64), t.ReLU(), t.MaxPool2d(2),
        t.Flatten(), t.Dropout(0), t.Linear(3136, 128), t.ReLU(), t.Dropout(0), t.Linear(128, 10),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["lenet5", "lenet5_small", "mnist_cnn"])
def test_same_numbers_as_torch(name):
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    model = models.create(name, **({"dropout": 0.0} if name == "mnist_cnn" else {})).double()
    theirs = build_in_torch(name, torch).double()
    state = model.state_dict()
    assert len(state) == len(theirs.state_dict())
    theirs.load_state_dict({
        key: torch.tensor(array)
        for key, array in zip(theirs.state_dict(), state.values(), strict=True)
    })  # fmt: skip
    x = np.random.default_rng(0).random((3, *models.input_shape(name)))
    for training in (True, False):
        model.train(training)
        theirs.train(training)
        y, expected = model(Tensor(x)), theirs(torch.tensor(x))
        assert np.allclose(y.numpy(), expected.detach().numpy(), rtol=0, atol=1e-10)
        model.zero_grad()
        theirs.zero_grad()
        (y**2).sum().backward()
        (expected**2).sum().backward()
        for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
            assert np.allclose(p.grad.numpy(), q.grad.numpy(), rtol=0, atol=1e-9)


def test_gradients_of_a_whole_network():
    manual_seed(0)
    x = Tensor(np.random.default_rng(0).random((2, 1, 8, 8)), requires_grad=True)
    report = gradcheck(models.create("lenet5_small"), x, max_entries=1, directions=3)
    assert report.ok and len(report.inputs) == 11


def test_names():
    assert models.list()[:4] == ("lenet5", "lenet5_small", "mnist_cnn", "alexnet")
    with pytest.raises(ValueError, match="got 'LeNet-5'; did you mean lenet5 or lenet5_small?"):
        models.create("LeNet-5")
    with pytest.raises(ValueError, match="got 'resnet5'; did you mean resnet50 or resnet56"):
        models.create("resnet5")
    with pytest.raises(ValueError, match="one of 61, got 'zzz'; `minicnn models` lists all"):
        models.create("zzz")
    with pytest.raises(TypeError, match="depth"):
        models.create("lenet5", depth=3)
    with pytest.raises(ValueError, match="image_size must be one of 28, 8, got 32"):
        models.LeNet5(image_size=32)
    with pytest.raises(
        ValueError, match=r"LeNet5: images must be \(N, C, 28, 28\), got \(1, 1, 8, 8\); resize"
    ):
        models.create("lenet5")(Tensor(np.zeros((1, 1, 8, 8), np.float32)))
