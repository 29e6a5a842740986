"""Image files become what a network was trained on."""

from pathlib import Path

import numpy as np
from PIL import Image

from minicnn.cli.picture import read_picture
from minicnn.data import digits


def save_picture(path: Path, i: int = 0, scale: int = 1, invert: bool = False, **options) -> str:
    """A test digit as an image file; the class that the label names."""
    test_set = digits("test")
    pixels = np.round(test_set.images[i, 0] * 255).astype(np.uint8)
    pixels = np.kron(pixels, np.ones((scale, scale), np.uint8))
    Image.fromarray(255 - pixels if invert else pixels).save(path, **options)
    return str(test_set.labels[i])


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path):
    save_picture(tmp_path / "a.png")
    array, note = read_picture(tmp_path / "a.png", (1, 8, 8))
    assert note == "" and array.dtype == np.float32
    assert np.abs(array - digits("test").images[0]).max() <= 0.5 / 255 + 1e-6
    save_picture(tmp_path / "b.png", scale=4, invert=True)
    inverted, note = read_picture(tmp_path / "b.png", (1, 32, 32))
    assert note == "dark strokes on a light ground: inverted"
    assert np.array_equal(inverted[:, ::4, ::4], array)


def test_kinds_of_pictures(tmp_path):
    stroke = np.zeros((8, 8), np.uint8)
    stroke[2:6, 3:5] = 200
    expected = stroke[None] / 255
    rgba = np.zeros((8, 8, 4), np.uint8)  # black on nothing, as drawing programs save it
    rgba[..., 3] = stroke
    for name, pixels in (
        ("rgb.png", np.repeat(stroke[..., None], 3, 2)),
        ("deep.png", stroke.astype(np.uint16) * 256),
        ("alpha.png", rgba),
    ):
        Image.fromarray(pixels).save(tmp_path / name)
        assert np.abs(read_picture(tmp_path / name, (1, 8, 8))[0] - expected).max() < 0.01, name
    colour, note = read_picture(tmp_path / "rgb.png", (3, 8, 8))
    assert colour.shape == (3, 8, 8) and note == ""


def test_a_wide_picture_keeps_its_proportions(tmp_path):
    pixels = np.zeros((10, 40), np.uint8)
    pixels[:, 15:25] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    array, note = read_picture(tmp_path / "wide.png", (1, 8, 8))
    assert note == "scaled from 10x40 to 8x8"
    assert array[0, 3:5, 3:5].min() > 0.9 and array[0, :2].max() == 0 and array[0, :, :2].max() == 0
