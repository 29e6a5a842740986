"""Checks of the fields of transforms; `where` opens the message, as in "Resize: size"."""

import math
from typing import Any

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


def check_number(value: Any, low: float, high: float, where: str) -> None:
    """Require a finite number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{where} must be a number, got {value!r}; write one such as {low:g}")
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(
            f"{where} must lie in [{low:g}, {high:g}], got {value}; choose a value in between"
        )


def check_whole(value: Any, low: int, where: str, high: int = 1 << 16) -> None:
    """Require a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{where} must be a whole number, got {value!r}; convert it with int()")
    check_number(value, low, high, where)


def check_interval(value: Any, low: float, high: float, where: str) -> None:
    """Require two numbers in [low, high], the smaller one first."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{where} must be two numbers (min, max), got {value!r}; write both")
    for number in value:
        check_number(number, low, high, where)
    if value[0] > value[1]:
        raise ValueError(f"{where} must have the smaller number first, got {value}; swap them")


def check_size(value: Any, where: str) -> None:
    """Require a whole number of pixels, or two: (height, width)."""
    if isinstance(value, tuple) and len(value) != 2:
        raise ValueError(f"{where} must be one number or (height, width), got {value}")
    for number in value if isinstance(value, tuple) else (value,):
        check_whole(number, 1, where)


def check_choice(value: Any, choices: tuple[str, ...], where: str) -> None:
    """Require one of these words."""
    if value not in choices:
        raise ValueError(f"{where} must be one of {', '.join(choices)}, got {value!r}; choose one")


def both(size: Any) -> tuple[int, int]:
    """Height and width; a single number stands for both."""
    return size if isinstance(size, tuple) else (size, size)
