"""The command line: what a newcomer types, and what they get to read when it is wrong."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import click.testing
import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn import data, kernels, models, train, weights
from minicnn.cli import main
from minicnn.data import Dataset, digits, presets
from minicnn.kernels import override

from .test_cli_picture import save_picture

FAST = ("--kernels", "numpy")


def run(*args: object, code: int = 0) -> click.testing.Result:
    result = click.testing.CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, (result.output, result.exception)
    assert "\x1b" not in result.output and "Traceback" not in result.output
    return result


def process(*args: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "minicnn", *map(str, args)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **{"encoding": "utf-8"} | options,
    )  # fmt: skip


def prepared(dataset: Dataset) -> np.ndarray:
    """All images as the network of a run takes them."""
    images = next(iter(data.DataLoader(dataset, len(dataset))))[0]
    return presets.get("digits").normalize(np.round(images * 255) / np.float32(255))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of four epochs."""
    out = tmp_path_factory.mktemp("cli") / "run"
    run("train", "--epochs", 4, "--out", out, *FAST)
    return out


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# The main road


def test_train_without_arguments_reads_digits(here):
    """The promise of the README: at least 98 % of the test images."""
    result = run("train", *FAST)
    *_, accuracy, folder = result.stdout.splitlines()
    assert folder == f"run folder {Path('runs/digits-lenet5_small-001')}"
    run_folder = here / folder.removeprefix("run folder ")
    assert {path.name for path in run_folder.iterdir()} == {
        ".lock", "config.json", "metrics.csv", "best.safetensors", "last.safetensors", "test.json",
        "report.html", "curves.png", "confusion.png", "classes.png", "calibration.png",
        "scores.png", "roc.png", "pr.png", "mistakes.png",
    }  # fmt: skip
    assert "doctor" not in result.output and "overfitting" not in result.output
    report = (run_folder / "report.html").read_text(encoding="utf-8")
    assert f"lenet5_small on digits: {accuracy.partition(' after')[0]}" in report
    assert "What was learnt holds for new images." in report and report.count("<img") == 8
    history = train.read_csv(run_folder / "metrics.csv")
    assert len(history) == 24 and history[-1].val_accuracy >= 0.97
    measured = json.loads((run_folder / "test.json").read_text(encoding="utf-8"))
    assert measured["accuracy"] >= 0.98 and measured["images"] == "test"
    assert accuracy.startswith(f"test accuracy {measured['accuracy']:.2%} (")
    model = models.create("lenet5_small")
    train.load_weights(run_folder, model)
    p = train.predict(model, prepared(digits("test")))
    assert (p.argmax(1) == digits("test").labels).mean() == measured["accuracy"]
    for name in ("curves.png", "confusion.png"):
        with Image.open(run_folder / name) as image:
            assert min(image.size) > 500


def test_the_same_seed_gives_the_same_run(here):
    def numbers(name: str, *options: object) -> list[list[str]]:
        run("train", "--epochs", 1, "--out", name, *options, *FAST)
        with (here / name / "metrics.csv").open(encoding="utf-8", newline="") as file:
            return [row[:-1] for row in csv.reader(file)]

    assert numbers("a", "--seed", 3) == numbers("b", "--seed", 3) != numbers("c", "--seed", 4)
    assert (here / "a" / "best.safetensors").read_bytes() == (
        here / "b" / "best.safetensors"
    ).read_bytes()


def test_the_command_is_these_calls(here):
    run("train", "--epochs", 2, "--seed", 3, "--out", "r", *FAST)
    config = train.read_config("r")
    minicnn.manual_seed(3)
    model = models.create("lenet5_small", num_classes=10, in_channels=1)
    optimizer = minicnn.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    train_set, val_set = data.train_val_split(digits("train"), 0.1, 3)
    preset = presets.get("digits")
    trainer = train.Trainer(
        model, optimizer, seed=3,
        schedule=minicnn.optim.OneCycleLR(optimizer, 0.01, 28, cycle_momentum=False),
        loss=lambda y, t: minicnn.ops.cross_entropy(y, t, label_smoothing=0.1),
    )  # fmt: skip
    with kernels.use_kernels("numpy"):
        trainer.fit(
            train.training_loader(train_set, 96, 3, augment=preset.augment),
            data.DataLoader(val_set, 256, augment=preset.normalize), epochs=2,
        )  # fmt: skip
    saved = models.create(config["model"], **config["model_options"])
    train.load_weights("r", saved)
    for name, array in model.state_dict().items():
        assert np.array_equal(saved.state_dict()[name], array), name


