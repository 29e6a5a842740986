"""The doctor: a planted fault for everything that it knows, and silence on healthy trainings."""

import copy
import dataclasses
from functools import partial

import numpy as np
import pytest

import minicnn
from minicnn import models, nn, ops, optim
from minicnn.data import DataLoader, Dataset, digits
from minicnn.train import Trainer
from minicnn.train.callbacks import Callback, Doctor
from minicnn.train.diagnosis import Finding
from minicnn.train.diagnosis.look import activations, chance_level, cross_entropy

DIGITS = digits("train").subset(range(640))


def lenet(**options) -> models.LeNet5:
    return models.LeNet5(image_size=8, activation=nn.ReLU, pool=nn.MaxPool2d, **options)


def plain(outputs: int = 10, activation=nn.ReLU) -> nn.Sequential:
    """A network that takes half a millisecond a step."""
    return nn.Sequential({
        "flatten": nn.Flatten(), "fc1": nn.Linear(64, 32), "act1": activation(),
        "fc2": nn.Linear(32, 32), "act2": activation(), "output": nn.Linear(32, outputs),
    })  # fmt: skip


def saturated() -> nn.Module:
    model = plain(activation=nn.Tanh)
    model.fc1.weight.data *= 200
    model.fc2.weight.data *= 200
    return model


def deep(activation, width: int = 32, depth: int = 8, std: float | None = None) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for i in range(depth):
        layers += [nn.Linear(width if i else 64, width), activation()]
        if std:
            nn.init.normal_(layers[-2].weight, std=std)
    return nn.Sequential(*layers, nn.Linear(width, 10))


def adam(model, lr: float = 1e-3):
    return optim.Adam(model.parameters(), lr=lr)


def sgd(model, lr: float = 0.05, momentum: float = 0.9):
    return optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def visit(
    make, optimizer=adam, data: Dataset = DIGITS, epochs: int = 8, batch_size: int = 32,
    every: int = 5, shuffle: bool = True, **options,
) -> list[Finding]:  # fmt: skip
    """Train with a doctor; what it said."""
    minicnn.manual_seed(0)
    model, doctor, said = make(), Doctor(every), []
    trainer = Trainer(model, optimizer(model), callbacks=[doctor], **options)
    trainer.printer = said.append
    trainer.fit(DataLoader(data, batch_size, shuffle=shuffle, drop_last=True), None, epochs)
    assert [text.partition(": ")[2] for text in said] == [f.short for f in doctor.findings]
    return doctor.findings


def kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


HEALTHY = {
    "LeNet, Adam": (lenet, adam, {"epochs": 6}),
    "LeNet with tanh": (partial(models.LeNet5, image_size=8), sgd, {"epochs": 4}),
    "plain, Adam, fast": (plain, partial(adam, lr=1e-2), {"epochs": 15}),
    "tanh": (partial(plain, activation=nn.Tanh), sgd, {"epochs": 15}),
    "linear": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), sgd, {"epochs": 10}),
    "dropout": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(),
                                      nn.Linear(64, 10)), adam, {"epochs": 10}),
    "binary": (partial(plain, 1), adam, {"task": "binary"}),
}  # fmt: skip


def binary(data: Dataset) -> Dataset:
    labels = (data.labels > 4).astype(np.int64)
    return dataclasses.replace(data, labels=labels, classes=["low", "high"])


@pytest.mark.parametrize("name", HEALTHY)
def test_silence_on_a_healthy_training(name):
    make, optimizer, options = HEALTHY[name]
    data = binary(DIGITS) if options.get("task") == "binary" else DIGITS
    assert kinds(visit(make, optimizer, data, **options)) == []


def test_silence_on_the_first_epochs_of_resnet20():
    images = DIGITS.images[:320].repeat(2, 2).repeat(2, 3)
    data = Dataset(images, DIGITS.labels[:320], DIGITS.classes, "larger digits")
    make = partial(models.create, "resnet20", in_channels=1, width_mult=0.25)
    assert kinds(visit(make, partial(sgd, lr=0.1), data, epochs=6, every=3)) == []


class Unchecked(Dataset):
    """Images of any values, as a user's own loader may give them."""

    def _check_images(self) -> None:
        pass


def scaled(factor: float) -> Dataset:
    return Unchecked(DIGITS.images * np.float32(factor), DIGITS.labels, DIGITS.classes, "scaled")


