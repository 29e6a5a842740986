"""From options to what a training needs: config, data, model, optimizer, loaders."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import __version__, data, models
from ..data.presets import Preset
from ..data.samples import SampleError
from ..nn import Module
from ..optim import Optimizer
from ..random import manual_seed
from ..train import predict, training_loader
from ..train.tasks import find_task
from ..train.transfer import freeze, replace_head
from .recipes import OPTIMIZERS, PHOTOS, RECIPES, make_optimizer
from .sets import Sets, choose_preset, fingerprint, is_name, load_sets


class Run(NamedTuple):
    """What a training needs, made from its config."""

    model: Module
    optimizer: Optimizer
    sets: Sets
    preset: Preset
    config: dict[str, Any]


def make_config(**chosen: Any) -> dict[str, Any]:
    """The options, filled up from the recipe; all that a run is made of."""
    if not is_name(chosen["data"]):
        chosen["data"] = str(Path(chosen["data"]).resolve())
    recipe = RECIPES.get(chosen["data"], PHOTOS)._asdict()
    config = {"minicnn": __version__} | chosen | {"freeze": list(chosen["freeze"])}
    config |= {name: value for name, value in recipe.items() if config.get(name) is None}
    if config.get("lr") is None:
        config["lr"] = OPTIMIZERS[config["optimizer"]][1]
    if config["focal"] and (config.get("mixup") or config.get("cutmix")):
        raise ValueError("train: --focal needs whole labels, got mixed ones; leave one of both out")
    if config["new_head"] and not config["weights"]:
        raise ValueError("train: --new-head is for weights, got none; add --weights FILE|NAME")
    models.input_shape(config["model"])  # an unknown name should not wait for a download
    return config


def prepare(config: dict[str, Any]) -> Run:
    """Data and model of a new or a resumed run, tried on one image before there is a folder."""
    config, sets = dict(config), load_sets(config)
    if config.get("patience") and sets.val is None:
        raise ValueError("train: --patience needs validation images, got --val-fraction 0")
    several = np.ndim(sets.train.labels) == 2
    task = find_task(config["task"] or ("multilabel" if several else "multiclass"))
    _check_task(task.name, several, sets.train)
    preset = choose_preset(config, sets.train)
    config |= {
        "task": task.name, "classes": list(sets.train.classes), "fingerprint": fingerprint(sets),
        "model_options": {
            "num_classes": task.outputs(len(sets.train.classes)),
            "in_channels": preset.image_shape[0],
        },
    }  # fmt: skip
    manual_seed(config["seed"])
    model = _model(config)
    config["model_options"] = {**getattr(model, "needed", {}), **config["model_options"]}
    preset = getattr(model, "preset", None) or preset
    config |= {"preset": preset.to_config(), "image_shape": list(preset.image_shape)}
    model = model.to(config["device"])
    optimizer = make_optimizer(model, config)
    run = Run(model, optimizer, sets, preset, json.loads(json.dumps(config)))
    _check_fit(run)
    return run


def _model(config: Mapping[str, Any]) -> Module:
    """The network, what is frozen frozen; a new head learns whatever the patterns say."""
    given, weights = config["model_options"], config["weights"]
    model = models.create(config["model"], **(given if weights is None else {"weights": weights}))
    if config["freeze"]:
        freeze(model, *config["freeze"])
    if config["new_head"]:
        replace_head(model, given["num_classes"], config["seed"])
    if model.num_classes != given["num_classes"]:
        raise ValueError(
            f"train: the weights must have {given['num_classes']} outputs for the classes of the "
            f"data, got {model.num_classes}; add --new-head"
        )
    return model


def _check_task(task: str, several: bool, dataset: Any) -> None:
    if several != (task == "multilabel"):
        found = "any number of labels" if several else "one label"
        raise ValueError(f"train: --task {task} does not fit, got images of {found}; leave it out")
    if task == "binary" and len(dataset.classes) != 2:
        raise ValueError(
            f"train: --task binary needs 2 classes, got {len(dataset.classes)}; leave it out"
        )


def _check_fit(run: Run) -> None:
    """Try one image."""
    name, shape = run.config["model"], run.preset.image_shape
    try:
        images = next(iter(batches_to_measure(run, run.sets.train, 1)))[0]
        predict(run.model, images, task=run.config["task"])
    except SampleError:
        raise
    except (ValueError, RuntimeError) as error:
        made_for = models.input_shape(name)
        raise ValueError(
            f"{name}: the images of {run.config['data']} {shape} must fit the network, which was "
            f"made for {made_for}; choose another --model\n{error}"
        ) from error


def batches_to_measure(run: Run, dataset: Any, batch_size: int = 256) -> data.DataLoader:
    """Batches to measure on."""
    steps = run.preset.steps(dataset, training=False)
    return data.DataLoader(dataset, batch_size, **steps, **_reading(run))


def batches_to_learn(run: Run) -> data.DataLoader:
    """Batches to learn from."""
    config, dataset = run.config, run.sets.train
    steps = run.preset.steps(dataset, training=True) | _reading(run)
    if not config["balanced"]:
        return training_loader(dataset, config["batch_size"], config["seed"], **steps)
    sampler = data.ClassBalancedSampler(dataset.labels, seed=config["seed"])
    lonely = len(sampler) % config["batch_size"] == 1 and len(sampler) > config["batch_size"]
    return data.DataLoader(
        dataset, config["batch_size"], drop_last=lonely, seed=config["seed"], sampler=sampler,
        **steps,
    )  # fmt: skip


def _reading(run: Run) -> dict[str, Any]:
    return {"workers": run.config["workers"], "on_error": run.config["on_error"]}
