"""Named arrays in files: `.safetensors` and `.npz`, and to read only PyTorch's checkpoints.

None of it executes anything: safetensors and npz cannot hold code, and of a checkpoint the tensors
are read and the rest is refused (`unpickle`, `rebuild`).

Sources: https://github.com/huggingface/safetensors#format; numpy.lib.format.
"""

import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..pickles import Refused
from . import state_dict, torch_files
from .atomic import write_atomically
from .content import recognise, recognise_zip
from .limits import check_room

Arrays = dict[str, np.ndarray]
Texts = dict[str, str]

_METADATA = "__metadata__"  # safetensors reserves this name; our npz files follow
_SAFETENSORS = "F64 F32 F16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL".split()


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
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(
            f"{path}: the suffix of weights to save must be {' or '.join(_FORMATS)}, got "
            f"{path.suffix or 'none'!r}; PyTorch reads the former too (safetensors.torch.load_file)"
        )
    plain = {name: _plain(path, name, array) for name, array in arrays.items()}
    write_atomically(path, _FORMATS[path.suffix.lower()](plain, dict(metadata or {})))


def load(path: str | PathLike[str], *, prefix: str | None = None, key: str | None = None) -> Arrays:
    """Read all arrays of a file, by name, in the file's order.

    The content decides on the format, not the suffix: safetensors, npz or a checkpoint of PyTorch
    (a state dict, or the dict of a training run around one; the other entries are left out).
    bfloat16 becomes float32. ``key`` says which entry of a training run is wanted ("model").
    ``prefix`` ("module." of `torch.nn.DataParallel`) keeps the names that begin with it and takes
    it off them; the others are left out ("n_averaged" of a moving average).

    Raises FileNotFoundError if there is no file, ValueError if it is damaged, of another kind, or
    could hold code, or if prefix or key do not fit, TypeError for a prefix that is no text.
    """
    if not isinstance(prefix, str | None):
        raise TypeError(f"prefix: must be a text, got {prefix!r}; for instance 'module.'")
    arrays = _read(path, key)[0]
    try:
        return arrays if prefix is None else state_dict.strip(arrays, prefix)
    except Refused as error:
        raise ValueError(f"{path}: {error}") from None


def load_metadata(path: str | PathLike[str]) -> Texts:
    """Read the texts that `save` was given; raises what `load` raises."""
    return _read(path)[1]


def _read(path: str | PathLike[str], key: str | None = None) -> tuple[Arrays, Texts]:
    path = Path(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: must be a file of weights, got {found}; check the path")
    try:
        return _unpack(path, key)
    except PermissionError:
        raise
    except Refused as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # damaged bytes make the libraries raise almost anything
        kind = f"{path.suffix} file" if path.suffix.lower() in _FORMATS else "file"
        what = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path}: must be a whole, undamaged {kind} of numbers, got {path.stat().st_size} "
            f"bytes that are not ({what}); fetch or save it again"
        ) from error


def _unpack(path: Path, key: str | None) -> tuple[Arrays, Texts]:
    length = path.stat().st_size
    with path.open("rb") as stream:
        kind = recognise(stream.read(512))
        stream.seek(0)
        if kind == "stream":
            return _unpack_torch(torch_files.Stream(stream, length), length, key), {}
        if kind == "zip":
            with zipfile.ZipFile(stream) as archive:
                if recognise_zip(archive.namelist()) == "archive":
                    return _unpack_torch(torch_files.Archive(archive, length), length, key), {}
                check_room(sum(entry.file_size for entry in archive.infolist()), length)
    arrays, metadata = _unpack_npz(path) if kind == "zip" else _unpack_safetensors(path)
    return arrays if key is None else state_dict.find(arrays, key), metadata


def _unpack_torch(
    source: torch_files.Archive | torch_files.Stream, length: int, key: str | None
) -> Arrays:
    return torch_files.read_arrays(state_dict.find(source.top, key), source, length)


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

    arrays = {}
    with safe_open(path, framework="numpy") as file, path.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        start = stream.tell()
        for name in header:
            if name != _METADATA:
                stream.seek(start + header[name]["data_offsets"][0])
                arrays[name] = _safetensor(file, name, stream)
        return arrays, dict(file.metadata() or {})


def _safetensor(file: Any, name: str, stream: BinaryIO) -> np.ndarray:
    """One array of an open file; ``stream`` stands where its bytes begin."""
    kind, shape = file.get_slice(name).get_dtype(), file.get_slice(name).get_shape()
    if kind == "BF16":  # the upper half of a float32; NumPy has no such type
        upper = np.frombuffer(stream.read(2 * math.prod(shape)), "<u2")
        return (upper.astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(shape)
    if kind not in _SAFETENSORS:
        raise Refused(
            f"{name} must be of type {', '.join(_SAFETENSORS)} or BF16, got {kind}; convert it in "
            "the program that made the file"
        )
    return file.get_tensor(name)


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


_FORMATS: dict[str, Callable[[Arrays, Texts], bytes]] = {
    ".safetensors": _pack_safetensors,
    ".npz": _pack_npz,
}
