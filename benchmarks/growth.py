"""How time grows with the batch and with the image."""

from collections.abc import Iterator

from .contestants import training_steps
from .harness import Row, compare

NAME = "resnet20"
SIZES = ((1, 32), (8, 32), (32, 32), (128, 32), (32, 16), (32, 64))  # batch, pixels of a side


def rows() -> Iterator[Row]:
    for batch, size in SIZES:
        steps = training_steps(NAME, batch, size=size)
        yield compare(f"train {NAME} b{batch}, {size}x{size}", steps, seconds=4.0)
