"""The gradients of a diagnosis as plain arrays: what a picture is made from."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .case import Case

LARGEST = 100_000  # entries; larger gradients are not kept


class GradientMap(NamedTuple):
    """One input's gradient on one probe: by the rule, by differences, and where they differ."""

    probe: str
    name: str
    axes: tuple[str, ...]
    analytic: np.ndarray
    numeric: np.ndarray
    wrong: np.ndarray


def gradient_maps(cases: Iterable["Case"]) -> tuple[GradientMap, ...]:
    """The gradients of the first case that has wrong ones, or of the first where all are right."""
    cases = list(cases)
    for case in [case for case in cases if case.wrong()] or cases:
        return tuple(
            GradientMap(
                case.probe.name, f"g{name}", tuple(case.axis(name, i) for i in range(a.ndim)),
                np.asarray(a), np.asarray(case.right[name]), differs(case, name),
            )
            for name, a in case.given.items() if a.size <= LARGEST
        )  # fmt: skip
    return ()


def differs(case: "Case", name: str) -> np.ndarray:
    """Which entries are wrong, by the case's own tolerance."""
    a, b = np.asarray(case.given[name]), np.asarray(case.right[name])
    size = max(1e-300, float(abs(b).max(initial=0.0)))
    return ~(abs(a - b) <= case.atol * size + case.rtol * abs(b))


# In a file: no pickles, so nothing is run when it is read.


def save_maps(maps: Iterable[GradientMap], path: Path) -> None:
    """Write them as an .npz file."""
    fields = {f"{i} {k}": np.asarray(v) for i, m in enumerate(maps) for k, v in m._asdict().items()}
    np.savez(path, **fields)  # type: ignore[arg-type]


def load_maps(path: Path) -> tuple[GradientMap, ...]:
    """Read what `save_maps` wrote."""
    with np.load(path, allow_pickle=False) as file:
        fields = [file[key] for key in file]
    count = len(GradientMap._fields)
    rows = [fields[i : i + count] for i in range(0, len(fields), count)]
    return tuple(
        GradientMap(str(probe), str(name), tuple(map(str, axes)), *arrays)
        for probe, name, axes, *arrays in rows
    )
