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

PER_THREAD = 4  # parts; each begins with cold caches
COPY = 1 << 17  # bytes of weights that more parts than threads may have of their own
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

    parts: int
    divided: int
    images: int
    band: int


@lru_cache(4096)
def plan(
    n: int, image: int, rows: int, threads: int, weights: int, blocks: int, most: int, copied: bool
) -> Plan:
    """For n images of so many bytes in x and rows in y, and bytes of ``weights`` in so many blocks.

    A piece reads at most so many bytes of x.

    Parts divide blocks where there is more to read of weights than of pixels, so that each weight
    is read by one part. Else each part has weights of its own if these are ``copied``.

    There are more parts than threads (see `parallel`), if that is even and no copy is large.
    """
    if weights > n * image and blocks >= threads:
        divided = BLOCKS
    else:
        divided = IMAGES if _is_even(n, threads) else ROWS
    many, units = PER_THREAD * threads, (n, rows, blocks)[divided]
    large = copied and divided != BLOCKS and weights > COPY
    parts = many if threads > 1 and _is_even(units, many) and not large else threads
    n = -(-n // parts) if divided == IMAGES else n
    rows = -(-rows // parts) if divided == ROWS else rows
    if image > most:
        return Plan(parts, divided, 1, max(1, -(-rows // -(-image // most))))
    pieces = -(-n // (most // max(image, 1)))
    return Plan(parts, divided, -(-n // pieces), rows)


def _is_even(units: int, parts: int) -> bool:
    """Whether the parts are about the same, and none is empty."""
    return units > 0 and (units % parts == 0 or units >= 4 * parts)


@subroutine
def share(divided, total, part, parts):
    """The range of one part: its share where this is what they divide, else everything"""
    if divided:
        return total * part // parts, total * (part + 1) // parts
    return 0, total
