"""PyTorch checkpoints (`.pth`, `.pt`, `.th`, `.bin`, `.ckpt`), read without PyTorch.

Two formats. Since 1.6 a zip archive: ROOT/data.pkl holds the pickled object, ROOT/data/KEY the
bytes of a storage. Before, one stream: a magic number, a version, facts about the machine, the
object, the keys of the storages, each pickled; then for each key the number of elements and the
bytes. In both a tensor refers to a part of a storage.

Source: torch/serialization.py, `_save` and `_legacy_save`.
"""

import io
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from ..pickles import Refused, unpickle
from .limits import WAY_OUT, check_room, room
from .rebuild import STORED, Storage, Tensor, look_up, short, storage_of

MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
ByteOrder = Literal["<", ">"]
_CHUNK = 2**20


class Archive:
    """A checkpoint as PyTorch writes it since 1.6: a zip archive."""

    def __init__(self, archive: zipfile.ZipFile, length: int) -> None:
        names = archive.namelist()
        self._zip = archive
        if len(set(names)) < len(names):
            raise ValueError("two entries of the archive have the same name")
        self._root = next(name for name in names if is_object(name)).removesuffix("data.pkl")
        inside = [name.removeprefix(self._root) for name in names]
        if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
            raise Refused(
                "a checkpoint must hold tensors only, got a TorchScript program (torch.jit.save); "
                f"nothing was run. {WAY_OUT}"
            )
        self.order: ByteOrder = self._byte_order() if "byteorder" in inside else "<"
        check_room(self._zip.getinfo(f"{self._root}data.pkl").file_size, length)
        with self._open("data.pkl") as stream:
            self.top = unpickle(io.BufferedReader(stream), room(length), look_up, storage_of)

    def size(self, key: str) -> int:
        """The length of a storage in bytes."""
        try:
            return self._zip.getinfo(f"{self._root}data/{key}").file_size
        except KeyError:
            raise ValueError(f"the storage {short(key)} is missing") from None

    def read_into(self, key: str, buffer: memoryview) -> None:
        with self._open(f"data/{key}") as stream:
            _fill(cast(BinaryIO, stream), buffer)

    def _open(self, name: str) -> Any:
        entry = self._zip.getinfo(f"{self._root}{name}")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"the entry {short(name)} is compressed in an unusual way")
        if not entry.compress_type and entry.compress_size != entry.file_size:
            raise ValueError(f"the entry {short(name)} has two sizes")
        return self._zip.open(entry)

    def _byte_order(self) -> ByteOrder:
        with self._open("byteorder") as stream:
            text = stream.read(16)
        if text not in (b"little", b"big"):
            raise ValueError(f"the byte order must be little or big, got {text!r}")
        return "<" if text == b"little" else ">"


class Stream:
    """A checkpoint as PyTorch wrote it before 1.6: one stream."""

    order: ByteOrder = "<"  # also when a machine of the other order wrote it

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream, self._length = stream, length
        self._places: dict[str, tuple[int, int]] = {}
        self._types: dict[str, int] = {}
        magic = unpickle(stream, room(length), look_up)
        if magic != MAGIC:
            raise Refused(
                "must be a PyTorch checkpoint, got other pickled data (a "
                f"{type(magic).__name__}); nothing was run. {WAY_OUT}"
            )
        version = unpickle(stream, room(length), look_up)
        if version != _VERSION:
            raise ValueError(f"the version must be {_VERSION}, got {short(version)}")
        unpickle(stream, room(length), look_up)  # the machine: the numbers do not depend on it
        self.top = unpickle(stream, room(length), look_up, self._storage)
        self._find(unpickle(stream, room(length), look_up))

    def size(self, key: str) -> int:
        """The length of a storage in bytes."""
        if key not in self._places:
            raise ValueError(f"the storage {short(key)} is missing")
        return self._places[key][1]

    def read_into(self, key: str, buffer: memoryview) -> None:
        self._stream.seek(self._places[key][0])
        _fill(self._stream, buffer)

    def _storage(self, identity: Any) -> Storage:
        storage = storage_of(identity)
        self._types.setdefault(storage.key, storage.dtype.size)
        return storage

    def _find(self, keys: Any) -> None:
        """Note where each storage lies, without reading it."""
        if type(keys) is not list or any(type(key) is not str for key in keys):
            raise ValueError("the list of storages is damaged")
        for key in keys:
            head = self._stream.read(8)
            if len(head) < 8 or key not in self._types:
                raise ValueError(f"the storage {short(key)} is missing")
            size = struct.unpack("<q", head)[0] * self._types[key]
            place = self._stream.tell()
            if not 0 <= size <= self._length - place:
                raise ValueError(f"the storage {short(key)} ends behind the file")
            self._places[key] = (place, size)
            self._stream.seek(place + size)


