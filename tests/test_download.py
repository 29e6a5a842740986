"""Downloads from a real local server: bad mirrors, cut connections, two processes, a full disk."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minicnn.download import download

from .web import serve

NAME = "some.bin"
BODY = np.random.default_rng(0).bytes(600_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
PART = f".{NAME}.{SHA256[:8]}.part"
ROOT = Path(__file__).parents[1]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a folder with the file."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / NAME).write_bytes(BODY)
    with serve(tmp_path / "served") as url:
        yield url


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_download(url, tmp_path, capfd):
    path = download(NAME, SHA256, [f"{url}/"], tmp_path / "new" / "cache", len(BODY))
    assert path == tmp_path / "new" / "cache" / NAME
    assert path.read_bytes() == BODY and names(path.parent) == [NAME]
    assert capfd.readouterr() == ("", f"downloading {url}/{NAME}\n")


@pytest.mark.parametrize("checksum", [SHA256[:8], f"md5:{hashlib.md5(BODY).hexdigest()}"])
def test_kinds_of_checksums(url, cache, checksum):
    assert download(NAME, checksum, [url], cache).read_bytes() == BODY
    wrong = checksum[:-1] + ("0" if checksum[-1] != "0" else "1")
    with pytest.raises(ConnectionError, match="wrong checksum"):
        download(NAME, wrong, [url], cache)


def test_a_mirror_may_have_its_own_url(url, cache, tmp_path):
    (tmp_path / "served" / NAME).rename(tmp_path / "served" / "other")
    mirrors = [{NAME: f"{url}/other"}]
    assert download(NAME, SHA256, mirrors, cache).read_bytes() == BODY


def test_a_whole_file_is_not_fetched_again(cache, nobody, capfd):
    cache.mkdir()
    (cache / NAME).write_bytes(BODY)
    assert download(NAME, SHA256, [nobody], cache).read_bytes() == BODY
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_is_replaced_when_there_is_another(url, cache, nobody):
    cache.mkdir()
    (cache / NAME).write_bytes(b"the user's own")
    with pytest.raises(ConnectionError, match="ConnectionError"):
        download(NAME, SHA256, [nobody], cache)
    assert (cache / NAME).read_bytes() == b"the user's own"
    assert download(NAME, SHA256, [url], cache).read_bytes() == BODY


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "HTTP status 404"),
        ("busy", "HTTP status 503"),
        ("html", "a web page instead of the file"),
        ("long", "1,099,511,627,776 bytes, which no file has here"),
        ("endless", None),
        ("other", "wrong checksum"),
    ],
)
def test_a_bad_mirror_is_passed_over_and_leaves_nothing(url, cache, tmp_path, kind, reason):
    (tmp_path / "served" / "other").mkdir()
    (tmp_path / "served" / "other" / NAME).write_bytes(BODY[:-1] + b"x")
    size = len(BODY) if kind == "endless" else None
    reason = reason or "more bytes than the file has"
    with pytest.raises(ConnectionError) as caught:
        download(NAME, SHA256, [f"{url}/{kind}"], cache, size)
    assert f"{url}/{kind}/{NAME} ({reason})" in str(caught.value)
    assert f"put the file into {cache}" in str(caught.value)
    assert not (cache / NAME).exists() and sum(p.stat().st_size for p in cache.iterdir()) == 0
    assert download(NAME, SHA256, [f"{url}/{kind}", url], cache, size).read_bytes() == BODY
    assert names(cache) == [NAME]


@pytest.mark.parametrize("told", [len(BODY) - 1, len(BODY) + 1])
def test_a_file_of_another_size_is_refused_before_it_comes(url, cache, told):
    with pytest.raises(ConnectionError, match=f"{len(BODY):,} bytes instead of {told:,}"):
        download(NAME, SHA256, [url], cache, told)
    assert names(cache) == []


# What was cut is continued


def cut(url: str, cache: Path) -> int:
    """Let a download be cut; gives how many bytes came."""
    with pytest.raises(ConnectionError, match=r"cut after [\d,]+ of 600,000 bytes"):
        download(NAME, SHA256, [f"{url}/cut"], cache)
    assert names(cache) == [PART]
    begun = (cache / PART).read_bytes()
    assert 0 < len(begun) < len(BODY) and BODY.startswith(begun)
    return len(begun)


@pytest.mark.parametrize("kind", ["range", "cut"])
def test_a_cut_download_is_continued_by_the_next_mirror(url, cache, kind, capfd):
    begun = cut(url, cache)
    capfd.readouterr()
    mirrors = [f"{url}/cut", f"{url}/{kind}", f"{url}/range"]
    assert download(NAME, SHA256, mirrors, cache).read_bytes() == BODY
    assert names(cache) == [NAME]
    asked = [int(part[6:-1]) for _, part in url.requests if part]
    assert asked[0] == begun and asked == sorted(set(asked))  # each went on where the last ended
    assert "continued at 0.3 MB" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["full", "wrong"])
def test_a_server_that_does_not_send_the_part(url, cache, kind):
    cut(url, cache)
    mirrors = [f"{url}/{kind}", f"{url}/range"]
    assert download(NAME, SHA256, mirrors, cache).read_bytes() == BODY
    last = url.requests[-1][0]
    assert last.startswith("/full" if kind == "full" else "/range")


@pytest.mark.parametrize("kind", ["html", "busy", "missing"])
def test_a_bad_mirror_leaves_what_was_begun(url, cache, kind):
    begun = cut(url, cache)
    with pytest.raises(ConnectionError):
        download(NAME, SHA256, [f"{url}/{kind}"], cache)
    assert (cache / PART).stat().st_size == begun


@pytest.mark.parametrize("begun", [b"x" * 100, b"x" * len(BODY), b"x" * (len(BODY) + 9)])
@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_wrong_beginning_is_thrown_away(url, cache, begun, size):
    cache.mkdir()
    (cache / PART).write_bytes(begun)
    assert download(NAME, SHA256, [f"{url}/range"], cache, size).read_bytes() == BODY
    assert names(cache) == [NAME]


def test_a_whole_part_needs_no_network(cache, nobody):
    cache.mkdir()
    (cache / PART).write_bytes(BODY)
    assert download(NAME, SHA256, [nobody], cache).read_bytes() == BODY
    assert names(cache) == [NAME]


# Several processes

PROGRAM = (
    "import sys; from pathlib import Path; from minicnn.download import download\n"
    f"print(download({NAME!r}, {SHA256!r}, [sys.argv[1]], Path(sys.argv[2])))"
)


def start(url: str, cache: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(cache)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_processes_share_one_download(url, cache):
    processes = [start(f"{url}/slow", cache) for _ in range(3)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert out.strip() == str(cache / NAME), err
    assert len(url.requests) == 1 and (cache / NAME).read_bytes() == BODY
    assert names(cache) == [NAME]


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of Unix")
def test_a_killed_process_leaves_no_lock_and_its_part(url, cache):
    process = start(f"{url}/endless", cache)
    part = cache / PART
    while process.poll() is None and not (part.is_file() and part.stat().st_size > len(BODY)):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with part.open("r+b") as file:
        file.truncate(len(BODY) // 3)  # what `endless` sends begins like the file
    assert download(NAME, SHA256, [f"{url}/range"], cache, len(BODY)).read_bytes() == BODY
    assert url.requests[-1] == (f"/range/{NAME}", f"bytes={len(BODY) // 3}-")
    assert names(cache) == [NAME]


# The disk


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said(url, cache):
    cache.mkdir()
    (cache / PART).symlink_to("/dev/full")  # whoever writes there is told that the disk is full
    with pytest.raises(OSError, match=r"cache: the disk must have room for 0.6 MB, got .* MB free"):
        download(NAME, SHA256, [url, url], cache)
    assert len(url.requests) == 1  # another mirror would not help
    (cache / PART).unlink()
    assert download(NAME, SHA256, [url], cache).read_bytes() == BODY
