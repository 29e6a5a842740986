"""What a convolution's kernels have in common: which pixels meet which taps, and in what pieces.

A piece of work is some images, or a *band* of rows of one image, so that what it reads of x stays
in the second cache while all output channels and all taps read it again.
"""
# mypy: allow-untyped-defs

from functools import lru_cache
from typing import NamedTuple

from .compiled import subroutine

BAND = 1 << 18  # bytes: half of a second cache
MANY_WEIGHTS = 1 << 19  # bytes; more do not stay in a cache, so more pixels must share each reading
WIDE_BAND = 1 << 22

IMAGES, ROWS, BLOCKS = 0, 1, 2  # what the parts divide among them


class Windows(NamedTuple):
    """Pixel (i, j) of y meets, at tap (u, v), pixel (i*sh+u*dh-top, j*sw+v*dw-left) of x."""

    sh: int
    sw: int
    dh: int
    dw: int
    top: int  # negative where the border is cut off
    left: int
    oh: int  # the size of y
    ow: int
    kh: int
    kw: int


class Channels(NamedTuple):
    """Channels of a group, and the blocks of ``width`` (the last: ``last``) output channels."""

    groups: int
    inputs: int
    outputs: int
    width: int
    last: int


class Plan(NamedTuple):
    """Parts divide images, rows or blocks; a piece is so many images, or a band of one."""

    divided: int
    images: int
    band: int


@lru_cache(4096)
def plan(n: int, image: int, rows: int, parts: int, weights: int, blocks: int, most: int) -> Plan:
    """For n images of so many bytes in x and rows in y, and bytes of ``weights`` in so many blocks.

    A piece reads at most so many bytes of x.

    Parts divide blocks where there is more to read of weights than of pixels, so that each weight
    is read by one part.
    """
    if weights > n * image and blocks >= parts:
        divided = BLOCKS
    else:
        divided = IMAGES if n >= parts and (n % parts == 0 or n >= 4 * parts) else ROWS
    n = -(-n // parts) if divided == IMAGES else n
    rows = -(-rows // parts) if divided == ROWS else rows
    if image > most:
        return Plan(divided, 1, max(1, -(-rows // -(-image // most))))
    pieces = -(-n // (most // max(image, 1)))
    return Plan(divided, -(-n // pieces), rows)


@subroutine
def share(divided, total, part, parts):
    """The range of one part: its share where this is what they divide, else everything"""
    if divided:
        return total * part // parts, total * (part + 1) // parts
    return 0, total
