"""Presets: the pixels that a network gets, worked out by hand."""

import numpy as np
import pytest

from minicnn.models import Preset


def picture(array: np.ndarray):
    from PIL import Image

    return Image.fromarray(array)


def test_the_centre_is_cut_and_normalised():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    y = Preset(crop=4, resize=8)(picture(pixels))  # the shorter side is 8 already
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((pixels[2:6, 4:8] / 255 - mean) / std).transpose(2, 0, 1)
    assert y.dtype == np.float32 and y.shape == (3, 4, 4)
    assert np.allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize("size", [(30, 40), (40, 30), (33, 33), (500, 31)])
def test_the_shorter_side_is_scaled(size):
    rows = np.linspace(0, 255, size[1]).astype(np.uint8)[:, None, None]
    image = picture(np.broadcast_to(rows, (size[1], size[0], 3)).copy())
    y = Preset(crop=14, resize=16, mean=(0, 0, 0), std=(1, 1, 1))(image)
    assert y.shape == (3, 14, 14)
    # Brightness grows from top to bottom by 1 over the whole scaled height, whatever the width.
    height = 16 * size[1] / min(size)
    slope = np.diff(y[0, 2:-2, 7]).mean()
    assert slope == pytest.approx(1 / height, rel=0.2)
    assert np.ptp(y[:, 7], axis=1).max() < 0.02


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_any_kind_of_picture(mode):
    from PIL import Image

    y = Preset(crop=8, resize=8)(Image.new(mode, (10, 9)))
    assert y.shape == (3, 8, 8) and np.isfinite(y).all()