def test_options_reach_the_training(here):
    out = run(
        "train", "--epochs", 2, "--batch-size", 200, "--lr", 0.5, "--optimizer", "sgd", "--seed", 5,
        "--model", "lenet5_small", "--out", "r", *FAST,
    ).stdout  # fmt: skip
    config = json.loads((here / "r" / "config.json").read_text(encoding="utf-8"))
    expected = {"epochs": 2, "batch_size": 200, "lr": 0.5, "optimizer": "sgd", "seed": 5,
                "kernels": "numpy", "device": "cpu", "data": "digits"}  # fmt: skip
    assert {name: config[name] for name in expected} == expected
    assert "2 x 1,293 images, sgd, seed 5, numpy kernels" in out
    assert kernels.current_kernels() == "numba"  # the choice was the command's, not the process's


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad"])
def test_every_optimizer_learns_with_its_default_rate(here, optimizer):
    run("train", "--epochs", 4, "--batch-size", 16, "--optimizer", optimizer, "--out", "r", *FAST)
    assert json.loads((here / "r" / "test.json").read_text(encoding="utf-8"))["accuracy"] > 0.7


def test_evaluate_prints_what_the_training_measured(trained):
    result = run("evaluate", trained, *FAST)
    last = json.loads((trained / "test.json").read_text(encoding="utf-8"))
    assert f"test loss {last['loss']:.4f} (cross-entropy with label smoothing 0.1)" in result.stdout
    assert f"test accuracy {last['accuracy']:.2%} (" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines() if line[:1].isdigit()]
    test_set = digits("test")
    assert [row[0] for row in rows] == list("0123456789")
    assert [int(row[1]) for row in rows] == np.bincount(test_set.labels).tolist()
    assert sum(int(row[2]) for row in rows) == round(last["accuracy"] * 360)


# Pictures


def test_predict_names_the_digit(trained, tmp_path):
    model = models.create("lenet5_small")
    train.load_weights(trained, model)
    test_set = digits("test")
    p = train.predict(model, prepared(test_set)[:6])
    i = int(p.max(1).argmax())  # one that the net is sure of
    label = save_picture(tmp_path / "plain.png", i)
    save_picture(tmp_path / "paper.png", i, scale=12, invert=True)
    result = run(
        "predict", trained, tmp_path / "plain.png", tmp_path / "paper.png", "--top", 2, *FAST
    )
    lines = result.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 'plain.png'}: {label}"
    best = np.argsort(-p[i])[:2]
    assert [line.split() for line in lines[1:3]] == [[str(k), f"{p[i, k]:.2%}"] for k in best]
    assert [line.split() for line in lines[4:]] == [line.split() for line in lines[1:3]]
    assert lines[3] == (
        f"{tmp_path / 'paper.png'}: {label}  "
        "(dark strokes on a light ground: inverted, scaled from 96x96 to 8x8)"
    )


# Looking inside


def test_summary_counts(tmp_path):
    lines = run("summary", "lenet5").stdout.splitlines()
    cells = {line.split()[0]: line.split() for line in lines if line.strip()}
    assert cells["c3"] == ["c3", "Conv2d", "16x10x10", "2,416", "240,000", "6,400", "60,000"]
    assert cells["total"] == ["total", "61,706", "416,520", "58,408", "78,400"]
    wide = run("summary", "lenet5", "--input", "3x28x28").stdout
    assert f"{6 * (3 * 25 + 1)}" in wide and "3x28x28" in wide


def test_gradcheck_prints_ops_and_finds_a_wrong_kernel():
    rows = run("gradcheck", "relu", "equal", "conv2d", *FAST).stdout.splitlines()
    assert rows[2].split()[:3] == ["relu", "ok", "ok"] and "no gradient" in rows[3]
    assert rows[-1] == "3 ops, 0 wrong, numpy kernels"
    right = kernels.kernel_set("numpy").conv2d_weight_grad
    with override(conv2d_weight_grad=lambda *args: 2 * right(*args)):
        result = run("gradcheck", "relu", "conv2d", *FAST, code=1)
    assert "WRONG" in result.stdout and "gradcheck of conv2d: WRONG" in result.stderr
    assert "relative error 5.0e-01" in result.stderr


