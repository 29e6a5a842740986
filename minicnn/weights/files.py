"""Named arrays as `.safetensors` or `.npz` files. Neither format can hold code.

Sources: https://github.com/huggingface/safetensors#format; numpy.lib.format.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .atomic import write_atomically

Arrays = dict[str, np.ndarray]
Texts = dict[str, str]

_METADATA = "__metadata__"  # safetensors reserves this name; our npz files follow


def save(
    path: str | PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Texts | None = None
) -> None:
    """Write arrays by name; the suffix of ``path`` decides on the format.

    ``metadata`` is text about them, by name. The file is written whole or not at all
    (`write_atomically`).

    Raises ValueError for an unknown suffix or a name that cannot be one, TypeError for arrays that
    are not numbers, OSError if the file cannot be written.
    """
    path = Path(path)
    form = _format(path)
    plain = {name: _plain(path, name, array) for name, array in arrays.items()}
    write_atomically(path, form.pack(plain, dict(metadata or {})))


def load(path: str | PathLike[str]) -> Arrays:
    """Read all arrays of a file, by name.

    Raises FileNotFoundError if there is none, ValueError if the suffix is unknown or the file is
    damaged or of another kind.
    """
    return _read(path)[0]


def load_metadata(path: str | PathLike[str]) -> Texts:
    """Read the texts that `save` was given; raises what `load` raises."""
    return _read(path)[1]


def _read(path: str | PathLike[str]) -> tuple[Arrays, Texts]:
    path = Path(path)
    form = _format(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: must be a file of weights, got {found}; check the path")
    try:
        return form.unpack(path)
    except PermissionError:
        raise
    except Exception as error:  # damaged bytes make either library raise almost anything
        raise ValueError(
            f"{path}: must be a whole, undamaged {path.suffix} file of numbers, got "
            f"{path.stat().st_size} bytes that are not ({type(error).__name__}: {error}); "
            "fetch or save it again"
        ) from error


def _plain(path: Path, name: Any, array: Any) -> np.ndarray:
    """The array in the order that files have: row after row, bytes as this machine has them."""
    if not isinstance(name, str) or not name or name == _METADATA or "\0" in name:
        raise ValueError(f"{path}: a name must be a text other than {_METADATA}, got {name!r}")
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{path}: {name} must hold numbers, got {array.dtype}; convert it")
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _pack_safetensors(arrays: Arrays, metadata: Texts) -> bytes:
    from safetensors.numpy import save

    return save(arrays, metadata)


def _unpack_safetensors(path: Path) -> tuple[Arrays, Texts]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
        return arrays, dict(file.metadata() or {})


def _pack_npz(arrays: Arrays, metadata: Texts) -> bytes:
    buffer = io.BytesIO()
    # Not np.savez: its argument `file` would be in the way of an array of that name.
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in (arrays | {_METADATA: np.array(json.dumps(metadata))}).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    return buffer.getvalue()


def _unpack_npz(path: Path) -> tuple[Arrays, Texts]:
    # np.load leaves a file open that it opened itself and that turns out to be damaged.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    metadata = json.loads(str(arrays.pop(_METADATA, "{}")))
    if any(not isinstance(a, np.ndarray) or a.dtype.kind not in "fiub" for a in arrays.values()):
        raise TypeError("it holds something else than numbers")
    return arrays, metadata


class _Format(NamedTuple):
    pack: Callable[[Arrays, Texts], bytes]
    unpack: Callable[[Path], tuple[Arrays, Texts]]


_FORMATS = {
    ".safetensors": _Format(_pack_safetensors, _unpack_safetensors),
    ".npz": _Format(_pack_npz, _unpack_npz),
}


def _format(path: Path) -> _Format:
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(
            f"{path}: the suffix of a file of weights must be {' or '.join(_FORMATS)}, got "
            f"{path.suffix or 'none'!r}; rename or convert the file"
        )
    return _FORMATS[path.suffix.lower()]
