"""CIFAR: both layouts, damaged files, and pickled files that would run code."""

import os
import pickle
import pickletools
import struct
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import cifar, cifar10, cifar100

from .web import serve

BATCHES = [f"data_batch_{i}" for i in range(1, 6)]


def some(n: int, classes: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 3072), np.uint8), rng.integers(0, classes, n)


def dump(path: Path, batch: object, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(batch, protocol))


def python10(folder: Path, protocol: int = 2, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Write six batches; gives the training images (5n, 3072) and labels."""
    for i, name in enumerate([*BATCHES, "test_batch"]):
        images, labels = some(n, seed=i)
        names = [f"{k}.png" for k in range(n)]
        batch = {"batch_label": name, "labels": labels.tolist(), "data": images, "filenames": names}
        dump(folder / name, batch, protocol)
    parts = [some(n, seed=i) for i in range(5)]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def python100(folder: Path, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    images, labels = some(n, 100)
    batch = {"fine_labels": labels.tolist(), "coarse_labels": [0] * n, "data": images}
    for name in ("train", "test"):
        dump(folder / name, batch)
    return images, labels


def binary10(folder: Path, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate([*BATCHES, "test_batch"]):
        images, labels = some(n, seed=i)
        records = b"".join(bytes([y]) + x.tobytes() for x, y in zip(images, labels, strict=True))
        (folder / f"{name}.bin").write_bytes(records)
    parts = [some(n, seed=i) for i in range(5)]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def binary100(folder: Path, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = some(n, 100)
    records = b"".join(bytes([7, y]) + x.tobytes() for x, y in zip(images, labels, strict=True))
    for name in ("train.bin", "test.bin"):
        (folder / name).write_bytes(records)
    return images, labels


LAYOUTS = {
    "python10": (cifar10, python10, "cifar-10-batches-py"),
    "binary10": (cifar10, binary10, "cifar-10-batches-bin"),
    "python100": (cifar100, python100, "cifar-100-python"),
    "binary100": (cifar100, binary100, "cifar-100-binary"),
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", ["itself", "above", "named"])
def test_reads(tmp_path, layout, place, monkeypatch):
    load, write, folder = LAYOUTS[layout]
    where = tmp_path / ("" if place == "itself" else folder if place == "above" else
                        f"{load.__name__}/{folder}")  # fmt: skip
    images, labels = write(where)
    data = load("train", tmp_path)
    assert data.images.dtype == np.uint8 and data.images.shape == (len(images), 3, 32, 32)
    assert np.array_equal(data.images.reshape(-1, 3072), images)
    assert np.array_equal(data.labels, labels) and data.labels.dtype == np.int64
    assert len(data.classes) == (100 if "100" in layout else 10)
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    assert len(load("test", cache=tmp_path / "none")) in (4, 6)


def test_classes():
    assert cifar._CLASSES_10[:3] == ["airplane", "automobile", "bird"]
    path = Path(cifar.__file__).with_name("cifar100_classes.txt")
    names = path.read_text(encoding="utf-8").split()
    assert len(set(names)) == 100 and names == sorted(names) and names[53] == "orange"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(tmp_path, protocol):
    """Copies that Python 3 and NumPy 2 have written, with names as bytes and labels as an array."""
    images, labels = python10(tmp_path, protocol)
    assert np.array_equal(cifar10("train", tmp_path).images.reshape(-1, 3072), images)
    for name in BATCHES:
        dump(tmp_path / name, {b"data": some(3)[0], b"labels": some(3)[1].astype(np.uint8)})
    assert np.array_equal(cifar10("train", tmp_path).labels[:3], some(3)[1])


@pytest.mark.parametrize("lost", [["data_batch_3"], ["data_batch_1", "data_batch_5"]])
def test_a_folder_with_some_of_the_files(tmp_path, lost):
    python10(tmp_path / "cifar-10-batches-py")
    for name in lost:
        (tmp_path / "cifar-10-batches-py" / name).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        cifar10("train", tmp_path)
    assert f"got a folder without {', '.join(lost)};" in str(caught.value)
    assert len(cifar10("test", tmp_path)) == 4


# Damage


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.45, 0.99, 0.9999])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cut_file_is_named(tmp_path, layout, share):
    load, write, _ = LAYOUTS[layout]
    write(tmp_path)
    path = max(tmp_path.glob("t*t*"), key=lambda path: path.name.startswith("test"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError) as caught:
        load("test", tmp_path)
    assert str(caught.value).startswith(f"{path}: must ")
    assert str(caught.value).endswith("; replace it with a fresh copy")


def test_a_batch_cut_between_two_images(tmp_path):
    binary10(tmp_path)
    path = tmp_path / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-3073])
    with pytest.raises(ValueError, match=r"data_batch_2.bin: must hold 4 images as .* got 3"):
        cifar10("train", tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_out_of_range(tmp_path, layout):
    load, write, _ = LAYOUTS[layout]
    write(tmp_path)
    bad = 100 if "100" in layout else 10
    if "binary" in layout:
        path = tmp_path / ("test.bin" if bad == 100 else "test_batch.bin")
        content = bytearray(path.read_bytes())
        content[1 if bad == 100 else 0] = bad
        path.write_bytes(content)
    else:
        path = tmp_path / ("test" if bad == 100 else "test_batch")
        key = "fine_labels" if bad == 100 else "labels"
        dump(path, {"data": some(2)[0], key: [bad, 1]})
    with pytest.raises(ValueError) as caught:
        load("test", tmp_path)
    assert f"{path}: labels must be 0..{bad - 1}" in str(caught.value)
    assert f"got {bad} at index 0" in str(caught.value)


DATA, LABELS = some(3)
WRONG = {
    "a list": ([1, 2], "must hold a dictionary with data and labels, got a list"),
    "nothing": ({}, "must hold data and labels, got nothing"),
    "no labels": ({"data": DATA, "fine_labels": []}, "must hold data and labels, got data, fine_"),
    "floats": ({"data": DATA.astype(float), "labels": [1, 2, 3]}, "bytes of shape (N, 3072), got "),
    "images": ({"data": DATA.reshape(3, 3, 32, 32), "labels": [1, 2, 3]}, "got uint8 (3, 3, 32, 3"),
    "a text": ({"data": "x", "labels": []}, "data must be bytes of shape (N, 3072), got a str"),
    "few labels": ({"data": DATA, "labels": [1, 2]}, "a label for each image, got 3 images and 2"),
    "no images": ({"data": DATA[:0], "labels": []}, "a label for each image, got 0 images and 0"),
    "texts": ({"data": DATA, "labels": ["1"] * 3}, "labels must be a list of whole numbers, got a"),
    "bools": ({"data": DATA, "labels": [True] * 3}, "must be a list of whole numbers, got a list"),
    "huge": ({"data": DATA, "labels": [2**70] * 3}, "labels must be numbers of classes, got a num"),
    "minus": ({"data": DATA, "labels": [-1] * 3}, "labels must be 0..9"),
    "objects": ({"data": np.array([[None]]), "labels": [1]}, "NumPy values of type O8"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_pickles_of_the_wrong_kind(tmp_path, case):
    batch, message = WRONG[case]
    dump(tmp_path / "test_batch", batch)
    with pytest.raises(ValueError) as caught:
        cifar10("test", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'test_batch'}: ")
    assert message in str(caught.value)


# Pickles that would run code

FLAG = "minicnn-has-run-code"
CODE = f"__import__('os').system('touch {FLAG}')"


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def glob(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


ARRAY, DTYPE = glob("numpy.core.multiarray", "_reconstruct"), glob("numpy", "dtype")
NDARRAY = glob("numpy", "ndarray")
MINUS = b"J\xff\xff\xff\xff"
U1 = DTYPE + text("u1") + b"K\0K\1\x87R(K\3" + text("|") + b"NNN" + MINUS + MINUS + b"K\0tb"
EMPTY = ARRAY + NDARRAY + b"K\0\x85C\1b\x87R"
HOSTILE = {
    "os.system": pickle.dumps(Runs(os.system, f"touch {FLAG}")),
    "eval": pickle.dumps({"data": Runs(eval, CODE), "labels": []}, 2),
    "exec by name": glob("builtins", "exec") + text(CODE) + b"\x85R.",
    "by stack": text("os") + text("system") + b"\x93" + text(f"touch {FLAG}") + b"\x85R.",
    "inst": b"(" + text(f"touch {FLAG}") + b"ios\nsystem\n.",
    "obj": b"(" + glob("os", "system") + text(f"touch {FLAG}") + b"o.",
    "newobj_ex": glob("numpy", "ndarray") + b")}\x92.",
    "through an attribute": text("numpy") + text("ndarray.__class__") + b"\x93.",
    "numpy.load": glob("numpy", "load") + text("x") + b"\x85R.",
    "numpy.core.multiarray.fromfile": glob("numpy.core.multiarray", "fromfile") + b")R.",
    "a state for a function": ARRAY + b"}" + text("x") + b"K\1sb.",
    "a state for a type": DTYPE + b"}" + text("x") + b"K\1sb.",
    "a call of a type": NDARRAY + b"(J\xff\xff\xff\x7ft\x85R.",
    "a call of an array": EMPTY + b")R.",
    "an array called twice": EMPTY + b"(K\1K\5\x85" + U1 + b"\x89C\5abcdet" + b"b)R.",
    "an array without bytes": EMPTY + b"(K\1J\xff\xff\xff\x7f\x85" + U1 + b"\x89C\0tb.",
    "a shape of 2**40": EMPTY + b"(K\1\x8a\6\0\0\0\0\0\1\x85" + U1 + b"\x89C\1atb.",
    "a negative shape": EMPTY + b"(K\1J\xff\xff\xff\xff\x85" + U1 + b"\x89C\1atb.",
    "a type of objects": DTYPE + text("O8") + b"\x85R.",
    "a type of much": DTYPE + text("V99999999") + b"\x85R.",
    "a type by words": DTYPE + text("{'names': ['a']}") + b"\x85R.",
    "no text": glob("_codecs", "encode") + text("x") + text("rot13") + b"\x86R.",
    "an extension": b"\x82\1.",
    "a persistent name": text("x") + b"Q.",
    "a memo of 2**32": b"Nr\xff\xff\xff\xff0N.",
    "bytes of 2**62": b"\x8e" + struct.pack("<Q", 1 << 62) + b".",
    "a text of 2**31": b"X\xff\xff\xff\x7f.",
    "an array of bytes of 2**40": b"\x96" + struct.pack("<Q", 1 << 40) + b".",
    "numbers of 2**31 digits": b"\x8b\xff\xff\xff\x7f.",
    "deep": b"]" * 500_000 + b"a" * 499_999 + b".",
    "deep keys": b"}" + b")" + b"\x85" * 100_000 + b"Ns.",
    "laughs": b"]q\0" + b"(h\0h\0h\0h\0h\0h\0h\0h\0lq\0" * 40 + b".",
    "twice as much each time": text("x" * 1000) + b"q\0" + b"h\0h\0\x86q\0" * 90 + b".",
    "an empty stack": b"R.",
    "nothing to pop": b"0.",
    "no mark": b"Kt.",
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_pickle_runs_nothing_and_takes_no_memory(tmp_path, case, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = HOSTILE[case]
    (tmp_path / "test_batch").write_bytes(content if content[0] == 0x80 else b"\x80\2" + content)
    before = sorted(tmp_path.rglob("*"))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as caught:
            cifar10("test", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 160 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{tmp_path / 'test_batch'}: ")
    assert sorted(tmp_path.rglob("*")) == before
    assert len(str(caught.value)) < 1000


def test_the_hostile_pickles_are_real(tmp_path, monkeypatch):
    """Python itself would run some of them, so that the test above says something."""
    monkeypatch.chdir(tmp_path)
    for case in ("os.system", "eval", "exec by name", "by stack"):
        content = HOSTILE[case]
        pickle.loads(content if content[0] == 0x80 else b"\x80\4" + content)
        assert (tmp_path / FLAG).exists(), case
        (tmp_path / FLAG).unlink()


def test_random_changes_of_a_pickle(tmp_path):
    """Whatever a byte becomes, there is a data set or a ValueError."""
    python10(tmp_path, n=1)
    whole = (tmp_path / "test_batch").read_bytes()
    places = [p for op, _, p in pickletools.genops(whole)]
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        content[min(rng.choice(places) + rng.integers(2), len(whole) - 1)] = rng.integers(256)
        (tmp_path / "test_batch").write_bytes(content)
        try:
            cifar10("test", tmp_path)
        except ValueError:
            refused += 1
    assert 150 < refused < 300


# Downloads


def archive(folder: Path, layout: str, name: str) -> None:
    """An archive as the home page has them."""
    _, write, inside = LAYOUTS[layout]
    write(folder / inside)
    with tarfile.open(folder / name, "w:gz") as file:
        file.add(folder / inside, inside)


def known(monkeypatch, folder: Path, *found: tuple[str, int]) -> None:
    """Let checksums and sizes of CIFAR-10 be those of these archives; others are of none."""
    import hashlib

    layouts = []
    for layout in cifar.CIFAR10.layouts:
        (remote,) = layout.remotes
        path = folder / remote.name
        content = path.read_bytes() if path.exists() else b""
        changed = remote._replace(checksum=hashlib.sha256(content).hexdigest(), size=len(content))
        layouts.append(cifar.Layout(layout.files, layout.inside, (changed,)))
    monkeypatch.setattr(cifar, "CIFAR10", cifar.Source("cifar10", layouts, ("cifar10", "")))


@pytest.mark.parametrize("layout", ["python10", "binary10"])
def test_downloads_and_unpacks(tmp_path, monkeypatch, layout):
    """From the archive of one layout, or of the other if no mirror has it."""
    name = f"cifar-10-{layout[:-2]}.tar.gz"
    archive(tmp_path / "served", layout, name)
    known(monkeypatch, tmp_path / "served")
    with serve(tmp_path / "served") as url:
        data = cifar10("train", mirrors=[f"{url}/busy", url], cache=tmp_path / "cache")
        assert len(data) == 20
        requests = len(url.requests)
        assert len(cifar10("test", mirrors=[url], cache=tmp_path / "cache")) == 4
        assert len(url.requests) == requests
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        LAYOUTS[layout][2], name,
    ]  # fmt: skip


def test_no_network(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        cifar10("train", mirrors=["http://127.0.0.1:9"], cache=tmp_path / "cache")
    message = str(caught.value)
    assert f"put cifar-10-python.tar.gz into {tmp_path / 'cache'}" in message
    assert "MINICNN_DATA (not set)" in message


def test_an_archive_in_the_cache_needs_no_network(tmp_path, monkeypatch):
    archive(tmp_path / "cache", "python10", "cifar-10-python.tar.gz")
    known(monkeypatch, tmp_path / "cache")
    import shutil

    shutil.rmtree(tmp_path / "cache" / "cifar-10-batches-py")
    assert len(cifar10("train", mirrors=[], cache=tmp_path / "cache")) == 20


# The real files


def test_the_real_layouts_agree():
    """Of a copy of CIFAR-10 in both layouts."""
    root = Path(os.environ.get("MINICNN_CIFAR", "nowhere"))
    if not (root / "cifar-10-batches-py").is_dir():
        pytest.skip("needs MINICNN_CIFAR, a folder with both layouts of CIFAR-10")
    one, other = (cifar10("test", root / f"cifar-10-batches-{end}") for end in ("py", "bin"))
    assert np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)
    assert np.bincount(one.labels).tolist() == [1000] * 10
    assert [one.classes[k] for k in one.labels[:4]] == ["cat", "ship", "ship", "airplane"]
