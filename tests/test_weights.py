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
    path.write_bytes(b"\x80\x04" + whole)
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
        with pytest.raises(ValueError, match="whole, undamaged"):
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
    for call in (weights.load, lambda path: weights.save(path, {})):
        with pytest.raises(ValueError, match=r"\.safetensors or \.npz, got '\.pth'"):
            call(tmp_path / "w.pth")
        with pytest.raises(ValueError, match="got 'none'"):
            call(tmp_path / "w")
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
