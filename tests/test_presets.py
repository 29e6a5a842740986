"""Presets: the same preparation in training and prediction, stored and read back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from minicnn import data, models
from minicnn.data import presets
from minicnn.data import transforms as T

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
RNG = np.random.default_rng


@pytest.mark.parametrize("name", presets.PRESETS)
def test_each_preset_trains_and_predicts(name):
    preset = presets.get(name)
    image = PHOTO if preset.image_shape[0] == 3 else PHOTO.convert("L")
    for y in (preset(PHOTO), preset.eval(image), preset.train(image, RNG(0))):
        assert y.shape == preset.image_shape and y.dtype == np.float32
    assert np.array_equal(preset(PHOTO), preset.eval(image))
    again = data.Preset.from_config(json.loads(json.dumps(preset.to_config())))
    assert again == preset and again.name == name


def test_imagenet_by_hand():
    preset = presets.get("imagenet")
    scaled = PHOTO.resize((341, 256), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled)[16:240, 58:282] / 255  # 58.5 is rounded to even
    expected = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert np.allclose(preset(PHOTO), expected.transpose(2, 0, 1), atol=1e-5)
    assert preset == models.Preset() and models.Preset is data.Preset


def test_training_differs_at_random_and_is_the_same_for_a_seed():
    preset = presets.get("flowers", size=32)
    assert preset.image_shape == (3, 32, 32) and preset.resize == 32
    a, b, c = (preset.train(PHOTO, RNG(seed)) for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert presets.get("imagenet", 112).resize == 128 and presets.get("cifar10", 64).shift == 8


@pytest.mark.parametrize(("name", "channels"), [("mnist", 1), ("cifar10", 3)])
def test_batches_and_single_images_get_the_same_numbers(name, channels):
    preset = presets.get(name)
    size = preset.crop
    pixels = RNG(0).integers(0, 256, (5, channels, size, size), np.uint8)
    images = pixels / np.float32(255)
    single = [preset.eval(image.transpose(1, 2, 0)) for image in pixels]
    assert np.allclose(preset.normalize(images), single, atol=1e-6)
    # In training both move, mirror, then normalise: what comes in from outside is black.
    plain = replace(preset, mean=(0.5,) * channels, std=(0.5,) * channels)
    one = plain.train(np.ones((size, size, channels), np.float32), RNG(3))
    batch = plain.augment(np.ones((50, channels, size, size), np.float32), RNG(3))
    assert set(np.unique(one)) <= {-1, 1} and set(np.unique(batch)) == {-1, 1}


def test_cutout_and_more_changes():
    preset = replace(
        presets.get("cifar10"), cutout=16, shift=0, flip=False, mean=(0,) * 3, std=(1,) * 3
    )
    white = np.full((32, 32, 3), 255, np.uint8)
    assert (preset.train(white, RNG(0)) == 0).any()
    assert (preset.augment(np.ones((4, 3, 32, 32), np.float32), RNG(0)) == 0).any()
    more = replace(preset, cutout=0, random=[T.ColorJitter(brightness=(0.5, 0.5))])
    assert np.allclose(more.train(white, RNG(0)), 0.5, atol=0.01)
    assert data.Preset.from_config(json.loads(json.dumps(more.to_config()))) == more


def test_steps_for_a_loader():
    small, digits = data.shapes(4, size=32), data.digits("test")
    files = data.FileDataset(["x"], np.array([0]), ["a"], "files")
    cifar, imagenet = presets.get("cifar10"), presets.get("imagenet")
    assert cifar.steps(small, training=True) == {"transform": None, "augment": cifar.augment}
    assert cifar.steps(small, training=False) == {"transform": None, "augment": cifar.normalize}
    for preset, dataset in ((cifar, files), (cifar, digits), (imagenet, small)):
        assert preset.steps(dataset, True) == {"transform": preset.train, "augment": None}
        assert preset.steps(dataset, False) == {"transform": preset.eval, "augment": None}
    jitter = replace(cifar, random=(T.RandAugment(),))
    assert jitter.steps(small, training=True)["transform"] is jitter.train
    assert jitter.steps(small, training=False)["augment"] == jitter.normalize
    randomly_cut = replace(cifar, scale=(0.5, 1))
    assert randomly_cut.steps(small, training=True)["transform"] is randomly_cut.train


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: presets.get("imagnet"), "did you mean 'imagenet'"),
        (lambda: presets.get("imagenet", 0), "Preset: size must be at least 1"),
        (lambda: presets.Preset(crop=0), "CenterCrop: size must lie"),
        (lambda: presets.Preset(interpolation="cubic"), "interpolation must be one of"),
        (lambda: presets.Preset(std=(0, 1, 1)), "Normalize: std must lie"),
        (lambda: presets.Preset(mean=(0.5,)), "must agree in number, got 1 and 3"),
        (lambda: presets.Preset(mean=(0, 0), std=(1, 1)), "mean must be 1 number"),
        (lambda: presets.Preset(scale=(0.5, 2)), "RandomResizedCrop: scale"),
        (lambda: presets.Preset(shift=-1), "Preset: shift must be at least 0"),
        (lambda: presets.Preset(flip=True, cutout=-1), "Preset: cutout must"),
        (lambda: data.Preset.from_config({"class": "ToArray"}), "written by to_config"),
        (lambda: data.Preset.from_config({"class": "Preset", "crop": "a"}), "a whole number"),
        (lambda: data.Preset.from_config({"class": "Preset", "zoom": 1}), "unknown zoom"),
        (lambda: data.Preset.from_config([]), "must be written by to_config"),
        (lambda: data.Preset.from_config({"class": "Preset", "mean": None}), "one number per"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_changes_must_be_transforms():
    with pytest.raises(TypeError, match="each transform must be callable, got 1"):
        presets.Preset(random=(1,))
