"""Golden values: what a reference computed, layer by layer, from weights that anybody can draw.

golden.npz keeps of each layer's output its shape, the mean of its absolute values and its product
with a random vector. That is little to store, and enough to name the first layer that differs.
tests/make_golden.py makes the file. Weights and inputs come from the raw numbers of a counter-based
generator, which are the same on every platform and in every version of NumPy.
"""

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FILE = Path(__file__).with_name("golden.npz")


class GoldenLayer(NamedTuple):
    """One call of a layer: `fingerprint` of its output."""

    path: str
    shape: tuple[int, ...]
    size: float
    projection: float


class Golden(NamedTuple):
    """What ``reference`` computed for two images of ``input_shape`` (C, H, W); the first logits."""

    reference: str
    input_shape: tuple[int, ...]
    layers: list[GoldenLayer]
    logits: np.ndarray


def fingerprint(y: np.ndarray) -> tuple[float, float]:
    """mean |y| and y . v; v is random, of length 1, and the same for all y of as many values."""
    v = uniform("projection", y.size).astype(np.float64) - 0.5
    return float(abs(y).mean()), float(y.ravel() @ v) * math.sqrt(12 / y.size)


def uniform(tag: str, n: int, seed: int = 0) -> np.ndarray:
    """(n,) float32 numbers in [0, 1), multiples of 2^-24, that depend on ``tag`` and ``seed``."""
    key = seed << 32 | zlib.crc32(tag.encode())
    raw = np.random.Philox(key=key).random_raw((n + 1) // 2)
    bits = raw.astype("<u8", copy=False).view("<u4")[:n]
    bits >>= 8
    x = bits.astype(np.float32)  # exact, and in place from here on: a layer may have 10^8 weights
    x *= 2**-24
    return x


def seeded_input(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Float32 numbers in [-2, 2), about what normalised images have."""
    return (uniform("input", math.prod(shape), seed) - np.float32(0.5)).reshape(shape) * 4


def seeded_state(
    shapes: Mapping[str, tuple[tuple[int, ...], Any]], seed: int = 0
) -> dict[str, np.ndarray]:
    """A state dict of random weights for ``shapes`` (name -> shape, dtype), in float32.

    The weights of layers have the variance 1.7 / fan-in, those of norms are in [0.7, 1.3), biases
    in [-0.2, 0.2), embeddings in [-0.5, 0.5). Statistics and integers are as in a fresh model.
    """
    return {
        key: _seeded(key, shape, seed) if np.dtype(dtype).kind == "f" else np.zeros(shape, dtype)
        for key, (shape, dtype) in shapes.items()
    }


def _seeded(key: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    if key.endswith(("running_mean", "running_var")):
        return np.full(shape, key.endswith("var"), np.float32)
    x = uniform(key, math.prod(shape), seed).reshape(shape)
    x -= 0.5
    if len(shape) == 1:
        norm = key.endswith("weight")
        return x * np.float32(0.6) + np.float32(1) if norm else x * np.float32(0.4)
    if len(shape) != 3:  # three axes have class tokens and embeddings of positions alone
        x *= np.float32(math.sqrt(12 * 1.7 / math.prod(shape[1:])))
    return x


# The file: one table of the layers of all models, and an index of how many belong to which.


def names() -> tuple[str, ...]:
    """The models that have golden values."""
    with np.load(FILE) as file:
        return tuple(_index(file))


def load(name: str) -> Golden:
    """The golden values of a model. Raises ValueError if there are none."""
    with np.load(FILE) as file:
        index = _index(file)
        if name not in index:
            raise ValueError(
                f"golden values: name must be one of {', '.join(index)}, got {name!r}; "
                "tests/make_golden.py makes them"
            )
        counts = [entry["layers"] for entry in index.values()]
        start = sum(counts[: list(index).index(name)])
        rows = slice(start, start + index[name]["layers"])
        paths = file["paths"].tobytes().decode().split("\n")[rows]
        shapes = [tuple(int(n) for n in row if n) for row in file["shapes"][rows]]
        layers = [
            GoldenLayer(path, shape, *map(float, values))
            for path, shape, values in zip(paths, shapes, file["values"][rows], strict=True)
        ]
    entry = index[name]
    return Golden(entry["reference"], tuple(entry["input"]), layers, np.array(entry["logits"]))


def save(goldens: Mapping[str, Golden], path: Path = FILE) -> None:
    """Write the golden values of all models."""
    layers = [layer for golden in goldens.values() for layer in golden.layers]
    index = {
        name: {"reference": g.reference, "input": g.input_shape, "layers": len(g.layers),
               "logits": g.logits.tolist()}
        for name, g in goldens.items()
    }  # fmt: skip
    np.savez_compressed(
        path,
        index=_bytes(json.dumps(index)),
        paths=_bytes("\n".join(layer.path for layer in layers)),
        shapes=np.array([[*x.shape, 0, 0, 0, 0][:4] for x in layers], np.int32),
        values=np.array([(layer.size, layer.projection) for layer in layers]),
    )


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _index(file: Any) -> dict[str, Any]:
    return json.loads(file["index"].tobytes())
