"""What `minicnn train` does when it is told no better: one row per data set.

digits   at least 98 % of the test images, in seconds
mnist    at least 99.2 %, in minutes
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import data, ops, optim
from ..data.transforms import CutMix, MixUp
from ..models import auxiliary_loss
from ..nn import Module
from ..train import callbacks
from ..train.tasks import Loss


class Recipe(NamedTuple):
    """What is not said on the command line."""

    model: str
    epochs: int
    batch_size: int
    optimizer: str = "adamw"
    label_smoothing: float = 0.1


RECIPES = {
    "digits": Recipe("lenet5_small", 24, 96),
    "mnist": Recipe("mnist_cnn", 6, 128),
    "fashion_mnist": Recipe("mnist_cnn", 12, 128),
    "cifar10": Recipe("resnet20", 20, 128, "sgd", 0.0),
    "cifar100": Recipe("resnet20", 30, 128, "sgd", 0.0),
    "shapes": Recipe("resnet20", 8, 64),
    "shapes_multilabel": Recipe("resnet20", 12, 64),
}
PHOTOS = Recipe("mobilenet_v1_025", 15, 32)  # for folders and tables of image files

# name -> (class, default learning rate at its highest, other options)
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float, dict[str, Any]]] = {
    "sgd": (optim.SGD, 0.05, {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
    "adam": (optim.Adam, 0.01, {}),
    "adamw": (optim.AdamW, 0.01, {"weight_decay": 0.01}),
    "rmsprop": (optim.RMSprop, 0.004, {}),
    "adagrad": (optim.Adagrad, 0.05, {}),
}


def make_optimizer(model: Module, config: Mapping[str, Any]) -> optim.Optimizer:
    """The optimizer that a run's config names, for what is not frozen."""
    build, _, options = OPTIMIZERS[config["optimizer"]]
    learning = [p for p in model.parameters() if p.requires_grad]
    return build(learning, lr=config["lr"], **options)


def _onecycle(optimizer: optim.Optimizer, lr: float, steps: int) -> optim.Schedule:
    return optim.OneCycleLR(optimizer, lr, total_steps=steps, cycle_momentum=False)


def _cosine(optimizer: optim.Optimizer, lr: float, steps: int) -> optim.Schedule:
    return optim.CosineAnnealingLR(optimizer, steps)


# Both end with the last batch of the last epoch, so a run with one of them cannot be made longer.
WHOLE_RUN: dict[str, Callable[[optim.Optimizer, float, int], optim.Schedule]] = {
    "onecycle": _onecycle,
    "cosine": _cosine,
}
SCHEDULES = (*WHOLE_RUN, "step", "none")
_EPOCHS_PER_STEP = 10


def make_schedule(
    optimizer: optim.Optimizer, config: Mapping[str, Any], steps: int
) -> optim.Schedule | None:
    """The schedule that a run's config names, counted in batches; ``steps`` an epoch."""
    name = config["schedule"]
    if name in WHOLE_RUN:
        return WHOLE_RUN[name](optimizer, config["lr"], config["epochs"] * steps)
    return optim.StepLR(optimizer, _EPOCHS_PER_STEP * steps) if name == "step" else None


def make_loss(config: Mapping[str, Any], labels: Any = None) -> Loss:
    """The loss of the task, of auxiliary heads too where there are some.

    ``labels`` of the training images are needed for class weights.
    """
    return partial(auxiliary_loss, loss=_loss(config, labels))


def _loss(config: Mapping[str, Any], labels: Any) -> Loss:
    if config["task"] != "multiclass":
        if config["focal"]:
            return partial(ops.sigmoid_focal_loss, reduction="mean")
        return partial(ops.binary_cross_entropy_with_logits, pos_weight=_positive(config, labels))
    weight = None
    if config["class_weights"] and labels is not None:
        weight = data.class_weights(labels, config["classes"])
    if config["focal"]:
        return partial(ops.focal_loss, weight=weight)
    smoothing = float(config["label_smoothing"])
    return partial(ops.cross_entropy, weight=weight, label_smoothing=smoothing)


def _positive(config: Mapping[str, Any], labels: Any) -> Any:
    """The number of negatives over that of positives, per label."""
    if not config["class_weights"] or labels is None:
        return None
    positive = (labels > 0).mean(0).clip(1e-6, 1 - 1e-6)
    return ((1 - positive) / positive).astype("float32")


def make_callbacks(config: Mapping[str, Any], folder: Path) -> list[callbacks.Callback]:
    """Everything beside batch, loss, backward and step."""
    made: list[callbacks.Callback] = [
        callbacks.ProgressBar(),
        callbacks.CSVLogger(folder / "metrics.csv"),
        callbacks.OverfittingMonitor(),
        callbacks.Checkpoint(folder, save_every=config["save_every"] or 0, config=config),
    ]
    for name, mix in (("mixup", MixUp), ("cutmix", CutMix)):
        if config[name]:
            made.append(callbacks.Mix(mix(config[name])))
    if config["clip"]:
        made.append(callbacks.ClipGradNorm(config["clip"]))
    if config["ema"]:
        made.append(callbacks.EMA(config["ema"]))
    if config["patience"]:
        made.append(callbacks.EarlyStopping(config["patience"], restore_best=False))
    if config["doctor"]:
        made.append(callbacks.Doctor(every=20))  # costs a few per cent of the time
    if config["tensorboard"]:
        made.append(callbacks.TensorBoard(folder / "tensorboard"))
    return made
