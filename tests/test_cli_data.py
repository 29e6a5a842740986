"""`minicnn data`: list, doctor, prepare and preview, on small copies of the sets."""

import gzip
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from minicnn.cli import main
from minicnn.data import CATALOG, cifar, idx_sets
from minicnn.data.source import Layout, Source

from .test_data_archives import member, tar
from .test_data_cifar import binary10, known, python10
from .test_data_mnist import FOUR, fill
from .web import serve


def run(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["data", *map(str, args)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, an empty cache, no MINICNN_DATA and no network."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "here"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server with a small MNIST, whose checksums are the known ones."""
    fill(tmp_path / "served", 9)
    with serve(tmp_path / "served") as url:
        remotes = []
        for remote in idx_sets.MNIST.layouts[0].remotes:
            content = (tmp_path / "served" / remote.name).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            remotes.append(remote._replace(checksum=digest, size=len(content), mirrors=[url]))
        first, second = idx_sets.MNIST.layouts
        source = Source("mnist", (Layout(first.files, remotes=remotes), second), ("mnist", ""))
        monkeypatch.setattr(idx_sets, "MNIST", source)
        monkeypatch.setitem(CATALOG, "mnist", CATALOG["mnist"]._replace(source=source))
        yield url


def cache(here: Path) -> Path:
    return here.parent / "cache" / "minicnn" / "mnist"


def test_list(here):
    fill(here / "data" / "mnist")
    lines = run("list", "--data-dir", "data").stdout.splitlines()
    rows = {line.split()[0]: line for line in lines[2:]}
    assert list(rows) == list(CATALOG)
    assert "1,437 + 360" in rows["digits"] and rows["digits"].endswith("comes with the program")
    assert rows["mnist"].split()[-1] == str(Path("data") / "mnist")
    assert "345" not in rows["mnist"] and "0.0 MB" in rows["mnist"]
    assert (
        "100   3 x 32 x 32   169.0 MB   not here; `minicnn data prepare cifar100"
        in (rows["cifar100"])
    )


def test_doctor_finds_nothing_wrong(here):
    fill(here / "mnist")
    out = run("doctor", "--data-dir", here).stdout
    assert f"mnist: whole, 5 + 5 images (the original has 60,000 + 10,000) in {here}/mnist" in out
    assert "cifar10: not here; `minicnn data prepare cifar10 --data-dir" in out
    assert "DAMAGED" not in out


def damage(folder: Path, how: str) -> str:
    """Give a word of the message."""
    path = folder / FOUR[0]
    if how == "missing":
        path.unlink()
        return f"must hold all files, got a folder without {FOUR[0]}"
    whole = path.read_bytes()
    if how == "cut":
        path.write_bytes(whole[:-9])
        return f"{path}: a gzip file must be whole"
    content = gzip.decompress(whole)
    path.write_bytes(content[:2] + b"\x07" + content[3:])
    return f"{path}: byte 2 (the number type) must be one of"


@pytest.mark.parametrize("place", ["cache", "MINICNN_DATA", "--data-dir"])
@pytest.mark.parametrize("how", ["cut", "magic", "missing"])
def test_doctor_names_the_damage_and_its_command_mends_it(here, served, monkeypatch, place, how):
    folder = cache(here) if place == "cache" else here / "my data" / "mnist"
    options = ["--data-dir", here / "my data"] if place == "--data-dir" else []
    if place == "MINICNN_DATA":
        monkeypatch.setenv("MINICNN_DATA", str(here / "my data"))
    fill(folder)
    message = damage(folder, how)
    result = run("doctor", *options, code=1)
    assert "mnist: DAMAGED in" in result.stdout and message in result.stdout
    assert result.stderr == "minicnn: damaged: mnist\n"
    command = result.stdout.split("mend it with: minicnn data ")[1].splitlines()[0]
    out = run(*shlex.split(command)).stdout
    assert out.startswith("mnist: whole, 5 + 5 images")
    assert "mnist: whole" in run("doctor", *options).stdout


def test_prepare(here, served):
    assert "whole, 5 + 5 images" in run("prepare", "mnist").stdout
    assert sorted(path.name for path in cache(here).iterdir()) == sorted(FOUR)
    requests = len(served.requests)
    assert "whole" in run("prepare", "mnist").stdout
    assert len(served.requests) == requests
    run("prepare", "mnist", "--data-dir", "elsewhere")
    assert sorted(path.name for path in Path("elsewhere/mnist").iterdir()) == sorted(FOUR)
    assert "comes with the program" in run("prepare", "digits").stdout


def test_prepare_does_not_hide_damage_elsewhere(here, served, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(here))
    fill(here / "mnist")
    damage(here / "mnist", "cut")
    lines = run("prepare", "mnist", code=1).stderr.splitlines()
    assert len(lines) == 2 and "--data-dir" in lines[1]


def test_a_damaged_batch_is_set_aside_not_lost(here):
    """And a whole binary layout beside a damaged python layout is not read in secret."""
    python10(here / "cifar10" / "cifar-10-batches-py")
    binary10(here / "cifar10" / "cifar-10-batches-bin")
    (here / "cifar10" / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"\x80\2cos\nsystem\n.")
    result = run("doctor", "--data-dir", here, code=1)
    assert "data_batch_2: must be a whole batch" in result.stdout
    assert "the name os.system, which would run code; nothing was run" in result.stdout


@pytest.mark.parametrize("name", ["cifar10", "mnist", "flowers102"])
def test_no_network(here, name):
    if name == "flowers102":
        pytest.importorskip("scipy", reason="Flowers-102 needs SciPy")
    result = run("prepare", name, code=1)
    assert "check the network connection, or put the file into" in result.stderr
    assert str(cache(here).parent / name) in result.stderr
    assert len(result.stderr.splitlines()) <= 6 and "Traceback" not in result.stderr


@pytest.fixture
def mirrors(served, monkeypatch):
    """A function that puts these mirrors in the place of MNIST's."""

    def choose(*kinds: str) -> None:
        urls = [f"{served}/{kind}" if kind else str(served) for kind in kinds]
        first, second = idx_sets.MNIST.layouts
        remotes = [remote._replace(mirrors=urls) for remote in first.remotes]
        source = Source("mnist", (Layout(first.files, remotes=remotes), second), ("mnist", ""))
        monkeypatch.setattr(idx_sets, "MNIST", source)
        monkeypatch.setitem(CATALOG, "mnist", CATALOG["mnist"]._replace(source=source))

    return choose


REASONS = {
    "busy": "HTTP status 503", "none": "HTTP status 404", "html": "a web page instead of the file",
    "cut": "cut after ", "wrong": "wrong checksum",
}  # fmt: skip


@pytest.mark.parametrize("kind", REASONS)
def test_bad_mirrors(here, served, mirrors, tmp_path, kind):
    """Alone each is an error in a line; before a good one it does no harm."""
    if kind == "wrong":
        fill(tmp_path / "served" / "other", 9)
        for path in (tmp_path / "served" / "other").iterdir():
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.write_bytes(content)
    name = "other" if kind == "wrong" else kind
    mirrors(name)
    for args in (("prepare", "mnist"), ("preview", "mnist")):
        lines = run(*args, code=1).stderr.splitlines()
        words = [line for line in lines if not line.startswith("downloading ")]
        assert len(words) == 1 and words[0].startswith("minicnn: "), lines
        assert REASONS[kind] in words[0] and f"put the file into {cache(here)}" in words[0]
        whole = [path for path in cache(here).iterdir() if path.name in FOUR]
        assert whole == []  # nothing wrong has a name that would be believed
    mirrors(name, "range")
    assert "whole, 5 + 5 images" in run("prepare", "mnist").stdout
    assert sorted(path.name for path in cache(here).iterdir()) == sorted(FOUR)
    continued = [part for path, part in served.requests if path.startswith("/range") and part]
    assert bool(continued) == (kind == "cut")


@pytest.mark.parametrize("name", ["../escaped", "/tmp/minicnn-escaped"])
def test_an_archive_that_would_leave_its_folder(here, tmp_path, monkeypatch, name):
    folder = tmp_path / "cache" / "minicnn" / "cifar10"
    folder.mkdir(parents=True)
    tar(folder / "cifar-10-python.tar.gz", [(member("good"), b"1"), (member(name), b"bad")])
    known(monkeypatch, folder)
    monkeypatch.setitem(CATALOG, "cifar10", CATALOG["cifar10"]._replace(source=cifar.CIFAR10))
    before = sorted(tmp_path.rglob("*"))
    result = run("prepare", "cifar10", code=1)
    assert f"members must lie below its root, got {name!r}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before and not Path("/tmp/minicnn-escaped").exists()


PREPARE = """
import json, sys
from minicnn.cli import main
from minicnn.data import CATALOG, idx_sets
from minicnn.data.source import Layout, Remote, Source
remotes = [Remote(*row) for row in json.loads(sys.argv[1])]
files = idx_sets.MNIST.layouts[0].files
source = Source("mnist", (Layout(files, remotes=remotes),), ("mnist", ""))
CATALOG["mnist"] = CATALOG["mnist"]._replace(source=source)
idx_sets.MNIST = source
main(["data", "prepare", "mnist"])
"""


def test_two_processes_prepare_at_once(here, served):
    remotes = [remote._replace(mirrors=[f"{served}/slow"])
               for remote in idx_sets.MNIST.layouts[0].remotes]  # fmt: skip
    command = [sys.executable, "-c", PREPARE, json.dumps(remotes)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and out.startswith("mnist: whole, 5 + 5 images")
    assert len(served.requests) == 4  # each file came once
    assert sorted(path.name for path in cache(here).iterdir()) == sorted(FOUR)


# Preview


def picture(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_preview(here):
    assert run("preview", "digits").stdout == "digits-train.png: 40 of 1,437 images\n"
    assert picture(here / "digits-train.png").std() > 30
    run("preview", "digits", "--split", "test", "--out", "x.png")
    assert not np.array_equal(picture(here / "x.png"), picture(here / "digits-train.png"))
    run("preview", "digits", "--out", "x.png")  # over a picture
    assert np.array_equal(picture(here / "x.png"), picture(here / "digits-train.png"))
    fill(here / "mnist", 255)
    run("preview", "mnist", "--data-dir", here)
    white = (picture(here / "mnist-train.png") == 255).all(axis=-1).mean()
    assert white > 0.9  # five white images: bytes were divided by 255


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("digits", "--out", "text.png"), "text.png: must be a PNG file or new, got some"),
        (("digits", "--out", "a.jpg"), "must end in .png, got a.jpg"),
        (("digits", "--out", "none/a.png"), "the folder must exist"),
        (("digits", "--split", "val"), 'split must be "train" or "test"'),
        (("mnits",), "did you mean 'mnist'?"),
        (("mnist", "--data-dir", "."), "mnist: folder . must hold train-im"),
    ],
)
def test_previews_that_are_refused(here, args, message):
    (here / "text.png").write_text("mine", encoding="utf-8")
    result = run("preview", *args, code=1)
    assert message in result.stderr and len(result.stderr.splitlines()) <= 2
    assert [path.name for path in here.iterdir()] == ["text.png"]
    assert (here / "text.png").read_text(encoding="utf-8") == "mine"


def test_preview_of_flowers(here):
    pytest.importorskip("scipy", reason="Flowers-102 needs SciPy")
    from .test_data_sets import flowers

    flowers(here / "flowers102")
    args = "preview", "flowers102", "--data-dir", here
    assert "3 of 3 images" in run(*args, "--split", "test").stdout
    assert picture(here / "flowers102-test.png").std() > 30
    shutil.rmtree(here / "flowers102" / "jpg")
    assert "without jpg/" in run(*args, code=1).stderr