def shuffled(data: Dataset) -> Dataset:
    labels = np.random.default_rng(0).permutation(data.labels)
    return dataclasses.replace(data, labels=labels)


def without_signal(value: float):
    model = plain()
    model.fc2.bias.data[:] = value
    return model


def zeros():
    model = plain()
    for p in model.parameters():
        p.data[:] = 0
    return model


def cut():
    model = plain()
    fc2 = model.fc2
    fc2.forward = lambda x: ops.linear(x.detach(), fc2.weight, fc2.bias)
    return model


def head_replaced_too_late(model):
    optimizer = adam(model)
    model.output = nn.Linear(32, 10)
    return optimizer


def with_batch_norm():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
    )


SORTED = DIGITS.subset(np.argsort(DIGITS.labels, kind="stable"))
ONE = DIGITS.subset(np.flatnonzero(DIGITS.labels == 3).repeat(4))

# fault: model, optimizer, options, the finding's kind, what it must have seen
PLANTED = {
    "bytes": (plain, adam, {"data": scaled(255)}, "inputs not normalised", "up to 255"),
    "divided twice": (plain, adam, {"data": scaled(1 / 65025)}, "empty images", "e-06"),
    "shuffled labels": (plain, adam, {"data": shuffled(DIGITS)}, "labels look shuffled", "ln 10"),
    "sorted": (plain, adam, {"data": SORTED, "shuffle": False}, "batches of one class", "same"),
    "one class": (plain, adam, {"data": ONE}, "labels of one class", "always 3"),
    "softmax": (lambda: nn.Sequential(*plain(), nn.Softmax()), adam, {},
                "softmax before cross_entropy", "add up to 1"),
    "sigmoid": (lambda: nn.Sequential(*plain(1), nn.Sigmoid()), adam,
                {"data": binary(DIGITS), "task": "binary"}, "sigmoid before the loss", "0 and 1"),
    "batches of 2": (with_batch_norm, adam,
                     {"batch_size": 2, "epochs": 1, "data": DIGITS.subset(range(60))},
                     "batch norm on tiny batches", "1 batch norms .* 2 image"),
    "dead layer": (partial(without_signal, -30.0), adam, {}, "dead ReLUs", "100% .* of act2"),
    "saturated": (saturated, partial(sgd, lr=1e-4), {}, "saturated units", "flat of act"),
    "deep sigmoid": (partial(deep, nn.Sigmoid), sgd, {}, "vanishing gradients", "1.weight"),
    "large weights": (partial(deep, nn.ReLU, std=0.6), partial(sgd, lr=1e-9), {"epochs": 2},
                      "start far from chance", "2.30"),
    "lr of 1": (plain, partial(sgd, lr=2.0), {}, "learning rate too high", "weights by"),
    "Adam's lr of 0.3": (plain, partial(adam, lr=0.3), {}, "learning rate too high", "usual"),
    "lr of 1e-7": (plain, partial(sgd, lr=1e-7), {}, "learning rate too low", "fell by 0"),
    "zeros": (zeros, adam, {}, "the same answer for every image|dead ReLUs", "100%"),
    "detached": (cut, adam, {"epochs": 2}, "layers that never learn", "fc1.weight"),
    "old optimizer": (plain, head_replaced_too_late, {"epochs": 1},
                      "parameters without an optimizer", "output.weight"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_planted_fault_is_named(fault):
    import re

    make, optimizer, options, kind, saw = PLANTED[fault]
    found = visit(make, optimizer, **options)
    assert found, "nothing was said"
    assert re.fullmatch(kind, found[0].kind) and len(found) <= 2, kinds(found)
    assert re.search(saw, found[0].saw), found[0].saw
    assert found[0].means.endswith(".") and len(found[0].advice) > 20


class Times(nn.Module):
    """y = factor x"""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def test_exploding_gradients_of_weights_that_are_much_too_small():
    def make():
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), Times(1e3), nn.ReLU(),
                              nn.Linear(32, 10), Times(1e3))  # fmt: skip
        model[1].weight.data /= 1e3
        model[4].weight.data /= 1e3
        for layer in (model[1], model[4]):
            layer.bias.data[:] = 0
        return model

    found = visit(make, partial(sgd, lr=1e-12), epochs=2)
    assert kinds(found) == ["exploding gradients"] and "times in" in found[0].saw


