"""Procedural shapes: boxes against the pixels themselves, classes, seeds."""

import numpy as np
import pytest

from minicnn.data import shapes


def lit(image: np.ndarray) -> np.ndarray:
    """The shape's pixels (H, W), from the promised gap in brightness alone."""
    return image.max(axis=0) > 0.525


@pytest.mark.parametrize(("num_classes", "size"), [(4, 32), (12, 32), (40, 16), (6, 61)])
def test_boxes_are_tight(num_classes, size):
    data = shapes(240, num_classes, size, seed=3)
    assert data.boxes is not None
    for image, box in zip(data.images, data.boxes, strict=True):
        y, x = np.nonzero(lit(image))
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_brightness_gap():
    brightest = shapes(200, num_classes=40).images.max(axis=1)
    assert not np.any((brightest > 0.45) & (brightest < 0.6))


def test_form():
    data = shapes(10, size=20)
    assert data.images.shape == (10, 3, 20, 20)
    assert data.images.dtype == np.float32
    assert data.boxes is not None and data.boxes.dtype == np.int64
    assert data.classes == ["circle", "square", "triangle", "cross"]


def test_the_seed_decides():
    first, again, other = shapes(9, seed=1), shapes(9, seed=1), shapes(9, seed=2)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("num_classes", [2, 6, 7, 12, 13, 100])
def test_any_number_of_classes_equally_frequent_with_names_of_their_own(num_classes):
    data = shapes(2 * num_classes, num_classes)
    assert np.all(np.bincount(data.labels) == 2)
    assert len(set(data.classes)) == len(data.classes) == num_classes


def test_labels_are_not_in_order():
    labels = shapes(64).labels
    assert not np.array_equal(labels, np.arange(64) % 4)


def test_each_shape_has_the_area_of_its_figure():
    # Areas in the circle of radius 1 around the figure, from the textbook formulas. A star is ten
    # triangles between a tip at distance 1 and a notch at distance 1 / (golden ratio)^2.
    golden = (1 + 5**0.5) / 2
    bar = 4 * 0.94 * 0.33
    areas = {
        "circle": np.pi,
        "square": 2,
        "triangle": 3 * 3**0.5 / 4,
        "star": 10 * np.sin(np.pi / 5) / golden**2 / 2,
        "bar": bar,
        "cross": 2 * bar - 4 * 0.33**2,
    }
    data = shapes(120, 12, size=200)
    for image, label in zip(data.images, data.labels, strict=True):
        mask = lit(image)
        name, *outline = data.classes[label].split()
        radius = (mask.sum() / (areas[name] * (0.75 if outline else 1))) ** 0.5
        y, x = np.nonzero(mask)
        farthest = np.hypot(y - y.mean(), x - x.mean()).max()
        assert abs(radius - farthest) < 2
        assert 0.24 * 200 < radius < 0.46 * 200


def test_outlines_are_hollow_and_fillings_are_not():
    data = shapes(120, 12, size=64)
    for image, label in zip(data.images, data.labels, strict=True):
        mask = lit(image)
        y, x = (int(axis.mean()) for axis in np.nonzero(mask))
        assert mask[y, x] == ("outline" not in data.classes[label])


def test_hue_tells_classes_apart_where_shapes_do_not():
    data = shapes(300, num_classes=36)
    for image, label in zip(data.images, data.labels, strict=True):
        red, green, blue = image[:, lit(image)].mean(axis=1)
        hue = np.degrees(np.arctan2(3**0.5 * (green - blue), 2 * red - green - blue))
        named = float(data.classes[label].split("hue ")[1])
        assert abs((hue - named + 180) % 360 - 180) < 40


def test_hues_go_all_round():
    classes = shapes(1, num_classes=36).classes
    assert classes[::12] == ["circle, hue 0", "circle, hue 120", "circle, hue 240"]


def test_objects_move_about_the_middle_and_change_size():
    boxes = shapes(2000).boxes
    assert boxes is not None
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.all(abs(middles.mean(axis=0) - 16) < 0.25)
    assert np.ptp(boxes[:, :2], axis=0).min() > 10
    assert np.ptp(boxes[:, 2] - boxes[:, 0]) > 10


