"""The idx reader: every number type, and hostile files."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from minicnn.data import read_idx


def compress(content: bytes) -> bytes:
    """Without the time of day, which would give a test another name in each process."""
    return gzip.compress(content, mtime=0)


GOOD = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + bytes(range(6))


@pytest.mark.parametrize(
    ("code", "letter", "values"),
    [
        (0x08, "B", [0, 1, 255]),
        (0x09, "b", [-128, 0, 127]),
        (0x0B, "h", [-32768, 258, 32767]),
        (0x0C, "i", [-(2**31), 66051, 2**31 - 1]),
        (0x0D, "f", [-1.5, 0.25, 3.0e38]),
        (0x0E, "d", [-1.5, 0.1, 1e300]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, compress])
def test_reads_every_number_type(tmp_path, code, letter, values, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(bytes([0, 0, code, 1, 0, 0, 0, 3]) + struct.pack(f">3{letter}", *values)))
    array = read_idx(path)
    assert array.dtype == np.dtype(letter) and array.dtype.isnative
    assert array.tolist() == np.array(values, letter).tolist()


def test_last_dimension_runs_fastest_and_the_array_is_writable(tmp_path):
    (tmp_path / "file").write_bytes(GOOD)
    array = read_idx(str(tmp_path / "file"))
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    array[0, 0] = 9


def test_a_file_without_samples_is_an_empty_array(tmp_path):
    (tmp_path / "file").write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 0, 28, 28))
    assert read_idx(tmp_path / "file").shape == (0, 28, 28)


def test_the_content_decides_about_gzip_not_the_name(tmp_path):
    (tmp_path / "file.gz").write_bytes(GOOD)
    (tmp_path / "file").write_bytes(compress(GOOD))
    assert np.array_equal(read_idx(tmp_path / "file.gz"), read_idx(tmp_path / "file"))


def damaged_crc() -> bytes:
    zipped = bytearray(compress(GOOD))
    zipped[-8] ^= 1
    return bytes(zipped)


def damaged_block() -> bytes:
    zipped = bytearray(compress(GOOD))
    zipped[10] |= 0b110  # a deflate block type that does not exist
    return bytes(zipped)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must start with four bytes, two of them zero, got an empty file"),
        (b"\0\0\x08", r"two of them zero, got b'\x00\x00\x08'"),
        (b"<html>not found</html>", "must start with four bytes, two of them zero, got b'<htm'"),
        (compress(b"some text"), "must start with four bytes, two of them zero, got b'some'"),
        (b"\0\0\x07\x01\0\0\0\0", "must be one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e, got 0x07"),
        (b"\0\0\x08\x00", "byte 3 (dimensions) must be 1..32, got 0"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "byte 3 (dimensions) must be 1..32, got 255"),
        (GOOD[:9], "8 bytes of dimensions must follow byte 3, got 5"),
        (GOOD[:-1], "6 bytes must follow the header (2 x 3 values of 1 byte(s)), got 5"),
        (GOOD + b"x", "6 bytes must follow the header (2 x 3 values of 1 byte(s)), got more"),
        (compress(GOOD[:-1]), "got 5;"),
        (compress(GOOD + b"x"), "got more;"),
        (compress(GOOD)[:-10], "a gzip file must be whole and undamaged"),
        (compress(GOOD)[:4], "a gzip file must be whole and undamaged"),
        (compress(GOOD) + b"trailing", "a gzip file must be whole and undamaged"),
        (damaged_crc(), "a gzip file must be whole and undamaged, got CRC check failed"),
        (damaged_block(), "a gzip file must be whole and undamaged"),
        (b"\x1f\x8b is not enough for gzip", "a gzip file must be whole and undamaged"),
    ],
)
def test_refuses_bad_files(tmp_path, content, message):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_idx(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; replace it with a fresh copy")
    assert path.read_bytes() == content


@pytest.mark.parametrize("pack", [bytes, compress])
@pytest.mark.parametrize("shape", [(2**31, 28, 28), (2**32 - 1,) * 32])
def test_a_lying_header_allocates_nothing(tmp_path, pack, shape):
    path = tmp_path / "images"
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    path.write_bytes(pack(header + b"few"))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"bytes must follow the header .*, got 3;"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_small_promise_does_not_read_a_huge_file(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(compress(GOOD + bytes(64 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="got more"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_byte_too_many_is_seen_after_any_amount(tmp_path):
    for size in (1 << 20, 3 << 20):  # where reading in chunks could stop too early
        path = tmp_path / "images"
        path.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", size) + bytes(size) + b"x")
        with pytest.raises(ValueError, match="got more"):
            read_idx(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.gz"):
        read_idx(tmp_path / "nowhere.gz")