def test_functional_activations_are_seen_too():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x):
            h = self.first(x).relu()
            return self.last(ops.tanh(h * 100.0)).sigmoid()

    model = Net()
    model.first.bias.data[:4] = -100
    model.first.bias.data[4:] = 100
    found = activations(model, np.zeros((5, 4), np.float32))
    assert list(found) == ["Net", "Net call 2"]  # the last one makes the outputs
    assert found["Net"].dead.tolist() == [True] * 4 + [False] * 4
    assert found["Net call 2"].flat == 0.5


def test_chance_and_cross_entropy_by_hand():
    assert chance_level(np.repeat(np.arange(10), 7)) == pytest.approx(np.log(10))
    p = 0.25
    expected = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert chance_level(np.array([1, 0, 0, 0])) == pytest.approx(expected)
    assert chance_level(np.array([[1, 1], [0, 1], [0, 0], [0, 0]])) == pytest.approx(
        (expected + np.log(2)) / 2
    )
    logits, labels = np.array([[1.0, 3.0, 0.5], [2.0, 0.0, -1.0]]), np.array([1, 2])
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert cross_entropy(logits, labels) == pytest.approx(-np.log([q[0, 1], q[1, 2]]).mean())
    assert cross_entropy(np.array([[0.3], [-2.0]]), np.array([1, 0])) == pytest.approx(
        -np.log([1 / (1 + np.exp(-0.3)), 1 - 1 / (1 + np.exp(2.0))]).mean()
    )


class NoisyNet(nn.Module):
    """Dropout and batch norm, which a look might disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Dropout(), nn.Linear(72, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


def test_with_a_doctor_the_weights_are_bit_for_bit_the_same():
    states = []
    for callbacks in ([], [Doctor(every=3)]):
        minicnn.manual_seed(0)
        model = NoisyNet()
        hooks = len([*model.layers[2]._hooks.before, *model.layers[2]._hooks.after])
        Trainer(model, sgd(model), callbacks=callbacks).fit(DataLoader(DIGITS, 64), None, 2)
        assert len([*model.layers[2]._hooks.before, *model.layers[2]._hooks.after]) == hooks == 0
        states.append(model.state_dict())
    assert all(np.array_equal(states[0][name], a) for name, a in states[1].items())


def test_hooks_are_gone_after_an_error():
    class Failing(Callback):
        order = 1

        def on_gradients(self, trainer) -> None:
            raise KeyError

    model = NoisyNet()
    trainer = Trainer(model, sgd(model), callbacks=[Doctor(1), Failing()])
    with pytest.raises(KeyError):
        trainer.fit(DataLoader(DIGITS, 64), None, 1)
    assert not any(m._hooks.before or m._hooks.after for m in model.modules())


def test_what_was_said_before_a_resume_is_not_said_again():
    first, again, said = Doctor(5), Doctor(5), []
    for doctor in (first, again):
        minicnn.manual_seed(0)
        model = plain()
        trainer = Trainer(model, adam(model), callbacks=[doctor])
        trainer.printer = said.append
        trainer.fit(DataLoader(scaled(255), 32), None, 1)
        again.load_state_dict(copy.deepcopy(first.state_dict()))
    assert said and len(said) == len(set(said)) and again.findings == first.findings


def test_mixed_labels_and_many_labels():
    class Soften(Callback):
        def on_batch_start(self, trainer) -> None:
            images, labels = trainer.batch
            shares = np.eye(10, dtype=np.float32)[labels]
            trainer.batch = images, 0.8 * shares + 0.2 * shares[::-1]

    minicnn.manual_seed(0)
    model, doctor = plain(), Doctor(5)
    Trainer(model, adam(model), callbacks=[Soften(), doctor]).fit(DataLoader(DIGITS, 32), None, 5)
    assert kinds(doctor.findings) == []
    many = dataclasses.replace(DIGITS, labels=np.eye(10, dtype=np.float32)[DIGITS.labels])
    assert kinds(visit(plain, adam, many, epochs=6, task="multilabel")) == []


def test_a_doctor_looks_at_every_step_at_most():
    with pytest.raises(ValueError, match="every must be at least 1 step, got 0"):
        Doctor(0)
