"""Weights on disk: what goes in comes out, other programs read it, damage is told, nothing runs."""

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minicnn import weights

SUFFIXES = (".safetensors", ".npz")


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    named = {
        "features.0.weight": rng.standard_normal((4, 3, 2, 2)).astype(np.float32),
        "transposed": rng.standard_normal((3, 5)).T,
        "channels last": rng.standard_normal((2, 4, 5, 3)).transpose(0, 3, 1, 2),
        "every second": np.arange(10)[::2],
        "big endian": np.arange(4, dtype=">f4"),
        "no axes": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "file": np.array([True, False]),
        "päth/and space": np.arange(3, dtype=np.uint8),
    }
    return named | {t: np.array([1, 0, 2]).astype(t) for t in ("f2", "f8", "i1", "i2", "i4", "u4")}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_array_comes_back(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    weights.save(path, arrays(), {"model": "lenet5", "text": "größe\n2"})
    loaded = weights.load(path)
    assert loaded.keys() == arrays().keys()
    for name, array in arrays().items():
        assert loaded[name].shape == array.shape, name
        assert loaded[name].dtype == array.dtype.newbyteorder("="), name
        assert np.array_equal(loaded[name], array), name
        loaded[name][...] = 0  # writable
    assert weights.load_metadata(path) == {"model": "lenet5", "text": "größe\n2"}
    assert list(tmp_path.iterdir()) == [path]


def test_other_programs_read_it(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(3, 2).T
    weights.save(tmp_path / "a.npz", {"w": array})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert np.array_equal(file["w"], array)

    weights.save(tmp_path / "a.safetensors", {"w": array})
    data = (tmp_path / "a.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    entry = json.loads(data[8 : 8 + length])["w"]
    assert entry["dtype"] == "F32" and entry["shape"] == [2, 3]
    start, end = (8 + length + offset for offset in entry["data_offsets"])
    assert np.frombuffer(data[start:end], "<f4").tolist() == [0, 2, 4, 1, 3, 5]


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for suffix in SUFFIXES:
        for name in ("a", "b"):
            weights.save(tmp_path / f"{name}{suffix}", arrays())
        a, b = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
        assert a == b


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_or_damaged_file_is_an_error_that_names_it(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    weights.save(path, {"w": np.arange(50, dtype=np.float32), "b": np.zeros(3)})
    whole = path.read_bytes()
    for length in (*range(0, len(whole), 17), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="whole, undamaged") as caught:
            weights.load(path)
        assert str(path) in str(caught.value) and f"{length} bytes" in str(caught.value)
    path.write_bytes(b"\x81\x04" + whole)
    with pytest.raises(ValueError, match="fetch or save it again"):
        weights.load(path)


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}},
        {"w": {"dtype": "F33", "shape": [2], "data_offsets": [0, 8]}},
        {"w": "all of it"},
        ["w"],
    ],
)
def test_a_safetensors_header_that_lies(tmp_path, header):
    path = tmp_path / "lie.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(ValueError, match="whole, undamaged"):
        weights.load(path)
    path.write_bytes(struct.pack("<Q", 2**60) + text)
    with pytest.raises(ValueError, match="whole, undamaged"):
        weights.load(path)


def test_an_npz_header_that_lies(tmp_path):
    path = tmp_path / "lie.npz"
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    with pytest.raises(ValueError, match="whole, undamaged"):
        weights.load(path)


def write_safetensors(path: Path, data: bytes, **entries: tuple[str, list[int]]) -> None:
    header, start = {}, 0
    for name, (kind, shape) in entries.items():
        size = int(np.prod(shape)) * {"BF16": 2, "F32": 4, "F8_E4M3": 1, "C64": 8}[kind]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_bfloat16_comes_as_float32_and_in_the_order_of_the_file(tmp_path):
    path = tmp_path / "half.safetensors"
    bits = np.array([0x3F80, 0xC000, 0x0001, 0x7F80], "<u2")  # 1, -2, smallest subnormal, inf
    data = np.array([5], "<f4").tobytes() + bits.tobytes()
    write_safetensors(path, data, z=("F32", [1]), a=("BF16", [2, 2]))
    loaded = weights.load(path)
    assert list(loaded) == ["z", "a"] and loaded["z"] == 5
    assert loaded["a"].dtype == np.float32
    assert loaded["a"].tolist() == [[1, -2], [2.0**-133, np.inf]]
    loaded["a"][...] = 0  # writable


