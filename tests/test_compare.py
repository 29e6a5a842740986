"""`minicnn compare`: runs side by side, and what it says of those that cannot be read."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from minicnn import models, weights
from minicnn.train import create_run, read_csv, write_csv
from minicnn.train.compare import latency, read_run
from minicnn.train.history import Epoch

from .test_cli import FAST, run


def make_run(folder: Path, model: str = "lenet5_small", data: str = "digits", epochs: int = 3,
             test: bool = True) -> Path:  # fmt: skip
    options = {"num_classes": 10, "in_channels": 1}
    shape = list(models.input_shape(model))
    config = {"model": model, "model_options": options, "data": data, "image_shape": shape}
    out = create_run(config, "x", folder)
    history = [
        Epoch(i, 2 / i, 0.5, 1.5 / i if test else None, 0.9 - i / 100 if test else None, 0.1, 40.0)
        for i in range(1, epochs + 1)
    ]
    weights.save(out / "best.safetensors", models.create(model, **options).state_dict())
    write_csv(history, out / "metrics.csv")
    return out


@pytest.fixture
def pair(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_run(Path("small"))
    make_run(Path("other"), "lenet5", "mnist", test=False)
    return tmp_path


def test_two_runs_in_a_table_and_a_picture(pair):
    result = run("compare", "small", "other", *FAST)
    head, _, first, second, *notes = result.stdout.splitlines()
    columns = ("run", "model", "data", "accuracy", "loss", "best", "epochs", "time",
               "parameters", "multiply-adds", "one image")  # fmt: skip
    assert " ".join(head.split()) == " ".join(columns)
    assert first.split()[:10] == [
        "small", "lenet5_small", "digits", "87.00%", "0.5000", "89.00%", "in", "1", "3", "2:00"
    ]  # fmt: skip
    small = sum(p.numel() for p in models.create("lenet5_small", in_channels=1).parameters())
    assert f"{small:,}" in first.split() and first.endswith(" ms")
    assert "50.00%*" in second.split() and f"{models.info('lenet5').multiply_adds:,}" in second
    assert notes[0].startswith("* of the training images")
    assert notes[1].startswith("these runs saw different images (digits, mnist)")
    assert notes[2] == "curves in compare.png"
    with Image.open(pair / "compare.png") as image:
        assert image.format == "PNG" and image.width > 1000


def test_runs_of_the_same_data_have_no_note(pair):
    result = run("compare", "small", "small", "--out", "two.png", *FAST)
    assert result.stdout.count("lenet5_small") == 1 and "different" not in result.stdout
    assert (pair / "two.png").exists() and not (pair / "compare.png").exists()


def damage(folder: Path, how: str) -> str:
    """Break a run; words that the message must hold."""
    config = json.loads((folder / "config.json").read_text())
    changes = {
        "model unknown": ({"model": "lenet7"}, "lenet7"),
        "model no text": ({"model": [1]}, "model in its config.json must be a str"),
        "option unknown": ({"model_options": {"wings": 2}}, "wings"),
        "shape": ({"image_shape": [1, 0, 8]}, "three positive integers"),
        "other classes": (
            {"model_options": {"num_classes": 7, "in_channels": 1}},
            "weights of the",
        ),
        "other images": ({"image_shape": [3, 8, 8]}, "other: LeNet5: images must be"),
    }
    if how in changes:
        change, words = changes[how]
        (folder / "config.json").write_text(json.dumps(config | change))
        return words
    if how == "no folder":
        shutil.rmtree(folder)
        return "no such folder"
    name = {"config": "config.json", "metrics": "metrics.csv"}.get(how.split()[0])
    path = folder / name if name else next(folder.glob("*.safetensors"))
    if how.endswith("missing"):
        path.unlink()
    elif how == "metrics empty":
        path.write_text(path.read_text().splitlines()[0] + "\n")
        return "must have epochs"
    else:
        path.write_bytes(path.read_bytes()[:40])
    return str(folder)


WAYS = (
    "model unknown", "model no text", "option unknown", "shape", "other classes", "other images",
    "no folder", "config missing", "config cut", "metrics missing", "metrics cut", "metrics empty",
    "weights missing", "weights cut",
)  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
def test_a_damaged_run_is_left_out_in_one_line(pair, how):
    words = damage(Path("other"), how)
    result = run("compare", "other", "small", *FAST)
    (line,) = result.stderr.splitlines()
    assert line.startswith("minicnn: left out: ") and words in line
    assert "small" in result.stdout and "lenet5 " not in result.stdout
    assert (pair / "compare.png").exists()


def test_no_run_at_all_is_an_error(pair):
    result = run("compare", "nowhere", *FAST, code=1)
    *_, last = result.stderr.splitlines()
    assert last == "minicnn: compare: at least one run must be readable, got none of 1"
    assert not (pair / "compare.png").exists()


def test_the_best_epoch_and_the_time(tmp_path):
    found = read_run(make_run(tmp_path / "r"))
    assert found.best == found.history[0] and found.seconds == 120
    assert found.history == read_csv(tmp_path / "r" / "metrics.csv")
    trained_only = read_run(make_run(tmp_path / "t", test=False))
    assert trained_only.best.train_accuracy == 0.5


def test_latency_leaves_the_model_as_it_was():
    model = models.create("lenet5_small")
    model.train()
    assert 0 < latency(model, (1, 8, 8), seconds=0.01) < 10 and model.training
