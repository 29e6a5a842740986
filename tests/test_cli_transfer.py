"""`minicnn train --freeze`: what is frozen stays bit for bit, whatever else is asked for."""

import json
from pathlib import Path

import numpy as np
import pytest

from minicnn import models, weights

from .test_cli import FAST, run
from .test_cli_train import draw
from .test_models_mobilenet_v1 import keras_state

FROZEN = ("conv1", "bn1", "layer1", "layer2")
SMALL = ("--model", "resnet20", "--batch-size", 4, "--val-fraction", 0.25, "--schedule", "none")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("photos")
    for i in range(8):
        draw(root / "blue" / f"{i}.png", {"blue"}, rng)
        draw(root / "red" / f"{i}.png", {"red"}, rng)
    return root


@pytest.fixture(scope="module")
def base(photos, tmp_path_factory) -> Path:
    """Weights of a short training, with statistics that are not those of new data."""
    folder = tmp_path_factory.mktemp("base")
    run("train", "--data", photos, "--epochs", 1, "--out", folder / "r", *SMALL, *FAST)
    arrays = weights.load(folder / "r" / "best.safetensors")
    arrays["bn1.running_mean"] += 1
    arrays["conv1.weight"][0, 0, 0] = -0.0  # which + 0.0 would change
    weights.save(folder / "base.safetensors", arrays)
    return folder / "base.safetensors"


def is_frozen(name: str) -> bool:
    return name.startswith(tuple(f"{part}." for part in FROZEN))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_parameters_and_statistics(photos, base, optimizer, tmp_path):
    """With momentum, weight decay, a moving average, and after a resume."""
    args = ("train", "--data", photos, "--weights", base, "--optimizer", optimizer, *SMALL, *FAST)
    args += ("--ema", 0.5, "--clip", 1, *(word for name in FROZEN for word in ("--freeze", name)))
    run(*args, "--epochs", 2, "--out", tmp_path / "whole")
    run(*args, "--epochs", 1, "--out", tmp_path / "r")
    run("train", "--resume", tmp_path / "r", "--epochs", 2)
    before = weights.load(base)
    for folder in (tmp_path / "whole", tmp_path / "r"):
        last = weights.load(folder / "last.safetensors")
        model = {name.removeprefix("model."): a for name, a in last.items() if name[:6] == "model."}
        for after in (weights.load(folder / "best.safetensors"), model):
            same = {name for name in before if after[name].tobytes() == before[name].tobytes()}
            assert {name for name in before if is_frozen(name)} <= same
            assert not {"fc.weight", "layer3.0.conv1.weight", "layer3.0.bn1.running_mean"} & same
        (average,) = [name for name in last if name.endswith("EMA.average.conv1.weight")]
        assert last[average].tobytes() == before["conv1.weight"].tobytes()
    a, b = (weights.load(tmp_path / name / "last.safetensors") for name in ("whole", "r"))
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in a)
    config = json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))
    assert config["freeze"] == list(FROZEN)


def test_a_run_remembers_what_its_weights_asked_for(photos, tmp_path):
    """Google's nets pad on one side only; without that, the trained weights mean something else."""
    given = tmp_path / "keras.safetensors"
    weights.save(given, keras_state(models.create("mobilenet_v1_025")))
    run("train", "--data", photos, "--weights", given, "--new-head", "--freeze", "features.*",
        "--epochs", 1, "--out", tmp_path / "r")  # fmt: skip
    measured = json.loads((tmp_path / "r" / "test.json").read_text(encoding="utf-8"))
    assert f"validation loss {measured['loss']:.4f}" in run("evaluate", tmp_path / "r").output
