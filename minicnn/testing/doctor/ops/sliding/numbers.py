"""Inputs for probes: no number is near zero, and none is there twice."""

import numpy as np

Array = np.ndarray


def signed(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers between 0.5 and 1.5 in size, of either sign."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def spaced(rng: np.random.Generator, *shape: int) -> Array:
    """Distinct numbers at least 0.25 apart, in random order, half of them negative.

    No small step changes which of two numbers is larger.
    """
    size = int(np.prod(shape))
    return ((rng.permutation(size) - size / 2) * 0.25 + 0.1).reshape(shape)