def test_info_answers_a_teachers_first_question():
    out = run("info").stdout
    for text in (minicnn.__version__, np.__version__, sys.executable, "kernel sets", "BLAS",
                 "GPU", "MINICNN_DATA", "data: mnist", "data: digits"):  # fmt: skip
        assert text in out, text


# Bad input: one or two lines, the right exit code, nothing lost


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("train", "--lr", "-1"), 2, "-1.0 is not in the range x>0"),
        (("train", "--lr", "nan"), 1, "lr must be"),
        (("train", "--epochs", "0"), 2, "0 is not in the range x>=1"),
        (("train", "--batch-size", "many"), 2, "'many' is not a valid integer"),
        (("train", "--data", "imagenet"), 1, "data: name must be one of"),
        (("train", "--model", "lenet"), 1, "got 'lenet'; did you mean lenet5 or lenet5_small?"),
        (("train", "--model", "mnist_cnn"), 1, "mnist_cnn: the images of digits (1, 8, 8) must"),
        (("train", "--data", "mnist", "--data-dir", "."), 1, "mnist: folder . must hold train-im"),
        (("train", "--out", "file.txt"), 1, "got one that holds a file"),
        (("train", "--out", "."), 1, "got one that holds other files; choose another name"),
        (("evaluate", "runs/none"), 1, "a run folder must hold config.json, got no such folder"),
        (("evaluate", "."), 1, "got a folder without it"),
        (("predict", "."), 2, "Missing argument 'IMAGE...'"),
        (("predict", "none", "file.txt"), 1, "nor a run folder"),
        (("models", "resnet51"), 1, "got 'resnet51'; did you mean resnet56 or resnet50"),
        (("draw", "resnet18", "--out", "file.txt"), 1, "must end in .svg, got file.txt"),
        (("draw", "resnet18", "--out", "none/a.svg"), 1, "none/a.svg: the folder must exist"),
        (("predict", "resnt50", "file.txt"), 1, "got 'resnt50'; did you mean resnet50"),
        (("predict", "resnet50", "file.txt"), 1, "file.txt: must be a whole image file"),
        (("parity", "resnt50"), 1, "got 'resnt50'; did you mean resnet50"),
        (("parity", "resnet20", "--weights", "a.pth"), 1, "the path of a file; none is"),
        (("summary", "resnet19"), 1, "model: name must be one of 61, got 'resnet19'; did"),
        (("summary", "lenet5", "--input", "1,28"), 2, "must be channels,height,width such as 1,2"),
        (("summary", "lenet5", "--input", "1,8,8"), 1, "images must be (N, C, 28, 28), got"),
        (("summary", "vgg11", "--input", "3,9999999999,9999999999"), 1, "choose a smaller size"),
        (("gradcheck", "convolution"), 1, "gradcheck: no op is called 'convolution'"),
        (("fit",), 2, "No such command 'fit'"),
    ],
)  # fmt: skip
def test_bad_input(here, args, code, message):
    (here / "file.txt").write_text("mine", encoding="utf-8")
    result = run(*args, code=code)
    assert message in result.stderr and result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) <= 2 or code == 2
    assert [path.name for path in here.iterdir()] == ["file.txt"]  # and no run folder was made
    assert (here / "file.txt").read_text(encoding="utf-8") == "mine"


def test_no_gpu_is_said(here):
    if _has_gpu():
        pytest.skip("only where there is no GPU")
    result = run("train", "--device", "cuda", code=1)
    assert "cuda" in result.stderr and 'device "cpu"' in result.stderr


def _has_gpu() -> bool:
    try:
        minicnn.Tensor([1.0]).to("cuda")
    except RuntimeError:
        return False
    return True


