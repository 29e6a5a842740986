"""A run folder whose config.json somebody has changed by hand."""

import json

import click.testing
import numpy as np
import pytest

from minicnn import data, models, train, weights
from minicnn.cli import main
from minicnn.data import presets

from .test_cli_picture import save_picture

CONFIG = {
    "model": "lenet5_small", "model_options": {"num_classes": 10, "in_channels": 1},
    "data": "digits", "label_smoothing": 0.1, "classes": list("0123456789"),
    "image_shape": [1, 8, 8], "task": "multiclass", "seed": 0, "val_fraction": 0.1,
    "preset": presets.get("digits").to_config(),
}  # fmt: skip


def invoke(command, folder, change):
    """Run a command on a whole run whose config has a change."""
    run, picture = folder / "run", folder / "a.png"
    train.create_run(CONFIG | change, "", run)
    weights.save(run / "best.safetensors", models.create("lenet5_small").state_dict())
    save_picture(picture)
    more = [str(picture)] if command == "predict" else []
    return click.testing.CliRunner().invoke(
        main, [command, str(run), *more, "--kernels", "numpy"]
    )  # fmt: skip


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_the_unchanged_config_is_good(tmp_path, command):
    assert invoke(command, tmp_path, {}).exit_code == 0


@pytest.mark.parametrize(
    ("command", "key", "value", "message"),
    [
        *(("evaluate", "data", v, "must be the name of a data set") for v in (5, None, [])),
        ("evaluate", "data", "faces", "data: name must be one of digits, mnist, fashion_mnist,"),
        *(("evaluate", "label_smoothing", v, "must be a number") for v in (None, "much")),
        *(("predict", "classes", v, "must be a list of names") for v in (7, None, "abc", [1])),
        ("predict", "classes", [], "must be 10 names, one per output, got 0"),
        ("predict", "classes", ["a"], "must be 10 names, one per output, got 1"),
        *(
            ("predict", "image_shape", v, "must be three positive integers")
            for v in (5, [8, 8], [1, 8, "8"], [1, 0, 8])
        ),
    ],
)
def test_a_wrong_entry_is_named_in_one_or_two_lines(tmp_path, command, key, value, message):
    result = invoke(command, tmp_path, {key: value})
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert message in result.stderr and result.stdout == ""
    assert len(result.stderr.splitlines()) <= 2
    if "data: name" not in message:
        assert f"{key} in its config.json" in result.stderr
        got = len(value) if "one per output" in message else repr(value)
        assert f"got {got}; put it right or train again" in result.stderr
    assert json.loads((tmp_path / "run/config.json").read_text(encoding="utf-8"))[key] == value


@pytest.mark.parametrize("name", [5, None, [], np.float32(1)])
def test_a_data_set_has_a_string_for_a_name(name):
    with pytest.raises(TypeError, match="data: name must be a string, got .*; choose one of dig"):
        data.load(name)
