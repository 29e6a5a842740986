"""Bad files given to the command line: a line or two, exit code 1, and everything survives."""

import gzip
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from minicnn import weights
from minicnn.cli import main

from . import checkpoints
from .test_cli import FAST, run
from .test_data_cifar import FLAG, HOSTILE, WRONG, binary10, dump, python10
from .test_data_mnist import FOUR, fill, idx

RNG = np.random.default_rng(0)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current folder and no data from the environment."""
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(*args: object, says: str) -> None:
    """The command fails with a plain line or two; --debug shows the error itself."""
    error = run(*args, code=1).stderr
    assert says in error and error.startswith("minicnn: "), error
    assert len(error.splitlines()) <= 2
    result = CliRunner().invoke(main, [*map(str, args), "--debug"])
    assert result.exit_code == 1 and result.exc_info is not None
    assert not isinstance(result.exception, SystemExit)  # Python prints it with its traceback


# Data sets


def cut(path: Path, share: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * share)])


def change(path: Path, position: int, value: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] = value
    path.write_bytes(content)


def _label_out_of_range(folder: Path) -> None:
    (folder / FOUR[1]).write_bytes(gzip.compress(idx(np.array([0, 1, 2, 3, 10]))))


MNIST: dict[str, tuple[bool, Callable[[Path], object], str]] = {
    "cut gz": (True, lambda f: cut(f / FOUR[0]), "gz: a gzip file must be whole and undamaged"),
    "cut idx": (False, lambda f: cut(f / FOUR[0][:-3]), "ubyte: 3920 bytes must follow the head"),
    "empty": (False, lambda f: cut(f / FOUR[0][:-3], 0), "got an empty file"),
    "magic": (False, lambda f: change(f / FOUR[0][:-3], 2, 7), "byte 2 (the number type) must be"),
    "label": (True, _label_out_of_range, "labels must be 0..9 for the 10 classes"),
}


@pytest.mark.parametrize("damage", MNIST)
def test_idx_files(here, damage):
    zipped, harm, says = MNIST[damage]
    fill(here / "mnist", zipped=zipped)
    harm(here / "mnist")
    before = files(here)
    refused("train", "--data", "mnist", "--data-dir", here, "--out", "r", *FAST, says=says)
    refused("data", "preview", "mnist", "--data-dir", here, says=says)
    assert says in run("data", "doctor", "--data-dir", here, code=1).stdout
    assert files(here) == before and not (here / "r").exists()


CIFAR: dict[str, tuple[Callable[[Path], object], Callable[[Path], object], str]] = {
    "cut": (python10, lambda f: cut(f / "data_batch_3"), "data_batch_3: must be a whole batch"),
    "cut binary": (binary10, lambda f: cut(f / "data_batch_3.bin", 0.4), "whole records of 3073"),
    "type": (python10, lambda f: dump(f / "data_batch_3", WRONG["floats"][0]), "must be bytes of"),
    "code": (
        python10, lambda f: (f / "data_batch_3").write_bytes(HOSTILE["os.system"]),
        "the name posix.system, which would run code; nothing was run",
    ),
    "label": (binary10, lambda f: change(f / "data_batch_3.bin", 0, 10), "labels must be 0..9"),
}  # fmt: skip


@pytest.mark.parametrize("damage", CIFAR)
def test_cifar_files(here, damage):
    make, harm, says = CIFAR[damage]
    make(here / "cifar10")
    harm(here / "cifar10")
    before = files(here)
    refused("train", "--data", "cifar10", "--data-dir", here, "--out", "r", *FAST, says=says)
    refused("data", "preview", "cifar10", "--data-dir", here, says=says)
    assert files(here) == before and not (here / "r").exists() and not (here / FLAG).exists()


# Photos


def photo(path: Path, side: int = 12) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (side, side, 3), np.uint8)).save(path)


@pytest.fixture
def photos(here) -> Path:
    """Two classes of three photos."""
    for name in ("a", "b"):
        for i in range(3):
            photo(here / "photos" / name / f"{i}.jpg")
    return here / "photos"


def bomb(path: Path) -> None:
    """A PNG file whose header promises 3.6 gigapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        ends = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return ends[0] + kind + data + ends[1]

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x"))


def broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone.jpg")


PHOTOS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no image": (
        lambda p: p.write_text("no"),
        "must be a whole image file (PNG, JPEG, ...), got",
    ),
    "cut": (cut, "must be a whole image file (PNG, JPEG, ...), got a damaged one (Truncated"),
    "empty": (lambda p: p.write_bytes(b""), "must be an image file, got an empty file"),
    "bomb": (bomb, "an image must have at most 89,478,485 pixels"),
    "link": (broken_link, "must be an image file, got a broken link to gone.jpg"),
}
SMALL = ("--model", "lenet5_small", "--epochs", 2, "--batch-size", 2, "--val-fraction", 0, *FAST)


@pytest.mark.parametrize("damage", PHOTOS)
def test_a_bad_photo(photos, damage):
    """It is named; once it is mended the training goes on."""
    harm, says = PHOTOS[damage]
    path = photos / "b" / "1.jpg"
    whole = path.read_bytes()
    harm(path)
    before = files(photos)
    refused("predict", "lenet5", path, *FAST, says=f"{path}: {says}")
    refused("train", "--data", photos, "--out", "r", *SMALL, says=f"{path}: {says}")
    assert files(photos) == before
    if Path("r").exists():
        path.unlink()
        path.write_bytes(whole)
        assert "run folder r" in run("train", "--resume", "r").stdout


def test_odd_photos_are_read(here):
    """16-bit, palette, CMYK, alpha, turned by EXIF, one pixel, animated, grey, one bit."""
    pixels = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    picture, folder = Image.fromarray(pixels), here / "odd"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(folder / "a" / "deep.png")
    picture.quantize(9).save(folder / "a" / "palette.png")
    picture.convert("CMYK").save(folder / "a" / "cmyk.jpg")
    picture.convert("RGBA").save(folder / "a" / "alpha.png")
    picture.save(folder / "b" / "turned.jpg", exif=turned)
    Image.new("RGB", (1, 1), "red").save(folder / "b" / "dot.png")
    picture.save(folder / "b" / "film.gif", save_all=True, append_images=[picture.rotate(90)])
    picture.convert("1").save(folder / "b" / "bits.png")
    options = ("--model", "resnet20", "--epochs", 1, "--batch-size", 4, "--val-fraction", 0)
    run("train", "--data", folder, "--out", "r", "--workers", 2, *options, *FAST)
    shown = run("predict", "r", *sorted(folder.rglob("*.*")), *FAST).stdout
    assert shown.count(": a\n") + shown.count(": b\n") == 8


def _lonely(folder: Path) -> None:
    shutil.rmtree(folder / "a")


def _emptied(folder: Path) -> None:
    for path in (folder / "a").iterdir():
        path.unlink()


def _absent(folder: Path) -> None:
    shutil.rmtree(folder)


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "one class": (_lonely, "must have at least 2 class folders, got only b"),
    "empty class": (_emptied, "a: a class folder must hold images, got none"),
    "no images": (lambda f: [_lonely(f), (f / "b").rename(f / ".b")], "no images in sub-folders"),
    "no folder": (
        _absent,
        "photos is no folder of images, nor a table, nor a data set; ",
    ),
}


@pytest.mark.parametrize("damage", FOLDERS)
def test_folders_of_photos(photos, damage):
    harm, says = FOLDERS[damage]
    harm(photos)
    refused("train", "--data", photos, "--out", "r", *SMALL, says=says)
    assert not Path("r").exists()