def test_what_is_no_picture(trained, tmp_path):
    text, cut = tmp_path / "a.png", tmp_path / "cut.png"
    text.write_text("no picture", encoding="utf-8")
    save_picture(cut, scale=20)
    cut.write_bytes(cut.read_bytes()[:-200])
    for path, message in (
        (text, "must be a whole image file (PNG, JPEG, ...), got something else"),
        (cut, "must be a whole image file"),
        (tmp_path / "none.png", "must be an image file, got no such file"),
        (tmp_path, "must be an image file, got a folder"),
    ):
        result = run("predict", trained, path, *FAST, code=1)
        assert result.stderr.startswith(f"minicnn: {path}: {message}"), result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_weights_of_another_model(trained, tmp_path):
    train.create_run(json.loads((trained / "config.json").read_text(encoding="utf-8")), "",
                     tmp_path / "mixed")  # fmt: skip
    result = run("evaluate", tmp_path / "mixed", code=1)
    assert "its training saved none yet" in result.stderr
    path = tmp_path / "mixed" / "best.safetensors"
    weights.save(path, models.create("lenet5").state_dict())
    result = run("evaluate", tmp_path / "mixed", code=1)
    first, second = result.stderr.splitlines()
    assert "best.safetensors: must be the weights of the network in config.json" in first
    assert "c1.weight" in second and "more lines, shown with --debug" in second
    path.write_bytes(b"cut")
    result = run("predict", tmp_path / "mixed", "a.png", code=1)
    assert "must be a whole, undamaged .safetensors file" in result.stderr


def test_a_config_with_nonsense(trained, tmp_path):
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    changes = (
        ({"model": "../../etc"}, "got '../../etc'"),
        ({"model": 3}, "model: name must be one of"),
        (
            {"model_options": {"depth": 9}},
            "must name a model and options; create: the options of lenet5_small must be among num",
        ),
        ({"model_options": 7}, "config.json must name a model and options"),
        ({"data": "faces"}, "data: name must be one of"),
    )
    for i, (change, message) in enumerate(changes):
        folder = tmp_path / str(i)
        train.create_run(config | change, "", folder)
        (folder / "best.safetensors").write_bytes((trained / "best.safetensors").read_bytes())
        assert message in run("evaluate", folder, code=1).stderr


def test_no_data_and_no_network(here, monkeypatch):
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    module = sys.modules["minicnn.data.source"]
    monkeypatch.setattr(module, "cache_folder", lambda name: here / "cache" / name)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    result = run("train", "--data", "mnist", code=1)
    assert "check the network connection" in result.stderr
    assert "set MINICNN_DATA to the folder" in result.stderr
    assert not (here / "runs").exists()


def test_models_are_listed(here):
    lines = run("models").stdout.splitlines()
    row = next(line for line in lines if line.startswith("resnet50 ")).split()
    assert row[:6] == ["resnet50", "2015", "25,557,032", "4,089,184,256", "3x224x224", "76.13"]
    assert row[6:] == ["ImageNet-1K", "IMAGENET1K_V1,", "IMAGENET1K_V2"]
    assert len([line for line in lines if "x" in line and line[0].isalpha()]) >= 61
    text = " ".join(run("models", "resnet50").stdout.split())
    assert "paper K. He, X. Zhang, S. Ren, J. Sun" in text
    assert "what differs blocks of three" in text


def test_the_summary_of_a_large_model_ends_with_its_totals(here):
    lines = run("summary", "vgg19").stdout.splitlines()
    total = next(line for line in lines if line.startswith("total")).split()
    assert total[1:3] == ["143,667,240", "19,632,062,464"]


def test_a_nan_loss_stops_with_two_lines(here):
    result = run("train", "--lr", "1e30", "--out", "r", *FAST, code=1)
    first, second = result.stderr.splitlines()
    assert first.startswith("minicnn: fit: the loss must be finite, got ")
    assert "epoch 1, step 2 of 14; the first layer at fault is" in first
    assert second.startswith("Lower the learning rate (now ")


def test_debug_shows_where(here):
    for args in (("--debug", "summary", "resnet1"), ("summary", "resnet1x", "--debug")):
        result = click.testing.CliRunner().invoke(main, args)
        assert isinstance(result.exception, ValueError) and result.exc_info is not None


# As a process: python -m, code pages, pipes, Ctrl-C


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_any_code_page_will_do(encoding, trained, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    picture = tmp_path / "größe×.png"
    save_picture(picture)
    for args in (
        ("predict", trained, picture),
        ("evaluate", trained, *FAST),
        ("summary", "größe×"),
    ):
        with process(*args, env=environment, encoding=encoding, errors="replace") as p:
            out, err = p.communicate(timeout=60)
        assert "Traceback" not in err and "\x1b" not in out
        assert p.returncode == (1 if "größe×" in args else 0)


def test_ctrl_c_elsewhere(monkeypatch):
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("minicnn.cli.gradcheck.check_ops", press)
    assert run("gradcheck", code=130).stderr == "minicnn: interrupted\n"
