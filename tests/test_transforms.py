"""Deterministic transforms against Pillow and NumPy, random ones by what they may do."""

import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from minicnn.data import transforms as T
from minicnn.data.transforms import affine, colour, geometry

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 60, 3), np.uint8)
RGB = Image.fromarray(PIXELS)
GREY = RGB.convert("L")
KINDS = {
    "RGB": RGB,
    "L": GREY,
    "bytes": PIXELS,
    "grey bytes": np.asarray(GREY)[..., None],
    "fractions": PIXELS / np.float32(255),
    "grey fractions": np.asarray(GREY)[..., None] / np.float32(255),
    "five channels": RNG.random((40, 60, 5), np.float32),
}
EVERY = [
    T.Resize(24), T.Resize((9, 70), "bicubic"), T.Resize(7, "nearest"), T.CenterCrop(20),
    T.CenterCrop((50, 10)), T.RandomCrop(30, 4), T.RandomResizedCrop(16), T.RandomHorizontalFlip(),
    T.RandomVerticalFlip(), T.RandomRotation(30, "bilinear", fill=255),
    T.RandomAffine(20, (0.2, 0.1), (0.8, 1.2), 10, "bicubic", 99), T.RandomErasing(1.0),
    T.RandomErasing(1.0, value="random"), T.Cutout(9), T.Grayscale(1), T.Grayscale(3),
    T.ColorJitter(0.4, 0.4, 0.4, 0.2), T.RandAugment(3, 20, fill=128),
    T.Compose((T.Resize(20), T.RandomCrop(16))),
]  # fmt: skip
COLOUR = (T.Grayscale, T.ColorJitter, T.RandAugment)


def arr(image):
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transform", EVERY, ids=repr)
def test_kind_in_kind_out_and_the_input_stays(transform, kind):
    image = KINDS[kind]
    before = np.array(image)
    if isinstance(transform, COLOUR) and kind == "five channels":
        with pytest.raises(ValueError, match=r"must have 1 channel \(grey\) or 3 \(RGB\), got 5"):
            transform(image, np.random.default_rng(0))
        return
    for seed in range(5):
        result = transform(image, np.random.default_rng(seed))
        again = transform(image, np.random.default_rng(seed))
        assert np.array_equal(arr(result), arr(again))
        if isinstance(image, np.ndarray):
            assert isinstance(result, np.ndarray) and result.dtype == image.dtype
            assert result.ndim == 3 and result.min() >= 0 and result.max() <= 255
            assert image.dtype == np.uint8 or result.max() <= 1
        else:
            assert result.mode in ("L", "RGB")
        if not isinstance(transform, T.Grayscale):
            assert arr(result).shape[2] == arr(image).shape[2]
    assert np.array_equal(before, np.asarray(image))


NO_NOISE = [transform for transform in EVERY if "random" not in repr(transform).split("value=")[-1]]


@pytest.mark.parametrize("transform", NO_NOISE, ids=repr)
def test_bytes_in_an_array_are_the_same_as_in_an_image(transform):
    for picture in (RGB, GREY):
        expected = transform(picture, np.random.default_rng(1))
        result = transform(arr(picture), np.random.default_rng(1))
        assert np.array_equal(arr(expected), result)


# RandAugment rounds fractions first.
@pytest.mark.parametrize(
    "transform", [t for t in NO_NOISE if not isinstance(t, T.RandAugment)], ids=repr
)
def test_fractions_come_close_to_bytes(transform):
    """One step of 256 levels per operation; hue, whose bytes are coarse, and nearest apart."""
    expected = transform(PIXELS, np.random.default_rng(2)) / 255
    result = transform(KINDS["fractions"], np.random.default_rng(2))
    assert np.abs(result - expected).mean() < (
        0.02 if isinstance(transform, T.ColorJitter) else 0.003
    )


