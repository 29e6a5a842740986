"""The one source of randomness: initial weights, dropout masks, drop path.

Numbers are drawn on the CPU and then moved, so a seed gives the same run on every backend.
"""

from numbers import Integral

import numpy as np

_generator = np.random.default_rng(0)


def manual_seed(seed: int) -> None:
    """Restart the library's random numbers; the same seed gives the same weights and masks."""
    global _generator
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"manual_seed: the seed must be a whole number from 0 on, got {seed!r}")
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The generator behind initialisation and dropout."""
    return _generator


def get_state() -> dict:
    """The generator's state, for a checkpoint."""
    return dict(_generator.bit_generator.state)


def set_state(state: dict) -> None:
    """Continue from a state that `get_state` returned."""
    _generator.bit_generator.state = state
