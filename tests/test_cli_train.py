"""`minicnn train` on data and tasks of one's own, resume, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicnn import train, weights

from .test_cli import FAST, run


def draw(path: Path, colours: set[str], rng: np.random.Generator) -> None:
    """A noisy square of 32 pixels, its upper half red and its lower half blue, or dark."""
    pixels = rng.integers(0, 60, (32, 32, 3), np.uint8)
    if "red" in colours:
        pixels[:16, :, 0] += 190
    if "blue" in colours:
        pixels[16:, :, 2] += 190
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """A folder with two classes and a table with two labels."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("photos")
    lines = ["file,red,blue"]
    for i in range(24):
        draw(root / "folder" / "blue" / f"{i}.png", {"blue"}, rng)
        draw(root / "folder" / "red" / f"{i}.png", {"red"}, rng)
        colours = [{"red", "blue"}, {"red"}, {"blue"}, set()][i % 4]
        draw(root / f"{i}.png", colours, rng)
        lines.append(f"{i}.png,{int('red' in colours)},{int('blue' in colours)}")
    (root / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return root


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


SMALL = ("--model", "resnet20", "--batch-size", 8, "--val-fraction", 0.25, *FAST)


def config_of(folder: str) -> dict:
    return json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))


def test_a_folder_as_a_binary_task(photos, here):
    out = run(
        "train", "--data", photos / "folder", "--task", "binary", "--epochs", 8,
        "--out", "r", "--class-weights", "balanced", "--workers", 2, *SMALL,
    ).stdout  # fmt: skip
    assert "resnet20" in out and "on folder: 8 x 36 images" in out
    assert "validation accuracy " in out and "(12 of 12 images)" in out
    config = config_of("r")
    assert config["task"] == "binary" and config["classes"] == ["blue", "red"]
    assert config["model_options"] == {"num_classes": 1, "in_channels": 3}
    assert "(12 of 12 images)" in run("evaluate", "r", *FAST).stdout
    for i, name in enumerate(("blue", "red")):
        lines = run("predict", "r", photos / "folder" / name / "0.png", *FAST).stdout.splitlines()
        assert lines[0].endswith(f"0.png: {name}") and len(lines) == 2
        label, p = lines[1].split()
        assert label == "red" and (float(p.rstrip("%")) > 50) == bool(i)


def test_a_table_as_a_multilabel_task(photos, here):
    run("train", "--data", photos / "table.csv", "--epochs", 6, "--out", "r", *SMALL)
    assert config_of("r")["task"] == "multilabel"
    table = run("evaluate", "r", *FAST).stdout.splitlines()
    assert table[0].split()[:4] == ["label", "images", "with", "it"]
    assert [line.split()[0] for line in table[2:4]] == ["red", "blue"]
    lines = run("predict", "r", photos / "0.png", photos / "3.png", *FAST).stdout.splitlines()
    assert lines[0].endswith(("0.png: red, blue", "0.png: blue, red"))
    assert lines[3].endswith("3.png: none of the labels")


def test_options_of_the_loss_train(here):
    for i, extra in enumerate((
        ("--mixup", 0.4, "--cutmix", 1.0, "--clip", 1.0, "--ema", 0.9),
        ("--focal", "--schedule", "cosine"),
        ("--balanced", "--class-weights", "balanced", "--schedule", "step"),
        ("--tensorboard", "--schedule", "none", "--patience", 1, "--val-fraction", 0.3),
    )):  # fmt: skip
        run("train", "--epochs", 1, "--out", i, *extra, *FAST)
        assert len(train.read_csv(here / str(i) / "metrics.csv")) == 1
    assert list((here / "3" / "tensorboard").iterdir())


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run of one epoch whose schedule has no end."""
    folder = tmp_path_factory.mktemp("finished") / "r"
    run("train", "--epochs", 1, "--schedule", "none", "--out", folder, *FAST)
    return folder


def test_more_epochs(finished, here):
    shutil.copytree(finished, "r")
    run("train", "--resume", "r", "--epochs", 2)
    run("train", "--epochs", 2, "--schedule", "none", "--out", "whole", *FAST)
    a, b = (weights.load(here / name / "last.safetensors", prefix="model.")
            for name in ("r", "whole"))  # fmt: skip
    assert all(np.array_equal(a[name], b[name]) for name in b)
    assert config_of("r")["epochs"] == 2
    assert "the run is complete, all 2 epochs are done" in run("train", "--resume", "r").stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--lr", 0.5), "a run goes on with its own options, got --lr 0.5 instead of 0.01"),
        (("--model", "lenet5"), "got --model lenet5 instead of lenet5_small"),
        (("--data", "mnist"), "got --data mnist instead of digits"),
        (("--seed", 1), "got --seed 1 instead of 0"),
        (("--kernels", "numba"), "got --kernels numba instead of numpy"),
        (("--mixup", 1), "got --mixup 1.0 instead of None"),
    ],
)
def test_a_resume_with_other_options(finished, here, args, message):
    before = {path.name: path.read_bytes() for path in finished.iterdir()}
    error = run("train", "--resume", finished, *args, code=1).stderr
    assert message in error and len(error.splitlines()) == 1
    assert before == {path.name: path.read_bytes() for path in finished.iterdir()}


def test_epochs_that_do_not_fit(here):
    run("train", "--epochs", 2, "--out", "r", *FAST)
    error = run("train", "--resume", "r", "--epochs", 3, code=1).stderr
    assert "--epochs must stay 2, where the learning rate of the schedule onecycle ends" in error
    error = run("train", "--resume", "r", "--epochs", 1, code=1).stderr
    assert "--epochs must be at least 2, as planned, got 1" in error


def test_a_resume_of_something_else(finished, here):
    assert "got no such folder" in run("train", "--resume", "none", code=1).stderr
    shutil.copytree(finished, "cut")
    Path("cut/last.safetensors").write_bytes(Path("cut/last.safetensors").read_bytes()[:1000])
    error = run("train", "--resume", "cut", "--epochs", 2, code=1).stderr
    assert "must be a whole, undamaged .safetensors file" in error
    shutil.copytree(finished, "other")
    run("train", "--epochs", 1, "--seed", 7, "--out", "seven", *FAST)
    shutil.copy("seven/last.safetensors", "other/last.safetensors")
    error = run("train", "--resume", "other", "--epochs", 2, code=1).stderr
    assert "must be of the run in config.json, got one with " in error


def test_a_resume_with_other_images(photos, here):
    shutil.copytree(photos / "folder", "mine")
    run("train", "--data", "mine", "--epochs", 1, "--schedule", "none", "--out", "r", *SMALL)
    Path("mine/red/0.png").unlink()
    error = run("train", "--resume", "r", "--epochs", 2, code=1).stderr
    assert "r: a run goes on with the same images and labels, got others in" in error


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--new-head",), "--new-head is for weights, got none; add --weights"),
        (("--task", "binary"), "--task binary needs 2 classes, got 10"),
        (("--task", "multilabel"), "--task multilabel does not fit, got images of one label"),
        (("--focal", "--mixup", 1), "--focal needs whole labels, got mixed ones"),
        (("--patience", 2, "--val-fraction", 0), "--patience needs validation images"),
        (("--data", "none.csv"), "none.csv"),
        (("--freeze", "nothing"), "nothing"),
    ],
)
def test_bad_options(here, args, message):
    error = run("train", *args, *FAST, code=1).stderr
    assert message in error and len(error.splitlines()) <= 2
    assert list(here.iterdir()) == []
