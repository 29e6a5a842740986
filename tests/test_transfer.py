"""Freezing by pattern, new heads, learning rates by depth, gradual unfreezing."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, models, nn, ops, optim
from minicnn.data import DataLoader, digits
from minicnn.train import Trainer, transfer
from minicnn.train.callbacks import EMA, Callback, GradualUnfreezing

IMAGES = np.random.default_rng(0).random((6, 3, 32, 32), np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def net(**options) -> models.Network:
    minicnn.manual_seed(0)
    return models.create("resnet20", width_mult=0.25, num_classes=3, **options)


def train_some(model, optimizer, steps: int = 3) -> None:
    model.train()  # called after freezing, as every training loop does
    for _ in range(steps):
        loss = ops.cross_entropy(model(Tensor(IMAGES)), Tensor(LABELS))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def changed(model, before) -> set[str]:
    return {k for k, a in model.state_dict().items() if not np.array_equal(a, before[k])}


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    ],
    ids=["SGD", "Adam"],
)
def test_frozen_parameters_and_statistics_stay_bit_for_bit(make):
    model = net()
    optimizer = make(model.parameters())
    train_some(model, optimizer)  # so that momentum is there, which would go on by itself
    frozen = transfer.freeze(model, "conv1", "bn1", "layer1.*", "layer2")
    before = model.state_dict()
    train_some(model, optimizer)
    moved = changed(model, before)
    assert not any(name.startswith(("conv1", "bn1", "layer1", "layer2")) for name in moved)
    assert {"layer3.0.conv1.weight", "layer3.0.bn1.running_mean", "fc.weight"} <= moved
    assert set(frozen) == {n for n, p in model.named_parameters() if not p.requires_grad}
    transfer.unfreeze(model, "*")
    train_some(model, optimizer, 1)
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.bn2.running_var"} <= changed(
        model, before
    )


def test_frozen_batch_norm_normalises_with_its_running_statistics():
    model = net()
    transfer.freeze(model, "*")
    transfer.unfreeze(model, "fc")
    model.train()
    assert model.training and not model.bn1.training and model.fc.training
    y = model(Tensor(IMAGES)).numpy()
    assert np.array_equal(y, model.eval()(Tensor(IMAGES)).numpy())


def test_a_batch_norm_without_weights_is_frozen_by_name_only():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False), nn.Flatten(), nn.Linear(4096, 3)
    )
    transfer.freeze(model, "0")
    assert model.train()[1].training
    transfer.freeze(model, "1")
    transfer.freeze(model, "0.bias")
    assert not model.train()[1].training
    transfer.unfreeze(model, "1")
    assert model.train()[1].training


def test_frozen_weights_are_the_same_in_their_average():
    model, ema = net(), EMA(0.5)
    transfer.freeze(model, "conv1", "layer1")
    rng = np.random.default_rng(1)
    for p in model.parameters():  # values whose products round
        p.data[...] = rng.standard_normal(p.shape)
    trainer = Trainer(model, optim.SGD(model.parameters(), lr=0.1), callbacks=[ema])
    before = model.state_dict()
    ema.on_fit_start(trainer)
    for _ in range(5):
        train_some(model, trainer.optimizer, 1)
        ema.on_step_end(trainer)
    with ema.applied(model):
        moved = changed(model, before)
    assert moved and not any(name.startswith(("conv1", "layer1")) for name in moved)


def test_nothing_is_recorded_below_the_first_layer_that_learns():
    model = net()
    transfer.freeze(model, "*")
    transfer.unfreeze(model, "layer3.2", "fc")
    model.train()
    recorded: dict[str, bool] = {}
    for path, module in model.named_modules():
        module.register_forward_hook(
            lambda m, x, y, path=path: recorded.__setitem__(path, y.requires_grad)
        )
    model(Tensor(IMAGES))
    assert not recorded["layer2"] and not recorded["layer3.1"] and recorded["layer3.2"]


@pytest.mark.parametrize(
    ("pattern", "near"), [("layr1", "layer1"), ("classifier.*", "fc"), ("layer1.0.conv3*", "conv")]
)
def test_a_pattern_that_fits_nothing_is_told_what_is_near(pattern, near):
    model = net()
    with pytest.raises(ValueError, match=f"got '{pattern[:5]}.*near: .*{near}"):
        transfer.freeze(model, "conv1", pattern)
    assert all(p.requires_grad for p in model.parameters())  # nothing was frozen on the way


def test_patterns_that_are_none():
    with pytest.raises(ValueError, match="must be a pattern, got none"):
        transfer.freeze(net())
    with pytest.raises(TypeError, match="got list; unpack"):
        transfer.freeze(net(), ["conv1"])


SMALL = {
    "alexnet_cifar": {"width_mult": 0.25}, "vgg11_bn_cifar": {"width_mult": 0.25},
    "googlenet_cifar": {}, "inception_v3_cifar": {}, "lenet5": {},
    "densenet_cifar": {"block_config": (2, 2, 2)}, "squeezenet_cifar": {"width_mult": 0.25},
    "mobilenet_v1_cifar": {"width_mult": 0.25}, "mobilenet_v3_cifar": {}, "vit_tiny_cifar": {},
    "efficientnet_cifar": {"width_mult": 0.25},
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_a_fresh_head_is_drawn_from_its_seed_alone(name):
    heads = []
    for outer_seed, seed in ((1, 7), (2, 7), (1, 8)):
        with nn.init.skip():
            model = models.create(name, **SMALL[name])
        minicnn.manual_seed(outer_seed)
        expected = np.random.default_rng(outer_seed).random()
        assert transfer.replace_head(model, 4, seed).num_classes == 4
        assert minicnn.random.generator().random() == expected
        heads.append(np.concatenate([h.weight.numpy().ravel() for h in model.head_layers()]))
    assert np.array_equal(heads[0], heads[1]) and not np.array_equal(heads[0], heads[2])
    transfer.freeze(model, "*")
    transfer.unfreeze(model, *model.head_paths)
    learning = [n for n, p in model.named_parameters() if p.requires_grad]
    assert learning and all(n.startswith(model.head_paths) for n in learning)


def test_heads_that_cannot_be():
    with pytest.raises(TypeError, match="one of minicnn.models, got Sequential; assign"):
        transfer.replace_head(nn.Sequential(nn.Linear(2, 2)), 3)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        transfer.replace_head(net(), 0)


def rates(model, groups) -> dict[str, float]:
    by_id = {id(p): g["lr"] for g in groups for p in g["params"]}
    return {name: by_id[id(p)] for name, p in model.named_parameters()}


def test_learning_rates_fall_with_the_distance_from_the_head():
    model = net()
    lr = rates(model, transfer.parameter_groups(model, 0.1, decay=0.5))
    assert lr["fc.weight"] == lr["fc.bias"] == 0.1
    assert lr["layer3.2.conv2.weight"] == lr["layer3.2.bn1.bias"] == 0.05
    assert lr["layer3.1.conv1.weight"] == 0.025
    assert lr["conv1.weight"] == lr["bn1.weight"] == pytest.approx(0.1 * 0.5**10)
    optim.SGD(transfer.parameter_groups(model, 0.1), momentum=0.9)


def test_auxiliary_heads_learn_as_fast_as_the_main_one():
    model = models.create("googlenet_cifar")
    if not any(n.startswith("aux1") for n, _ in model.named_parameters()):
        model = models.GoogLeNet(aux_logits=True)
    lr = rates(model, transfer.parameter_groups(model, 1.0))
    assert {lr[f"{path}.weight"] for path in model.head_paths} == {1.0}
    assert lr["conv1.conv.weight"] < lr["inception3a.branch1.conv.weight"] < 0.5


def test_blocks_inside_containers_and_encoders_are_told_apart():
    vit, plain = models.create("vit_tiny_cifar"), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    lr = rates(vit, transfer.parameter_groups(vit, 1.0, decay=0.5))
    blocks = [lr[f"encoder.layers.encoder_layer_{i}.ln_1.weight"] for i in range(3)]
    assert blocks == [0.125, 0.25, 0.5] and lr["class_token"] == min(lr.values())
    assert rates(plain, transfer.parameter_groups(plain, 1.0)) == {
        "0.weight": 0.8, "0.bias": 0.8, "1.weight": 1.0, "1.bias": 1.0
    }  # fmt: skip


def test_learning_rates_by_pattern_the_first_that_fits():
    model = net()
    groups = transfer.parameter_groups(model, 1.0, factors={"*.bn?.*": 0.5, "layer*": 0.1})
    lr = rates(model, groups)
    assert (lr["layer1.0.bn1.weight"], lr["layer1.0.conv1.weight"], lr["fc.bias"]) == (0.5, 0.1, 1)
    with pytest.raises(ValueError, match="decay must be in"):
        transfer.parameter_groups(model, 1.0, decay=0)


class Watch(Callback):
    """Which parameters learn, epoch by epoch."""

    def __init__(self) -> None:
        self.learning: list[set[str]] = []

    def on_epoch_end(self, trainer) -> None:
        named = trainer.model.named_parameters()
        self.learning.append({name for name, p in named if p.requires_grad})


def lenet(callbacks, optimizer_lr: float = 0.05) -> Trainer:
    minicnn.manual_seed(0)
    model = models.create("lenet5_small")
    transfer.freeze(model, "*")
    transfer.unfreeze(model, "output")
    groups = transfer.parameter_groups(model, optimizer_lr)
    return Trainer(model, optim.SGD(groups, momentum=0.9), callbacks=callbacks)


def loader() -> DataLoader:
    return DataLoader(digits("train").subset(range(96)), 32, shuffle=True, seed=0)


def test_gradual_unfreezing_by_epoch_and_after_a_resume():
    schedule = {2: "f6", 3: ["c5", "c3"]}
    watch = Watch()
    whole = lenet([GradualUnfreezing(schedule), watch])
    whole.fit(loader(), None, epochs=3)
    names = [{n.partition(".")[0] for n in learning} for learning in watch.learning]
    assert names == [{"output"}, {"output", "f6"}, {"output", "f6", "c5", "c3"}]

    first = lenet([GradualUnfreezing(schedule)])
    first.fit(loader(), None, epochs=2)
    again = lenet([GradualUnfreezing(schedule)])
    again.model.load_state_dict(first.model.state_dict())
    again.optimizer.load_state_dict(first.optimizer.state_dict())
    again.history, again.epoch, again.global_step = list(first.history), 2, first.global_step
    again.step = first.step
    again.fit(loader(), None, epochs=3)
    for name, array in whole.model.state_dict().items():
        assert np.array_equal(array, again.model.state_dict()[name]), name


def test_unfreezing_needs_an_optimizer_that_has_the_parameters():
    model = models.create("lenet5_small")
    optimizer = optim.SGD(model.output.parameters(), lr=0.1)
    trainer = Trainer(model, optimizer, callbacks=[GradualUnfreezing({2: "f6"})])
    with pytest.raises(ValueError, match=r"optimizer must have .* got 2 .*f6.weight"):
        trainer.fit(loader(), None, epochs=1)
    trainer.callbacks = [GradualUnfreezing({2: "f7"})]
    with pytest.raises(ValueError, match="near: .*f6"):
        trainer.fit(loader(), None, epochs=1)


def test_weights_of_other_sizes_load_with_a_report():
    trained, model = net(), models.create("resnet20", width_mult=0.25, num_classes=5)
    report = models.load_weights(model, trained.state_dict(), strict=False)
    assert [key for key, *_ in report.wrong_shape] == ["fc.weight", "fc.bias"]
    assert "fc.weight (3, 16) for (5, 16)" in str(report)
    assert np.array_equal(model.conv1.weight.numpy(), trained.conv1.weight.numpy())