@pytest.mark.parametrize("kind", ["F8_E4M3", "C64"])
def test_a_safetensors_type_without_counterpart_is_refused_by_name(tmp_path, kind):
    path = tmp_path / "odd.safetensors"
    write_safetensors(path, bytes(8), w=(kind, [1 if kind == "C64" else 8]))
    with pytest.raises(ValueError, match=rf"w must be of type F64.* or BF16, got {kind}; convert"):
        weights.load(path)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".pth", ""])
@pytest.mark.parametrize("written", SUFFIXES)
def test_the_content_decides_not_the_suffix(tmp_path, written, suffix):
    weights.save(tmp_path / f"w{written}", {"module.w": np.ones(2)})
    path = (tmp_path / f"w{written}").rename(tmp_path / f"renamed{suffix}")
    assert list(weights.load(path)) == ["module.w"]
    assert list(weights.load(path, prefix="module.")) == ["w"]


def test_a_prefix_chooses_the_names_that_begin_with_it(tmp_path):
    path = tmp_path / "w.npz"
    named = {"module.w": np.ones(2), "n_averaged": np.array(7), "module.b": np.zeros(1)}
    weights.save(path, named)
    assert list(weights.load(path, prefix="module.")) == ["w", "b"]
    assert list(weights.load(path, prefix="")) == list(named)
    for prefix in ("model.", "module.w"):
        with pytest.raises(ValueError, match=rf"prefix='{prefix}' and .*, got 'module.w', 'n"):
            weights.load(path, prefix=prefix)
    with pytest.raises(TypeError, match="prefix: must be a text, got 3"):
        weights.load(path, prefix=3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><html>Not found", "a web page: the download failed"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b"\x1f\x8b\x08\0\0", "gzip: unpack"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x93NUMPY\1\0", "np.savez"),
        (bytes(257) + b"ustar", "a tar archive"),
        (b'{"w": 1}', "JSON"),
        (b"weights", "the beginning b'weights', which no known"),
    ],
)
def test_a_file_of_another_kind_is_told_by_what_it_looks_like(tmp_path, content, message):
    for name in ("w.pth", "w"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="undamaged file of numbers") as caught:
            weights.load(tmp_path / name)
        assert message in str(caught.value)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_a_zip_archive_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="zip archive of other files, the first 'readme.txt'"):
        weights.load(tmp_path / "w.pth")


class _Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_executed(tmp_path):
    mark, path = tmp_path / "executed", tmp_path / "evil.npz"
    np.savez(path, w=np.array([_Bomb(mark)], dtype=object))
    with pytest.raises(ValueError, match="whole, undamaged"):
        weights.load(path)
    for bare in ("bare.npz", "bare.safetensors"):
        (tmp_path / bare).write_bytes(pickle.dumps(_Bomb(mark)))
        with pytest.raises(ValueError, match=r"got (posix|nt)\.mkdir, a name .* nothing was"):
            weights.load(tmp_path / bare)
    assert not mark.exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_array_of_numbers_is_refused(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    weights.save(path, {"w": np.ones(2)})
    before = path.read_bytes()
    with pytest.raises(TypeError, match="w must hold numbers, got object"):
        weights.save(path, {"w": np.array([None])})
    with pytest.raises(TypeError, match="w must hold numbers, got <U5"):
        weights.save(path, {"w": np.array("seven")})
    for name in ("", "__metadata__", 3):
        with pytest.raises(ValueError, match="a name must be a text"):
            weights.save(path, {name: np.ones(2)})
    assert path.read_bytes() == before


def test_paths_that_cannot_be(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: must be a file of weights, got no su"):
        weights.load(tmp_path / "none.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(FileNotFoundError, match="got a folder"):
        weights.load(tmp_path / "folder.npz")
    with pytest.raises(ValueError, match=r"\.safetensors or \.npz, got '\.pth'; PyTorch reads"):
        weights.save(tmp_path / "w.pth", {})
    with pytest.raises(ValueError, match="got 'none'"):
        weights.save(tmp_path / "w", {})
    assert not (tmp_path / "w.pth").exists()
    with pytest.raises(FileNotFoundError):
        weights.save(tmp_path / "no" / "w.npz", {})


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    weights.save(path, {"w": np.ones(3)})

    def disk_full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        weights.save(path, {"w": np.zeros(3)})
    assert np.array_equal(weights.load(path)["w"], np.ones(3))
    assert list(tmp_path.iterdir()) == [path]
