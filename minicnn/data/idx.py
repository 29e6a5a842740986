"""The idx format, in which MNIST and its relatives are published.

    byte 0-1  zero
    byte 2    what the numbers are (0x08 = unsigned byte, ...)
    byte 3    how many dimensions follow
    4 bytes   each dimension, big-endian
    the rest  the numbers, big-endian, last dimension fastest

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
"""

import gzip
import math
import struct
import zlib
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 32
_CHUNK = 1 << 20


def read_idx(path: str | PathLike[str]) -> np.ndarray:
    """Read an idx file, gzipped or not (told from its content), into a writable array.

    Raises ValueError, naming the file, if it is empty, cut short, corrupt or no idx file;
    FileNotFoundError if there is none.
    """
    path = Path(path)
    with path.open("rb") as file:
        zipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not zipped:
            return _parse(file, path)
        try:
            with gzip.GzipFile(fileobj=file) as unzipped:
                return _parse(unzipped, path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _bad(path, "a gzip file must be whole and undamaged", error) from error


def _parse(stream: BinaryIO | gzip.GzipFile, path: Path) -> np.ndarray:
    dtype, shape = _header(stream, path)
    size = math.prod(shape) * dtype.itemsize
    data = bytearray()
    # Grow with what the file really holds: a header that promises 2**40 bytes must not allocate
    # them. One chunk beyond the promised size shows bytes that do not belong there.
    while len(data) <= size and (chunk := stream.read(_CHUNK)):
        data += chunk
    if len(data) != size:
        found = "more" if len(data) > size else f"{len(data)}"
        promise = f"{' x '.join(map(str, shape))} values of {dtype.itemsize} byte(s)"
        raise _bad(path, f"{size} bytes must follow the header ({promise})", found)
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _header(stream: BinaryIO | gzip.GzipFile, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        found = f"{magic!r}" if magic else "an empty file"
        raise _bad(path, "an idx file must start with four bytes, two of them zero", found)
    if magic[2] not in _DTYPES:
        codes = ", ".join(f"0x{code:02x}" for code in _DTYPES)
        raise _bad(path, f"byte 2 (the number type) must be one of {codes}", f"0x{magic[2]:02x}")
    ndim = magic[3]
    if not 1 <= ndim <= _MOST_DIMENSIONS:
        raise _bad(path, f"byte 3 (dimensions) must be 1..{_MOST_DIMENSIONS}", ndim)
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise _bad(path, f"{4 * ndim} bytes of dimensions must follow byte 3", f"{len(sizes)}")
    return np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{ndim}I", sizes)


def _bad(path: Path, rule: str, found: object) -> ValueError:
    return ValueError(f"{path}: {rule}, got {found}; replace it with a fresh copy")
