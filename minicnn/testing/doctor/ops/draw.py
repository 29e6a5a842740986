"""Random numbers for probes, kept away from the places where a derivative is special."""

import numpy as np

Array = np.ndarray


def usual(rng: np.random.Generator, *shape: int) -> Array:
    """Normal numbers with a gap of 0.05 around 0."""
    x = rng.normal(size=shape)
    return np.asarray(x + np.copysign(0.05, x))


def positive(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers from 0.5 to 2."""
    return np.asarray(rng.uniform(0.5, 2.0, size=shape))


def away(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers of both signs, whose sizes are 0.5 to 2: to divide by."""
    return np.asarray(positive(rng, *shape) * rng.choice([-1.0, 1.0], size=shape))


def distinct(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers from -2 to 2 in random order, any two of them apart, none near 0."""
    n = int(np.prod(shape))
    return rng.permutation(np.linspace(-2.0, 2.0, 2 * (n // 2) + 2)[:n]).reshape(shape)