def test_objects_turn():
    data = shapes(300, num_classes=6)
    assert data.boxes is not None
    width, height = (data.boxes[data.labels == 5, 2:] - data.boxes[data.labels == 5, :2]).T
    assert (width / height).max() > 2 and (height / width).max() > 2
    assert abs(width / height - 1).min() < 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "shapes: n must be at least 1, got 0"),
        ({"n": 5, "num_classes": 1}, "shapes: num_classes must be at least 2, got 1"),
        ({"n": 5, "size": 15}, "shapes: size must be at least 16, got 15"),
        ({"n": 5, "seed": -1}, "shapes: seed must be at least 0, got -1"),
    ],
)
def test_refuses_sizes_that_are_too_small(arguments, message):
    with pytest.raises(ValueError, match=message):
        shapes(**arguments)


def test_refuses_fractions():
    with pytest.raises(TypeError, match=r"shapes: n must be a whole number, got 2\.5"):
        shapes(2.5)  # type: ignore[arg-type]


def test_imbalance():
    counts = np.bincount(shapes(2000, 5, size=16, imbalance=10).labels)
    assert counts.sum() == 2000 and counts[0] / counts[-1] == pytest.approx(10, rel=0.02)
    assert np.allclose(counts[:-1] / counts[1:], 10**0.25, rtol=0.02)


def test_wrong_labels_on_the_same_pictures():
    clean, noisy = shapes(200, 5, size=16), shapes(200, 5, size=16, label_noise=0.3)
    assert np.array_equal(clean.images, noisy.images)
    assert (clean.labels != noisy.labels).sum() == 60
    wrong = clean.labels != noisy.labels
    assert set(((noisy.labels - clean.labels) % 5)[wrong]) == {1, 2, 3, 4}


def test_pixel_noise():
    quiet, loud = (shapes(20, noise=noise).images for noise in (0, 0.5))
    assert len(np.unique(quiet[0].reshape(3, -1), axis=1).T) == 2  # shape and background
    inside = (quiet > 0) & (quiet < 1)
    assert 0.49 < np.abs(loud - quiet)[inside].max() <= 0.5 + 1e-6


@pytest.mark.parametrize("objects", [2, 3, 5])
def test_several_objects(objects):
    """SciPy counts the bright spots: as many as there are labels."""
    from scipy import ndimage

    data = shapes(100, num_classes=6, size=64, objects=objects, noise=0.05)
    assert data.multilabel and data.boxes is None
    assert data.labels.dtype == np.float32 and data.labels.shape == (100, 6)
    counts = data.labels.sum(axis=1)
    assert set(counts) == set(range(1, objects + 1))
    grown = [ndimage.binary_dilation(lit(image)) for image in data.images]
    spots = np.array([ndimage.label(mask)[1] for mask in grown])
    assert (spots == counts).mean() > 0.9  # two that touch a border of their cells may meet


def test_several_objects_are_those_of_the_labels():
    data = shapes(60, num_classes=2, size=64, objects=2, noise=0)
    for image, label in zip(data.images, data.labels, strict=True):
        if label.sum() == 1:  # a circle fills 78.5 % of its box, a turned square 50 % to 100 %
            y, x = np.nonzero(lit(image))
            height, width = np.ptp(y) + 1, np.ptp(x) + 1
            corner = lit(image)[y.min() : y.min() + 2, x.min() : x.min() + 2]
            share = len(y) / (height * width)
            if label[0]:
                assert abs(share - np.pi / 4) < 0.05 and abs(int(height) - int(width)) <= 1
            elif corner.all():
                assert share > 0.9


def test_wrong_labels_of_several_objects():
    clean, noisy = (shapes(50, size=32, objects=2, label_noise=p) for p in (0, 0.25))
    assert np.array_equal(clean.images, noisy.images)
    assert (clean.labels != noisy.labels).sum() == 50 and set(noisy.labels.ravel()) == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"imbalance": 0.5}, "imbalance must be at least 1, got 0.5"),
        ({"imbalance": float("nan")}, "imbalance must be at least 1"),
        ({"label_noise": 1.5}, r"label_noise must lie in \[0, 1\], got 1.5"),
        ({"noise": -0.1}, r"noise must lie in \[0, 1\], got -0.1"),
        ({"objects": 0}, "objects must be at least 1, got 0"),
        ({"objects": 5}, "objects must be at most 4, the number of classes, got 5"),
        ({"objects": 2, "size": 31}, "size must be at least 32 for 2 objects, got 31"),
    ],
)
def test_refuses_amounts_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        shapes(5, **arguments)