@pytest.mark.usefixtures("no_rights")
def test_a_folder_that_may_not_be_read(photos):
    (photos / "b").chmod(0)
    refused("train", "--data", photos, "--out", "r", *SMALL, says="b: must be readable, got Perm")
    refused("data", "preview", photos, says="b: must be readable, got Permission denied")
    (photos / "b").chmod(0o700)
    (photos / "b" / "0.jpg").chmod(0)
    says = "0.jpg: must be readable, got Permission denied"
    refused("predict", "lenet5", photos / "b" / "0.jpg", *FAST, says=says)
    Path("closed").mkdir(0o500)
    refused("train", "--epochs", 1, "--out", "closed/r", *FAST, says="minicnn: closed/r: Perm")
    assert not list(Path("closed").iterdir())


# Weights and checkpoints


def _lying(path: Path) -> None:
    header = {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))


def _oversized(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**60) + path.read_bytes()[8:])


def _another(path: Path) -> None:
    weights.save(path, {"w": np.ones(3)})


def _evil(path: Path) -> None:
    body = checkpoints.name("os", "system") + checkpoints.several(checkpoints.text(f"touch {FLAG}"))
    path.write_bytes(checkpoints.archive(body + b"R"))


WEIGHTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (cut, "must be a whole, undamaged .safetensors file"),
    "lying header": (_lying, "must be a whole, undamaged .safetensors file"),
    "oversized header": (_oversized, "must be a whole, undamaged .safetensors file"),
    "another model": (_another, "w"),
    "code": (_evil, "tensors only, got os.system, a name that"),
    "no file": (lambda p: p.unlink(), "best.safetensors"),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "r"
    run("train", "--epochs", 1, "--schedule", "none", "--out", folder, *FAST)
    return folder


@pytest.mark.parametrize("damage", WEIGHTS)
def test_files_of_weights(finished, here, damage):
    harm, says = WEIGHTS[damage]
    shutil.copytree(finished, "r")
    photo(here / "photo.png", 8)
    file = Path("r", "best.safetensors")
    harm(file)
    before = files(here)
    refused("train", "--weights", file, "--out", "new", *FAST, says=says)
    refused("predict", "lenet5_small", "photo.png", "--weights", file, *FAST, says=says)
    if damage != "no file":  # then the last weights are taken
        refused("evaluate", "r", *FAST, says=says)
        refused("predict", "r", "photo.png", *FAST, says=says)
    assert files(here) == before


@pytest.mark.parametrize("damage", ["cut", "lying header", "oversized header", "newer", "model"])
def test_checkpoints(finished, here, damage):
    """`best` is as it was, and the damaged file too: somebody may mend it."""
    shutil.copytree(finished, "r")
    path = Path("r", "last.safetensors")
    says = "must be a whole, undamaged .safetensors file"
    if damage in WEIGHTS:
        WEIGHTS[damage][0](path)
    elif damage == "newer":
        texts = weights.load_metadata(path) | {"minicnn_checkpoint": "2"}
        weights.save(path, weights.load(path), texts)
        says = "format must be at most 1, got 2; a newer minicnn wrote it"
    else:
        config = json.loads(Path("r", "config.json").read_text(encoding="utf-8"))
        config["model"] = "lenet5"
        Path("r", "config.json").write_text(json.dumps(config), encoding="utf-8")
        says = "lenet5"
    before = files(Path("r"))
    refused("train", "--resume", "r", "--epochs", 2, says=says)
    assert {name: body for name, body in files(Path("r")).items() if name != ".lock"} == {
        name: body for name, body in before.items() if name != ".lock"
    }


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are a matter of Unix")
def test_no_room_for_a_checkpoint(finished, here):
    """The limit of a file's size stands for a full disk: both fail while the file is written."""
    import resource

    shutil.copytree(finished, "r")
    whole = Path("r", "last.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, limits[1]))
    try:
        error = run("train", "--resume", "r", "--epochs", 2, code=1).stderr
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "safetensors: the disk must have room for " in error and "make room and go on" in error
    assert Path("r", "last.safetensors").read_bytes() == whole
    assert not list(Path("r").glob(".*.tmp"))
    assert "run folder r" in run("train", "--resume", "r", "--epochs", 2).stdout
