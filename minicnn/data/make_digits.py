"""Write digits.npz from scikit-learn's copy of the UCI digits.

    python -m minicnn.data.make_digits

The file is in the repository; run this only to see where it comes from. Needs scikit-learn.
"""

from pathlib import Path
from typing import Any

import numpy as np

TEST_IMAGES = 360  # a fifth of 1,797
SEED = 0


def split_digits() -> dict[str, Any]:
    """The two parts: images (N, 8, 8) uint8 in 0..16 and labels (N,) uint8, stratified by class."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    source = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        source.images.astype(np.uint8),
        source.target.astype(np.uint8),
        test_size=TEST_IMAGES,
        stratify=source.target,
        random_state=SEED,
    )
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
    }


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("digits.npz"), **split_digits())
