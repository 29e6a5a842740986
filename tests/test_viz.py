"""Pictures: the right content in the right places, the same bytes for the same numbers."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minicnn.train import Epoch
from minicnn.viz import plot_confusion, plot_history, plot_images


def history(n: int) -> list[Epoch]:
    return [Epoch(i, 2 / i, 1 - 0.9 / i, 2.1 / i, 1 - 0.8 / i, 0.1, 1.0) for i in range(1, n + 1)]


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def colours(path) -> set[tuple[int, ...]]:
    packed = np.unique(pixels(path) @ np.array([1 << 16, 1 << 8, 1]))
    return {(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in packed}


BLUE, GREY = (31, 95, 153), (154, 154, 154)


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_history_shows_both_curves(tmp_path, epochs):
    plot_history(history(epochs), tmp_path / "h.png")
    assert pixels(tmp_path / "h.png").shape == (540, 1350, 3)
    assert {BLUE, GREY} <= colours(tmp_path / "h.png")


def test_history_without_a_test_set_has_one_curve(tmp_path):
    rows = [row._replace(val_loss=None, val_accuracy=None) for row in history(5)]
    plot_history(rows, tmp_path / "h.png")
    assert GREY in colours(tmp_path / "h.png") and BLUE not in colours(tmp_path / "h.png")


def test_confusion_paints_every_cell_by_its_share(tmp_path):
    matrix = np.array([[4, 0, 0, 0], [0, 3, 1, 0], [0, 0, 4, 0], [2, 0, 0, 2]])
    plot_confusion(matrix, list("abcd"), tmp_path / "c.png")
    image = pixels(tmp_path / "c.png")
    rows, columns = np.nonzero((image == BLUE).all(axis=2))  # the full cells a and c
    side = (rows.max() - rows.min() + 1) / 3
    for i in range(4):
        for j in range(4):
            # a corner of the cell, where no number is written
            y = round(rows.min() + (i + 0.15) * side)
            x = round(columns.min() + (j + 0.15) * side)
            share = np.sqrt(matrix[i, j] / 4)
            full = np.array(BLUE if i == j else (217, 114, 43))
            assert abs(image[y, x] - (255 - share * (255 - full))).max() < 2, (i, j)


def test_many_classes_fit(tmp_path):
    plot_confusion(np.eye(31, dtype=int), [f"class {i}" for i in range(31)], tmp_path / "c.png")
    assert pixels(tmp_path / "c.png").shape == (2100, 2100, 3)


def test_images_are_shown_as_they_are(tmp_path):
    images = np.zeros((3, 3, 2, 2), np.float32)
    images[0, 0], images[1, 1], images[2, 2] = 1, 1, 0.2
    plot_images(images, ["red", "green", "dark blue"], tmp_path / "i.png")
    assert {(255, 0, 0), (0, 255, 0), (0, 0, 51)} <= colours(tmp_path / "i.png")
    plot_images(images[:, :1], ["1", "2", "3"], tmp_path / "g.png", columns=2)
    assert {(255, 255, 255), (0, 0, 0)} <= colours(tmp_path / "g.png")
    wide, narrow = (pixels(tmp_path / name).shape for name in ("i.png", "g.png"))
    assert wide[1] > narrow[1] and wide[0] < narrow[0]


def test_the_same_numbers_give_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        plot_history(history(3), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_no_screen_and_no_pyplot(tmp_path):
    code = (
        "import sys, numpy as np; from minicnn.viz import plot_confusion; "
        f"plot_confusion(np.eye(2, dtype=int), ['a', 'b'], {str(tmp_path / 'c.png')!r}); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="at least one epoch, got none"):
        plot_history([], tmp_path / "h.png")
    with pytest.raises(ValueError, match=r"must be \(3, 3\) for 3 classes, got \(2, 2\)"):
        plot_confusion(np.eye(2), list("abc"), tmp_path / "c.png")
    for images, labels in ((np.zeros((0, 1, 2, 2)), []), (np.zeros((2, 1, 2, 2)), ["a"]),
                           (np.zeros((1, 2, 2, 2)), ["a"])):  # fmt: skip
        with pytest.raises(ValueError, match="plot_images: images must be"):
            plot_images(images, labels, tmp_path / "i.png")
    assert not list(tmp_path.iterdir())
