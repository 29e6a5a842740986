"""Transforms with fields that make no sense are refused; the others go to JSON and back."""

import json
import math

import numpy as np
import pytest

from minicnn.data import transforms as T

from .test_transforms import EVERY, PIXELS, RGB


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: T.Resize(4)(PIXELS.astype(np.float64)), "Resize: an array must be uint8"),
        (lambda: T.Resize(4)(PIXELS[0]), r"Resize: an array must be \(H, W, C\).*got \(60, 3\)"),
        (lambda: T.Resize(4)(PIXELS[:0]), "no empty axis"),
        (lambda: T.Resize(4)([1, 2]), "must be a Pillow image or an array .*got list"),
        (lambda: T.Resize(4)(RGB.convert("P")), "must have mode L or RGB, got P"),
        (lambda: T.Cutout(4)(PIXELS), "Cutout: a random transform needs a NumPy generator"),
        (lambda: T.Normalize((0.5,), (0.5,))(T.ToArray()(RGB)), "must have 1 channels"),
        (lambda: T.Normalize((0.5,), (0.5,))(PIXELS), r"takes an array \(C, H, W\) float32"),
        (lambda: T.Resize(0), r"Resize: size must lie in \[1"),
        (lambda: T.Resize("9"), "Resize: size must be a whole number"),
        (lambda: T.Resize((1, 2, 3)), r"one number or \(height, width\)"),
        (lambda: T.Resize(9, "cubic"), "interpolation must be one of nearest, bilinear, bicubic"),
        (lambda: T.RandomCrop(4, -1), "RandomCrop: padding"),
        (lambda: T.RandomHorizontalFlip(1.5), r"p must lie in \[0, 1\], got 1.5"),
        (lambda: T.RandomVerticalFlip(math.nan), "p must lie"),
        (lambda: T.RandomResizedCrop(4, (0.9, 0.1)), "smaller number first"),
        (lambda: T.RandomResizedCrop(4, 0.5), r"must be two numbers \(min, max\)"),
        (lambda: T.RandomRotation(-5), "degrees must lie"),
        (lambda: T.RandomAffine(5, scale=(0, 1)), "RandomAffine: scale must lie"),
        (lambda: T.RandomAffine(5, translate=0.5), "translate must be two fractions"),
        (lambda: T.ColorJitter(hue=0.6), "ColorJitter: hue"),
        (lambda: T.ColorJitter(True), "brightness must be a number"),
        (lambda: T.Grayscale(2), "num_output_channels must be 1 or 3, got 2"),
        (lambda: T.RandomErasing(value="noise"), "RandomErasing: value"),
        (lambda: T.RandAugment(magnitude=31), r"magnitude must lie in \[0, 30\], got 31"),
        (lambda: T.Compose(T.ToArray()), "transforms must be a tuple"),
        (lambda: T.Compose((1,)), "each transform must be callable, got 1"),
        (lambda: T.Normalize((0.5,), (0,)), "Normalize: std must lie"),
        (lambda: T.Normalize((0.5,), (1, 1)), "must agree in number, got 1 and 2"),
    ],
)
def test_what_makes_no_sense_is_refused(call, match):
    with pytest.raises((TypeError, ValueError), match=match):
        call()


@pytest.mark.parametrize("transform", [*EVERY, T.MixUp(0.2), T.CutMix(), T.ToArray(),
                                       T.Normalize((0.5,), (0.25,))], ids=repr)  # fmt: skip
def test_there_and_back_through_json(transform):
    text = json.dumps(T.to_config(transform), allow_nan=False)
    assert T.from_config(json.loads(text)) == transform


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"class": "Evil"}, "\"class\" must be one of CenterCrop, .*got 'Evil'"),
        ({"class": "__import__"}, "must be one of"),
        ({"class": ["Resize"]}, "must be one of"),
        ({"size": 4}, "must be one of .*got None"),
        ({"class": "Resize", "size": 4, "colour": 1}, "Resize has the fields .*got unknown colour"),
        ({"class": "Resize"}, "Resize has the fields size, interpolation, got no size"),
        ({"class": "Resize", "size": "__import__('os')"}, "size must be a whole number"),
        ({"class": "Resize", "size": 4, "interpolation": ["a"]}, "interpolation must be one of"),
        ({"class": "Compose", "transforms": [{"class": "Nope"}]}, "got 'Nope'"),
        ({"class": "Compose", "transforms": [3]}, "must be callable, got 3"),
        ({"class": "Normalize", "mean": 5, "std": None}, "mean must be one number per channel"),
        ({"class": "RandomRotation", "degrees": 5, "expand": "yes"}, "expand must be true"),
    ],
)
def test_configs_that_are_refused(config, match):
    with pytest.raises(ValueError, match=match):
        T.from_config(config)


def test_only_transforms_are_written():
    with pytest.raises(TypeError, match="to_config: a field must be"):
        T.to_config(T.Compose((print,)))
