"""Pictures of metrics: the right content in the right places, at any number of classes."""

import numpy as np
import pytest

from minicnn import viz
from minicnn.train import Epoch, metrics

from .test_viz import colours, pixels

HOSTILE = [
    "<script>alert(1)</script>",
    "price $5 & $x^2$ \\frac{",
    "日本",
    "line\nbreak",
    "",
    "a" * 300,
]
BLUE, ORANGE = (31, 95, 153), (217, 114, 43)


def judged(k: int, n: int = 300, names: list[str] | None = None) -> metrics.Metrics:
    rng = np.random.default_rng(k)
    true, z = rng.integers(0, k, n), rng.standard_normal((n, k))
    z[np.arange(n), true] += 2
    found = metrics.Metrics("multiclass", names or [f"class {i}" for i in range(k)])
    found.update(true, z)
    return found


def curve(points: int, name: str = "a") -> viz.Curve:
    line = np.linspace(0, 1, points)
    return viz.Curve(name, line, line**0.5, 0.7)


@pytest.mark.parametrize("k, normalize", [(1, False), (2, True), (20, True), (160, False)])
def test_confusion_of_any_number_of_classes(tmp_path, k, normalize):
    found = judged(k)
    viz.plot_confusion(found.confusion, found.classes, tmp_path / "c.png", normalize=normalize)
    height, width, _ = pixels(tmp_path / "c.png").shape
    assert 500 < height == width < 3600


def test_the_same_confusion_gives_the_same_file(tmp_path):
    for name in "ab":
        viz.plot_confusion(np.eye(4, dtype=int), list("abcd"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    viz.plot_confusion(3 * np.eye(4, dtype=int), list("abcd"), tmp_path / "c", normalize=True)
    viz.plot_confusion(3 * np.eye(4, dtype=int), list("abcd"), tmp_path / "d")
    assert (tmp_path / "c").read_bytes() != (tmp_path / "d").read_bytes()


def test_hostile_names_are_drawn_as_they_stand(tmp_path):
    found = judged(len(HOSTILE), names=HOSTILE)
    viz.plot_confusion(found.confusion, HOSTILE, tmp_path / "c.png")
    viz.plot_classes(found.table(), tmp_path / "t.png")
    viz.plot_roc([curve(5, name) for name in HOSTILE], tmp_path / "r.png")
    viz.plot_scores(dict.fromkeys(HOSTILE[:2], np.ones(3)), tmp_path / "s.png", label=HOSTILE[1])
    image = [np.zeros((4, 4, 3))]
    for name in HOSTILE:
        viz.plot_mistakes(image, [name], [name], [name], tmp_path / "m.png")
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("plot", [viz.plot_roc, viz.plot_pr])
def test_curves_of_few_and_of_many(tmp_path, plot):
    plot([curve(9)], tmp_path / "one.png")
    plot([curve(9, f"class {i}") for i in range(120)], tmp_path / "many.png")
    assert (0, 114, 178) in colours(tmp_path / "one.png")
    nowhere = curve(3)._replace(area=float("nan"))
    plot([nowhere, curve(9)], tmp_path / "left out.png")
    assert pixels(tmp_path / "left out.png").shape == pixels(tmp_path / "one.png").shape
    for none in ([], [nowhere]):
        with pytest.raises(ValueError, match="evaluate on more samples"):
            plot(none, tmp_path / "none.png")


def test_a_perfect_forecast_has_no_gap(tmp_path):
    sure = metrics.reliability_bins([0, 1] * 20, np.array([0.0, 1.0] * 20))
    viz.plot_reliability(sure, tmp_path / "r.png")
    image = pixels(tmp_path / "r.png")
    assert BLUE in colours(tmp_path / "r.png")
    orange = (image == ORANGE).all(axis=2).sum()
    wrong = metrics.reliability_bins([1, 0] * 20, np.array([0.05, 0.95] * 20))
    viz.plot_reliability(wrong, tmp_path / "w.png")
    assert (pixels(tmp_path / "w.png") == ORANGE).all(axis=2).sum() > orange + 1000
    with pytest.raises(ValueError, match="got none"):
        viz.plot_reliability(metrics.Calibration().compute(), tmp_path / "n.png")


def test_scores_of_one_and_two_groups(tmp_path):
    rng = np.random.default_rng(0)
    two = {"right": rng.random(50), "wrong": rng.random(3)}
    viz.plot_scores(two, tmp_path / "two.png")
    viz.plot_scores(two | {"wrong": []}, tmp_path / "one.png")
    assert BLUE in colours(tmp_path / "one.png") and ORANGE not in colours(tmp_path / "one.png")
    assert {BLUE, ORANGE} <= colours(tmp_path / "two.png")
    for groups in ({}, {"right": []}, {"a": [0.1], "b": [0.2], "c": []}):
        with pytest.raises(ValueError, match="one or two groups"):
            viz.plot_scores(groups, tmp_path / "none.png")


@pytest.mark.parametrize("k", [1, 5, 100])
def test_classes_of_any_number(tmp_path, k):
    viz.plot_classes(judged(k).table(), tmp_path / "t.png")
    assert 250 < len(pixels(tmp_path / "t.png")) < 2200
    with pytest.raises(ValueError, match="at least one class"):
        viz.plot_classes([], tmp_path / "n.png")


def test_mistakes_of_all_kinds_of_images(tmp_path):
    rng = np.random.default_rng(0)
    images = [
        rng.random((8, 12, 3)).astype(np.float32), np.full((300, 20, 3), 255, np.uint8),
        rng.random((28, 28, 1)), np.zeros((28, 28), np.uint8), np.zeros((1, 1, 3), np.uint8),
    ]  # fmt: skip
    words = [str(i) for i in range(5)]
    viz.plot_mistakes(images, words, words, words, tmp_path / "m.png")
    with pytest.raises(ValueError, match="a truth, a guess and a note each"):
        viz.plot_mistakes(images, words, words, words[1:], tmp_path / "n.png")
    with pytest.raises(ValueError, match="there must be images"):
        viz.plot_mistakes([], [], [], [], tmp_path / "n.png")


def test_runs_side_by_side(tmp_path):
    row = Epoch(1, 2.0, 0.5, 1.8, 0.6, 0.1, 1.0)
    runs = {f"run {i}": [row, row._replace(epoch=2, val_loss=1 / (i + 1))] for i in range(12)}
    runs["no validation"] = [row._replace(val_loss=None, val_accuracy=None)]
    viz.plot_runs(runs | {"empty": []}, tmp_path / "r.png")
    assert {(0, 114, 178), (213, 94, 0)} <= colours(tmp_path / "r.png")
    with pytest.raises(ValueError, match="must have epochs"):
        viz.plot_runs({"empty": []}, tmp_path / "n.png")
