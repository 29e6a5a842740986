"""The deterministic parts against torchvision, where it is installed."""

import math

import numpy as np
import pytest
from PIL import Image

from minicnn.data import transforms as T
from minicnn.data.transforms import affine, colour
from minicnn.testing.parity import import_torchvision

if import_torchvision() is None:
    pytest.skip("needs torch and torchvision", allow_module_level=True)

from torchvision.transforms import InterpolationMode, autoaugment
from torchvision.transforms import functional as F

RNG = np.random.default_rng(0)
PICTURES = [Image.fromarray(RNG.integers(0, 256, (h, w, 3), np.uint8)) for h, w in
            ((40, 60), (61, 37), (5, 5), (1, 9))]  # fmt: skip
PICTURES += [picture.convert("L") for picture in PICTURES]


def named(picture):
    """Not the picture's own text: the address in it differs from process to process."""
    return "{} {}x{}".format(picture.mode, *picture.size)


def same(ours, theirs):
    assert ours.mode == theirs.mode and np.array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("picture", PICTURES, ids=named)
def test_resize_crop_grey(picture):
    for name in ("nearest", "bilinear", "bicubic"):
        mode = InterpolationMode(name)
        for size in (7, 64, (9, 30)):
            theirs = list(size) if isinstance(size, tuple) else size
            same(T.Resize(size, name)(picture), F.resize(picture, theirs, mode))
    for size in ((4, 4), (30, 41), (80, 3), (81, 90)):
        same(T.CenterCrop(size)(picture), F.center_crop(picture, list(size)))
    for channels in (1, 3):
        same(T.Grayscale(channels)(picture), F.rgb_to_grayscale(picture, channels))


@pytest.mark.parametrize("picture", PICTURES, ids=named)
def test_colour(picture):
    for factor in (0, 0.4, 1.7):
        same(colour.brightness(picture, factor), F.adjust_brightness(picture, factor))
        same(colour.contrast(picture, factor), F.adjust_contrast(picture, factor))
        same(colour.saturation(picture, factor), F.adjust_saturation(picture, factor))
    for turn in (-0.5, -0.13, 0, 0.02, 0.37):
        same(colour.hue(picture, turn), F.adjust_hue(picture, turn))


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("picture", PICTURES, ids=named)
def test_rotate_and_affine(picture, name):
    mode = InterpolationMode(name)
    for angle, expand in ((30, False), (-77.5, True), (90, True)):
        same(affine.rotate(picture, angle, name, 50, expand),
             F.rotate(picture, angle, mode, expand, fill=50))  # fmt: skip
    for angle, move, scale, shear in (
        (0, (3, -2), 1.0, (0, 0)), (25, (0, 1), 0.7, (10, 0)), (-140, (2, 2), 1.6, (-8, 5)),
    ):  # fmt: skip
        ours = affine.affine(picture, angle, move, scale, shear, name, 50)
        theirs = F.affine(picture, float(angle), list(move), scale, list(shear), mode, fill=50)
        apart = np.abs(np.asarray(ours, int) - np.asarray(theirs, int))
        assert (apart > 1).mean() < 0.005  # rounding at the edge of a pixel


def test_randaugment():
    names = {
        "identity": "Identity", "shear x": "ShearX", "shear y": "ShearY",
        "translate x": "TranslateX", "translate y": "TranslateY", "rotate": "Rotate",
        "brightness": "Brightness", "colour": "Color", "contrast": "Contrast",
        "sharpness": "Sharpness", "posterize": "Posterize", "solarize": "Solarize",
        "auto contrast": "AutoContrast", "equalize": "Equalize",
    }  # fmt: skip
    for magnitude in (0, 9, 17, 30):
        policy, peer = T.RandAugment(magnitude=magnitude), autoaugment.RandAugment()
        for picture in PICTURES[:3]:
            space = peer._augmentation_space(31, (picture.height, picture.width))
            for ours, theirs in names.items():
                strengths, signed = space[theirs]
                m = float(strengths[magnitude]) if strengths.ndim else 0.0
                for backwards in (False, True) if signed else (False,):
                    expected = autoaugment._apply_op(
                        picture, theirs, -m if backwards else m, InterpolationMode.NEAREST, None
                    )
                    result = policy.change(picture, ours, backwards)
                    apart = np.asarray(result, int) - np.asarray(expected, int)
                    assert (np.abs(apart) > 1).mean() < 0.01, (ours, magnitude)
        assert set(space) == set(names.values())


def test_boxes_of_random_resized_crops_are_spread_alike():
    from torchvision.transforms import RandomResizedCrop

    picture = PICTURES[0]
    ours = T.RandomResizedCrop(8)
    a = np.array([ours.box(40, 60, np.random.default_rng(i)) for i in range(3000)])
    b = np.array([RandomResizedCrop.get_params(picture, [0.08, 1.0], [3 / 4, 4 / 3])
                  for _ in range(3000)])  # fmt: skip
    error = 5 * math.sqrt(2 / 3000) * b.std(axis=0)
    assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) < error)