def is_object(name: str) -> bool:
    """Whether an entry of a zip archive is the pickled object of a checkpoint."""
    return name.endswith("/data.pkl") and name.count("/") == 1


def read_arrays(
    values: Mapping[str, Tensor | np.ndarray], source: Archive | Stream, length: int
) -> dict[str, np.ndarray]:
    """Read the numbers of the tensors ``values`` from a file of ``length`` bytes."""
    tensors = [value for value in values.values() if isinstance(value, Tensor)]
    _check_storages(tensors, source)
    storages = {tensor.storage.key: tensor.storage.total for tensor in tensors}
    check_room(sum(storages.values()) + sum(value.nbytes for value in values.values()), length)
    uses = Counter(tensor.storage.key for tensor in tensors)
    shared: dict[str, np.ndarray] = {}

    def numbers(tensor: Tensor) -> np.ndarray:
        key = tensor.storage.key
        raw = shared.pop(key) if key in shared else _read(source, tensor.storage)
        uses[key] -= 1
        if uses[key]:
            shared[key] = raw
        return _strided(tensor, raw, source.order, keep=not uses[key])

    return {
        name: numbers(value) if isinstance(value, Tensor) else _own(value)
        for name, value in values.items()
    }


def _check_storages(tensors: list[Tensor], source: Archive | Stream) -> None:
    for storage in (tensor.storage for tensor in tensors):
        size = source.size(storage.key)
        if storage.total != size:
            raise ValueError(
                f"the storage {short(storage.key)} must have {storage.total} bytes, got {size}"
            )


def _read(source: Archive | Stream, storage: Storage) -> np.ndarray:
    raw = np.empty(storage.total, np.uint8)
    source.read_into(storage.key, raw.data)
    return raw


def _fill(stream: BinaryIO, buffer: memoryview) -> None:
    for part in _chunks(buffer):  # a whole one would be in memory twice
        data = stream.read(len(part))
        if len(data) < len(part):
            raise ValueError("a storage ends early")
        part[:] = data


def _chunks(buffer: memoryview) -> Iterator[memoryview]:
    return (buffer[start : start + _CHUNK] for start in range(0, len(buffer), _CHUNK))


def _strided(tensor: Tensor, raw: np.ndarray, order: ByteOrder, keep: bool) -> np.ndarray:
    """The numbers of a tensor, row after row, in a copy unless ``raw`` is free to ``keep``."""
    name, stored = tensor.dtype.name, np.dtype(STORED[tensor.dtype.name]).newbyteorder(order)
    if 0 in tensor.shape:
        view = np.empty(tensor.shape, stored)
    else:
        start = tensor.storage.start + tensor.offset * stored.itemsize
        axes = zip(tensor.shape, tensor.strides, strict=True)
        strides = [stored.itemsize * (stride if n > 1 else 1) for n, stride in axes]
        view = np.ndarray(tensor.shape, stored, raw.data, start, strides)
    if name == "bfloat16":  # the upper half of a float32
        return (view.astype(np.uint32, order="C") << np.uint32(16)).view(np.float32)
    if name == "bool":
        return np.asarray(view != 0, order="C")
    whole = keep and view.nbytes == raw.nbytes
    return np.array(view, stored.newbyteorder("="), order="C", copy=None if whole else True)


def _own(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool:  # its bytes may be any
        array = array.view(np.uint8) != 0
    return np.array(array, array.dtype.newbyteorder("="), order="C")