@pytest.mark.parametrize("transform", EVERY, ids=repr)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 50, 1), (2, 3, 3)])
def test_tiny_images(transform, shape):
    for image in (np.full(shape, 200, np.uint8), np.full(shape, 0.5, np.float32)):
        if "RandomCrop" in repr(transform) and "Compose" not in repr(transform):
            with pytest.raises(
                ValueError, match="RandomCrop: size 30 x 30 must fit into the image"
            ):
                transform(image, np.random.default_rng(0))
        else:
            result = transform(image, np.random.default_rng(0))
            assert 0 not in result.shape and result.dtype == image.dtype


@pytest.mark.parametrize("size", [(60, 40), (41, 60), (33, 33), (7, 200), (1, 1)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_resize_and_center_crop_are_pillows(size, interpolation):
    image = RGB.resize(size)
    w, h = size
    short = 24
    wanted = (int(short * w / h), short) if h <= w else (short, int(short * h / w))
    expected = image.resize(wanted, Image.Resampling[interpolation.upper()])
    assert np.array_equal(np.asarray(T.Resize(short, interpolation)(image)), np.asarray(expected))
    exact = image.resize((10, 30), Image.Resampling[interpolation.upper()])
    assert np.array_equal(np.asarray(T.Resize((30, 10), interpolation)(image)), np.asarray(exact))


def test_shrinking_takes_means_of_fractions():
    """A triangle filter of twice the step, by loops over the pixels."""
    row = RNG.random((1, 12, 1), np.float32)
    result = T.Resize((1, 4))(row)[0, :, 0]
    for j in range(4):
        weights = np.maximum(0, 1 - np.abs((np.arange(12) + 0.5) / 3 - (j + 0.5)))
        assert result[j] == pytest.approx((weights @ row[0, :, 0]) / weights.sum(), abs=1e-6)


def test_center_crop_by_hand():
    assert np.array_equal(T.CenterCrop((4, 7))(PIXELS), PIXELS[18:22, 26:33])  # 26.5 -> 26
    for image in (PIXELS, RGB):
        padded = arr(T.CenterCrop((43, 10))(image))
        assert np.array_equal(padded[1:41], PIXELS[:, 25:35])
        assert not padded[0].any() and not padded[41:].any()


def test_resize_refuses_to_fill_the_memory():
    thread = np.zeros((1, 60_000, 3), np.uint8)
    with pytest.raises(ValueError, match="at most 89,478,485 pixels, got 256 x 15360000"):
        T.Resize(256)(thread)


def test_every_place_is_reached_by_random_crops():
    image = np.arange(1, 21, dtype=np.uint8).reshape(4, 5, 1)
    rng = np.random.default_rng(0)
    found = {T.RandomCrop((2, 3))(image, rng).tobytes() for _ in range(400)}
    assert found == {image[i : i + 2, j : j + 3].tobytes() for i in range(3) for j in range(3)}
    wide = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    found = {T.RandomCrop((4, 5), 1)(image, rng).tobytes() for _ in range(600)}
    assert found == {wide[i : i + 4, j : j + 5].tobytes() for i in range(3) for j in range(3)}


def test_random_resized_crops_have_the_area_and_shape_asked_for():
    crop = T.RandomResizedCrop(8, scale=(0.2, 0.6), ratio=(0.5, 2.0))
    boxes = np.array([crop.box(200, 300, np.random.default_rng(i)) for i in range(2000)])
    top, left, h, w = boxes.T
    areas, ratios = h * w / 60_000, w / h
    assert top.min() >= 0 and (top + h).max() <= 200 and (left + w).max() <= 300
    assert 0.195 < areas.min() < 0.21 and 0.58 < areas.max() < 0.605
    assert 0.49 < ratios.min() < 0.55 and 1.8 < ratios.max() < 2.05
    assert abs(np.log(ratios).mean()) < 0.1 and top.min() == 0 and len(set(top)) > 50
    whole = T.RandomResizedCrop(8, scale=(1, 1), ratio=(1, 1))
    assert whole.box(30, 100, np.random.default_rng(0)) == (0, 35, 30, 30)
    assert whole.box(100, 30, np.random.default_rng(0)) == (35, 0, 30, 30)
    result = T.RandomResizedCrop((5, 9), (0.3, 0.3))(RGB, np.random.default_rng(3))
    box = T.RandomResizedCrop((5, 9), (0.3, 0.3)).box(40, 60, np.random.default_rng(3))
    expected = RGB.crop((box[1], box[0], box[1] + box[3], box[0] + box[2])).resize((9, 5), 2)
    assert np.array_equal(np.asarray(result), np.asarray(expected))


@pytest.mark.parametrize(
    ("flip", "mirrored"),
    [(T.RandomHorizontalFlip, PIXELS[:, ::-1]), (T.RandomVerticalFlip, PIXELS[::-1])],
)
def test_flips(flip, mirrored):
    for image in (RGB, PIXELS):
        assert np.array_equal(np.asarray(flip(1.0)(image, np.random.default_rng(0))), mirrored)
        assert np.array_equal(np.asarray(flip(0)(image, np.random.default_rng(0))), PIXELS)
    rng = np.random.default_rng(0)
    share = np.mean([np.array_equal(flip(0.3)(PIXELS, rng), mirrored) for _ in range(1000)])
    assert abs(share - 0.3) < 0.05


def test_quarter_turns_and_corners():
    square = KINDS["fractions"][:, :40]
    turned = T.RandomRotation((90, 90))(square, np.random.default_rng(0))
    assert np.allclose(turned, np.rot90(square), atol=1e-6)
    grown = T.RandomRotation((90, 90), expand=True)(PIXELS, np.random.default_rng(0))
    assert grown.shape == (60, 40, 3)
    for image, fill in ((PIXELS, 200), (KINDS["fractions"], 200 / 255)):
        corner = T.RandomRotation((45, 45), fill=200)(image, np.random.default_rng(0))[0, 0]
        assert np.allclose(corner, fill)


@pytest.mark.parametrize(
    ("angle", "translate", "scale", "shear"),
    [(0, (3, -2), 1, (0, 0)), (30, (0, 0), 1, (0, 0)), (-25, (4, 1), 1.3, (12, -7))],
)
def test_affine_against_scipy(angle, translate, scale, shear):
    """Bilinear sampling at the places that the composed matrix gives, by SciPy."""
    plane = ndimage.gaussian_filter(RNG.random((40, 60)), 3)
    plane = ((plane - plane.min()) / np.ptp(plane)).astype(np.float32)
    a = math.radians(angle)
    sx, sy = (math.tan(math.radians(s)) for s in shear)
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    m = scale * turn @ [[1, 0], [-sy, 1]] @ [[1, -sx], [0, 1]]
    y, x = np.mgrid[:40, :60] + 0.5
    target = np.stack([x.ravel() - 30 - translate[0], y.ravel() - 20 - translate[1]])
    u, v = np.linalg.solve(m, target) + [[30], [20]]
    inside = ((u > 1) & (u < 59) & (v > 1) & (v < 39)).reshape(40, 60)
    expected = ndimage.map_coordinates(plane, [v - 0.5, u - 0.5], order=1).reshape(40, 60)
    result = affine.affine(plane[..., None], angle, translate, scale, shear, "bilinear")[..., 0]
    assert inside.mean() > 0.4 and np.abs(result - expected)[inside].max() < 1e-3


def test_random_affine_stays_in_its_ranges():
    dot = np.zeros((101, 101, 1), np.float32)
    dot[48:53, 48:53] = 1
    rng = np.random.default_rng(0)
    places = []
    for _ in range(300):
        moved = T.RandomAffine(0, translate=(0.2, 0.1))(dot, rng)
        places.append([axis.mean() - 50 for axis in np.nonzero(moved[..., 0])])
    dy, dx = np.array(places).T
    assert 9 <= np.abs(dy).max() <= 10 and 18 <= np.abs(dx).max() <= 20
    sums = [T.RandomAffine(0, scale=(0.5, 2), interpolation="bilinear")(dot, rng).sum()
            for _ in range(300)]  # fmt: skip
    assert 25 * 0.2 < min(sums) < 25 * 0.4 and 25 * 3.3 < max(sums) < 25 * 4.4


@pytest.mark.parametrize("factor", [0, 0.3, 1, 1.8])
def test_enhancers_are_pillows_and_fractions_agree(factor):
    for change, name in (
        (colour.brightness, "Brightness"),
        (colour.contrast, "Contrast"),
        (colour.saturation, "Color"),
    ):
        for picture in (RGB, GREY):
            expected = getattr(ImageEnhance, name)(picture).enhance(factor)
            assert np.array_equal(np.asarray(change(picture, factor)), np.asarray(expected))
            fractions = change(arr(picture) / np.float32(255), factor)
            assert np.abs(fractions * 255 - arr(expected)).max() < 2


def test_hue_turns_the_colour_circle():
    for image, top in ((np.array([[[255, 0, 0]]], np.uint8), 255), (np.float32([[[1, 0, 0]]]), 1)):
        assert np.abs(colour.hue(image, 1 / 3)[0, 0] - np.array([0, top, 0])).max() <= 0.025 * top
        assert np.abs(colour.hue(image, -1 / 3)[0, 0] - np.array([0, 0, top])).max() <= 0.025 * top
    assert colour.hue(GREY, 0.4) is GREY


def test_jitter_draws_evenly_and_can_be_nothing():
    flat = np.full((2, 2, 3), 0.5, np.float32)
    rng = np.random.default_rng(0)
    values = [T.ColorJitter(brightness=0.4)(flat, rng)[0, 0, 0] for _ in range(500)]
    assert 0.3 <= min(values) < 0.305 and 0.695 < max(values) <= 0.7
    assert abs(np.mean(values) - 0.5) < 0.02
    assert np.array_equal(T.ColorJitter()(PIXELS, rng), PIXELS)
    fixed = T.ColorJitter(brightness=(0.5, 0.5))(flat, rng)
    assert np.allclose(fixed, 0.25)


def test_grayscale():
    assert T.Grayscale()(RGB).mode == "L" and T.Grayscale(3)(GREY).mode == "RGB"
    weights = KINDS["fractions"] @ [0.299, 0.587, 0.114]
    assert np.allclose(T.Grayscale()(KINDS["fractions"])[..., 0], weights, atol=1e-6)
    assert np.abs(T.Grayscale()(PIXELS)[..., 0] - weights * 255).max() <= 1
    three = T.Grayscale(3)(PIXELS)
    assert three.shape == PIXELS.shape and np.ptp(three, axis=2).max() == 0


def test_erased_areas_are_as_large_as_asked():
    image = np.ones((50, 80, 1), np.float32)
    erase = T.RandomErasing(1.0, scale=(0.1, 0.3), ratio=(0.5, 2.0))
    shares, ratios = [], []
    for seed in range(400):
        rows, columns = np.nonzero(erase(image, np.random.default_rng(seed))[..., 0] == 0)
        shares.append(len(rows) / image.size)
        ratios.append((np.ptp(rows) + 1) / (np.ptp(columns) + 1))
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert 0.095 < min(shares) < 0.11 and 0.28 < max(shares) < 0.31
    assert 0.48 < min(ratios) < 0.55 and 1.8 < max(ratios) < 2.1
    rng = np.random.default_rng(0)
    assert (
        abs(np.mean([(T.RandomErasing(0.25)(image, rng) == 0).any() for _ in range(800)]) - 0.25)
        < 0.05
    )
    white = T.RandomErasing(1.0, value=255)(Image.new("L", (30, 30)), rng)
    assert set(np.unique(white)) == {0, 255}


def test_cutout_covers_a_square_whose_centre_is_anywhere():
    image = np.ones((8, 8, 3), np.uint8)
    rng = np.random.default_rng(0)
    holes = [T.Cutout(4)(image, rng)[..., 0] == 0 for _ in range(3000)]
    sizes = {int(hole.sum()) for hole in holes}
    assert max(sizes) == 16 and min(sizes) == 4
    assert len({hole.tobytes() for hole in holes}) == 64
    covered = np.mean(holes, axis=0)  # a pixel in the middle has 16 centres of 64
    assert np.abs(covered[3:5, 3:5] - 0.25).max() < 0.03


def test_randaugment_makes_each_change_equally_often():
    from minicnn.data.transforms import randaugment

    dull = Image.fromarray(PIXELS // 2 + 30)  # on others auto contrast does nothing
    seen = {}
    policy = T.RandAugment(1, 30, fill=7)
    variants = {
        name: {policy.change(dull, name, backwards).tobytes() for backwards in (False, True)}
        if name in randaugment._SIGNED else {policy.change(dull, name).tobytes()}
        for name in randaugment.CHANGES
    }  # fmt: skip
    for seed in range(1400):
        result = policy(dull, np.random.default_rng(seed)).tobytes()
        name = next(name for name, results in variants.items() if result in results)
        seen[name] = seen.get(name, 0) + 1
    assert len(seen) == len(randaugment.CHANGES) == 14
    assert 60 < min(seen.values()) and max(seen.values()) < 140


def test_randaugment_against_pillow():
    policy = T.RandAugment(magnitude=15)  # half of everything
    for name, expected in (
        ("posterize", ImageOps.posterize(RGB, 6)),
        ("solarize", ImageOps.solarize(RGB, 127.5)),
        ("equalize", ImageOps.equalize(RGB)),
        ("auto contrast", ImageOps.autocontrast(RGB)),
        ("sharpness", ImageEnhance.Sharpness(RGB).enhance(1.45)),
        ("rotate", RGB.rotate(15)),
        ("identity", RGB),
        ("translate x", RGB.transform(RGB.size, 0, (1, 0, -13, 0, 1, 0))),
        ("translate y", RGB.transform(RGB.size, 0, (1, 0, 0, 0, 1, -9))),
        ("shear x", RGB.transform(RGB.size, 0, (1, 0.15, 0, 0, 1, 0))),
    ):
        result = policy.change(RGB, name)
        assert np.array_equal(np.asarray(result), np.asarray(expected)), name
    nothing = T.RandAugment(5, 0)
    for name in ("shear x", "translate y", "rotate", "brightness", "colour", "posterize"):
        assert np.array_equal(np.asarray(nothing.change(RGB, name)), PIXELS), name


def test_to_array_and_normalize():
    for image in (RGB, PIXELS, KINDS["fractions"]):
        array = T.ToArray()(image)
        assert array.dtype == np.float32 and array.shape == (3, 40, 60)
        assert np.allclose(array, PIXELS.transpose(2, 0, 1) / 255, atol=1e-7)
    assert T.ToArray()(GREY).shape == (1, 40, 60)
    original = KINDS["fractions"]
    assert not np.shares_memory(T.ToArray()(original), original)
    y = T.Normalize((0.5, 0.4, 0.3), (0.1, 0.2, 0.3))(T.ToArray()(RGB))
    expected = (PIXELS / 255 - [0.5, 0.4, 0.3]) / [0.1, 0.2, 0.3]
    assert y.dtype == np.float32 and np.allclose(y, expected.transpose(2, 0, 1), atol=1e-5)


def test_crop_outside_of_an_array():
    for top, left, h, w in ((-3, -2, 5, 4), (38, 59, 6, 6), (-9, -9, 3, 3), (50, 0, 2, 2)):
        expected = RGB.crop((left, top, left + w, top + h))
        assert np.array_equal(geometry.crop(PIXELS, top, left, h, w), np.asarray(expected))
