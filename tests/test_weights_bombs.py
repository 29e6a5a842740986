"""Small files of weights that would become large: refused within the memory that they may take."""

import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from minicnn import weights
from tests.checkpoints import (
    archive,
    call,
    mapping,
    name,
    number,
    numbers,
    put,
    several,
    storage,
    tensor,
    text,
)  # fmt: skip


def refused_within_its_room(path, message):
    """The load must end in a ValueError before it takes more memory than the file may."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            weights.load(path)
        assert tracemalloc.get_traced_memory()[1] < 16 * path.stat().st_size + 2**26
    finally:
        tracemalloc.stop()


def again_and_again(function: bytes, argument: bytes) -> bytes:
    """Many calls of one function with one argument, each result kept."""
    return argument + b"q\0" + function + b"q\1(" + b"h\1h\0\x85R" * 10**5


def entries(value: bytes, count: int) -> bytes:
    return b"(" + b"".join(b"M" + struct.pack("<H", i) + value for i in range(count)) + b"u"


DEEP = 200_000
NESTED = b")" + b"\x85" * DEEP
V2 = name("torch._utils", "_rebuild_tensor_v2")
DICT, ATTRIBUTES = name("collections", "OrderedDict"), name("argparse", "Namespace")
BYTES = call(name("numpy", "dtype"), text("u1")) + b"q\2"
EMPTY = name("numpy.core.multiarray", "_reconstruct") + b"q\3"
STATE = b"(K\1" + numbers(10**6) + b"h\2\x89h\4tb"
ARRAY = call(
    name("numpy.core.numeric", "_frombuffer"),
    b"B" + struct.pack("<I", 10**6) + bytes(10**6), b"h\2", several(number(10**6)), text("C"),
)  # fmt: skip
BOMBS = {
    "lists in lists": b"]" * DEEP + b"a" * (DEEP - 1),
    "tuples in tuples": NESTED,
    "a deep tuple as key": b"}" + NESTED + b"Ns",
    "a deep tuple in pairs": call(DICT, b"](" + NESTED + b"Nta"),
    "a deep tuple as shape": call(V2, storage(), b"K\0", NESTED, b"N", b"N", b"N"),
    "a deep tuple as attributes": call(ATTRIBUTES, NESTED),
    "marks": b"(" * DEEP + b"1" * DEEP + b"N",
    "a dict in itself": b"}q\0X\1\0\0\0ah\0s",
    "doubled tuples": b"]q\0" + b"0(h\0h\0tq\0" * 1000,
    "copies of one text": again_and_again(name("_codecs", "encode"), text("x" * 10**6)),
    "copies of one dict": again_and_again(DICT, b"}" + entries(b"N", 10**4)),
    "copies of one list": again_and_again(name("torch", "Size"), b"](" + b"N" * 10**4 + b"e"),
    "sizes of one text": again_and_again(name("torch", "Size"), text("\u0400" * 500_000)),
    "attributes of one dict": b"}" + entries(b"N", 10**4) + b"q\0" + ATTRIBUTES + b"q\1("
    + b"h\1)Rh\0b" * 10**5,
    "arrays of one text": BYTES + text("\x7f" * 10**6) + b"q\4" + EMPTY
    + b"(" + (b"h\3)R" + STATE) * 300,
    "one dict in many": b"}" + entries(b"N", 2**16) + b"q\0}" + entries(b"h\0", 2**16),
    "one array by many names": BYTES + ARRAY + b"q\1}("
    + b"".join(text(str(i)) + b"h\1" for i in range(10**4)) + b"u",
    "a million lists": b"](" + b"]" * 10**6,
    "a million sets": b"](" + b"\x8f" * 10**6,
    "a million dicts": b"](" + b"}" * 10**6,
    "a wide text": b"X" + struct.pack("<I", 2 * 10**7) + "\U0001f600".encode()
    + bytes(2 * 10**7 - 4),
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_bombs(tmp_path, what):
    """More values than the memory holds, many of a few bytes, or deeper than the stack."""
    data = archive(BOMBS[what], compression=zipfile.ZIP_DEFLATED)
    assert len(data) < 2**20
    refused_within_its_room(put(tmp_path, data), "must|damaged|hold")


def test_storages_that_are_compressed_beyond_measure(tmp_path):
    huge = mapping(w=tensor(storage(count=2**24), (2**24,), (1,)))
    data = archive(huge, {"0": bytes(2**26)}, zipfile.ZIP_DEFLATED)
    assert len(data) < 2**20
    message = f"a file of {len(data)} bytes cannot hold arrays of"
    refused_within_its_room(put(tmp_path, data), message)


@pytest.mark.parametrize("size", [2**20, 2**27])
def test_pickled_data_that_are_compressed_beyond_measure(tmp_path, size):
    body = b"B" + struct.pack("<I", 2**29) + bytes(size)
    path = put(tmp_path, archive(body, {}, zipfile.ZIP_DEFLATED))
    refused_within_its_room(path, "must fit into 64 MiB|cannot hold arrays of 13")


def test_an_npz_file_that_is_compressed_beyond_measure(tmp_path):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, w=np.zeros(2**22), b=np.zeros(2**21))
    assert weights.load(path)["w"].shape == (2**22,)
    np.savez_compressed(path, w=np.zeros(2**22), b=np.zeros(2**22 + 2**20))
    refused_within_its_room(path, "undamaged .npz file .* cannot hold arrays of 75497")
