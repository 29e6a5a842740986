"""What `train` and `evaluate` say, keep and draw of a network's worth; `find-lr`."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicnn import data, models, train

from .test_cli import FAST, prepared, run
from .test_cli_train import SMALL, draw

sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results") / "r"
    run("train", "--epochs", 3, "--out", out, *FAST)
    return out


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept(folder: Path | str) -> dict:
    return json.loads(Path(folder, "test.json").read_text(encoding="utf-8"))


def report(folder: Path | str) -> str:
    return Path(folder, "report.html").read_text(encoding="utf-8")


def test_the_numbers_are_those_of_scikit_learn(trained):
    model, test_set = models.create("lenet5_small"), data.digits("test")
    train.load_weights(trained, model)
    p = train.predict(model, prepared(test_set)).astype(np.float64)
    p /= p.sum(1, keepdims=True)  # they came in float32
    truth, guess = test_set.labels, p.argmax(1)
    out = run("evaluate", trained, *FAST).stdout
    rows = [line.split() for line in out.splitlines() if line[:1].isdigit()]
    scores = np.array([row[3:6] for row in rows], float)
    reference = sk.precision_recall_fscore_support(truth, guess, zero_division=0)
    np.testing.assert_allclose(scores.T, reference[:3], atol=5e-5)
    assert [int(row[1]) for row in rows] == reference[3].tolist()
    numbers = kept(trained)
    assert f"test F1 macro {sk.f1_score(truth, guess, average='macro'):.4f}" in out
    assert numbers["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, guess))
    assert numbers["log_loss"] == pytest.approx(sk.log_loss(truth, p), rel=1e-4)
    area = sk.roc_auc_score(truth, p, multi_class="ovr")
    assert numbers["roc_auc_macro"] == pytest.approx(area, abs=1e-4)


def test_evaluate_writes_only_where_it_is_told(trained, here):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    run("evaluate", trained, *FAST)
    assert list(here.iterdir()) == []
    out = run("evaluate", trained, "--out", "new", *FAST).stdout
    assert f"report in {Path('new/report.html')}" in out
    assert {path.name for path in Path("new").iterdir()} == {
        name for name in before if name.endswith((".png", ".html"))
    }
    assert report("new").count("<img") == report(trained).count("<img") == 8
    assert "All 3 epochs" in report("new")
    Path("mine").mkdir()
    Path("mine/report.html").write_text("mine", encoding="utf-8")
    error = run("evaluate", trained, "--out", "mine", *FAST, code=1).stderr
    assert "mine: --out must be a new or empty folder" in error
    assert report("mine") == "mine"
    assert before == {path.name: path.read_bytes() for path in trained.iterdir()}
    run("evaluate", trained, "--out", trained, *FAST)  # draws anew


def test_a_run_is_whole_without_its_pictures(here, monkeypatch):
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib.figure", None)
        result = run("train", "--epochs", 1, "--schedule", "none", "--out", "r", *FAST)
    assert "run folder r" in result.stdout
    first, second = result.stderr.splitlines()
    assert first.startswith("minicnn: the report was not drawn: ModuleNotFoundError")
    assert second.endswith("draw it with: minicnn evaluate r --out r")
    assert 0 < kept("r")["accuracy"] < 1 and not Path("r/report.html").exists()
    run("train", "--resume", "r")  # has nothing left to do but to draw
    assert Path("r/report.html").exists() and len(train.read_csv("r/metrics.csv")) == 1
    assert "the run is complete" in run("train", "--resume", "r").stdout


def test_the_doctor_speaks_and_is_kept(here):
    wild = ("--optimizer", "sgd", "--lr", 2.0, "--schedule", "none", "--batch-size", 16,
            "--epochs", 4, *FAST)  # fmt: skip
    lines = run("train", "--out", "a", *wild).stdout.splitlines()
    said = [line for line in lines if line.startswith("doctor, step ")]
    assert len(said) == 1 and "learning rate too high: " in said[0] and " Try: lr=0.2" in said[0]
    assert any(text.startswith("learning rate too high: ") for text in kept("a")["advice"])
    assert "learning rate too high" in report("a")
    run("evaluate", "a", "--out", "b", *FAST)
    assert "learning rate too high" in report("b")
    silent = run("train", "--out", "c", "--no-doctor", *wild).stdout
    assert "doctor" not in silent


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Two classes with three files that are no images, which both parts of a split have."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("broken") / "photos"
    for i in range(24):
        draw(root / "blue" / f"{i:02}.png", {"blue"}, rng)
        draw(root / "red" / f"{i:02}.png", {"red"}, rng)
    for name in ("blue/03", "red/07", "red/11"):
        (root / f"{name}.png").write_bytes(b"no image")
    _, val = data.train_val_split(data.ImageFolder(root), 0.5, 0)
    lost = sum(Path(val.source(i)).read_bytes() == b"no image" for i in range(len(val)))
    assert 0 < lost < 3, "choose other files"
    return root


BROKEN = ("--epochs", 2, "--out", "r", *SMALL[:4], "--val-fraction", 0.5, *FAST)


def test_files_that_are_no_images_end_a_training_in_one_line(photos, here):
    error = run("train", "--data", photos, *BROKEN, code=1).stderr
    assert len(error.splitlines()) == 1 and "must be a whole image file" in error
    assert ".png: " in error and error.rstrip().endswith("(--on-error skip)")
    assert "left out" in run("train", "--resume", "r", "--on-error", "skip").stdout


def test_files_that_are_no_images_are_left_out_and_named(photos, here):
    out = run("train", "--data", photos, "--on-error", "skip", *BROKEN).stdout
    names = {str(photos / name) for name in ("blue/03.png", "red/07.png", "red/11.png")}
    at = out.splitlines().index("left out, since they cannot be read: 3 files")
    assert {line.strip() for line in out.splitlines()[at + 1 : at + 4]} == names
    numbers = kept("r")
    assert set(numbers["skipped"]) == names and 20 < numbers["n"] < 24
    assert "3 files could not be read, left out: " in report("r")
    again = run("evaluate", "r", *FAST).stdout
    lost = 24 - numbers["n"]
    assert f"left out, since they cannot be read: {lost} file" in again
    assert f"of {numbers['n']} images)" in again


def test_several_labels_have_numbers_of_their_own(here):
    rng, lines = np.random.default_rng(0), ["file,red,blue"]
    for i in range(16):
        colours = [{"red", "blue"}, {"red"}, {"blue"}, set()][i % 4]
        draw(here / f"{i}.png", colours, rng)
        lines.append(f"{i}.png,{int('red' in colours)},{int('blue' in colours)}")
    Path("t.csv").write_text("\n".join(lines), encoding="utf-8")
    run("train", "--data", "t.csv", "--epochs", 1, "--out", "r", *SMALL)
    lines = run("evaluate", "r", *FAST).stdout.splitlines()
    head = "label images with it found false alarms precision recall F1".split()
    assert lines[0].split() == head and [line.split()[0] for line in lines[2:4]] == ["red", "blue"]
    assert any(line.startswith("validation hamming loss ") for line in lines)
    assert any(line.endswith("images with all labels right)") for line in lines)
    assert not Path("r/confusion.png").exists() and Path("r/classes.png").exists()


def test_find_lr_says_how_to_train(here):
    options = ("--batch-size", 32, "--optimizer", "adam", "--focal", *FAST)
    first, second, third = run("find-lr", *options).stdout.splitlines()
    assert first.startswith("learning rate ") and second == "curve in lr.png"
    command = third.removeprefix("train with it: minicnn train ").split()
    assert sorted(command[:-2]) == sorted(map(str, options))
    assert 1e-4 < float(command[-1]) < 0.1 and first.startswith(f"learning rate {command[-1]}: ")
    assert [path.name for path in here.iterdir()] == ["lr.png"]
    with Image.open("lr.png") as image:
        assert image.format == "PNG"
    run("train", *command, "--epochs", 2, "--out", "r")
    assert train.read_csv("r/metrics.csv")[-1].val_accuracy > 0.5


def test_find_lr_refuses(here):
    Path("thesis.png").write_text("mine", encoding="utf-8")
    for args, message in (
        (("--out", "thesis.png"), "must be a PNG file or new"),
        (("--out", "lr.pdf"), "the picture must end in .png, got lr.pdf"),
        (("--data", "imagenet"), "data: name must be one of"),
        (("--task", "binary"), "--task binary needs 2 classes, got 10"),
    ):
        error = run("find-lr", *args, *FAST, code=1).stderr
        assert message in error and len(error.splitlines()) == 1
    assert [path.name for path in here.iterdir()] == ["thesis.png"]
