"""The embedded data set: 1,797 real handwritten digits of 8 x 8 pixels."""

from importlib.resources import files

import numpy as np

from .checks import check_split
from .dataset import Dataset


def digits(split: str = "train") -> Dataset:
    """Handwritten digits that come with the package: 1,437 images (1, 8, 8) to train, 360 to test.

    value = count / 16, where count is the number of inked pixels in a 4 x 4 block of the scan

    The split is fixed and stratified: each class has the same share in both. `make_digits.py` drew
    it once; the file holds the two parts. The same 13 people wrote both, so the test accuracy says
    nothing about new writers.

    Raises ValueError for a split other than "train" and "test".

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, doi 10.24432/C50P49, CC BY 4.0 (see digits.LICENSE.md).
    """
    check_split(split, "digits")
    with (files(__package__) / "digits.npz").open("rb") as file, np.load(file) as arrays:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    pixels = images[:, None].astype(np.float32)
    pixels /= 16
    return Dataset(pixels, labels.astype(np.int64), [str(digit) for digit in range(10)], "digits")
