"""Unpacking: what is whole arrives whole, and nothing hostile gets out of the folder."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from minicnn.data import unpack

GOOD = {"top/a.txt": b"one", "top/sub/b.bin": b"two" * 1000, "alone": b"3"}


def tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def make(path: Path, content: dict[str, bytes]) -> Path:
    """An archive of the kind that the name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        return path
    mode = "w" if path.suffix == ".tar" else "w:gz"
    return tar(path, [(member(name), data) for name, data in content.items()], mode)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.tar.gz", "a.zip", "b.zip"])
def test_unpacks(tmp_path, name):
    made = make(tmp_path / name, GOOD)
    path = made.rename(tmp_path / "no-ending") if name == "b.zip" else made  # content decides
    assert unpack(path, tmp_path / "out") == [tmp_path / "out" / "alone", tmp_path / "out" / "top"]
    assert tree(tmp_path / "out") == GOOD


def test_folders_in_archives(tmp_path):
    members = [(member("./", tarfile.DIRTYPE), b""), (member("./empty", tarfile.DIRTYPE), b""),
               (member("./full/x"), b"x")]  # fmt: skip
    unpack(tar(tmp_path / "a.tgz", members), tmp_path / "out")
    assert (tmp_path / "out" / "empty").is_dir() and tree(tmp_path / "out") == {"full/x": b"x"}


def test_what_is_in_the_way_is_kept(tmp_path):
    path = make(tmp_path / "a.tgz", GOOD)
    for i in range(3):
        (tmp_path / "out" / "top").mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / "top" / "a.txt").write_text(f"mine {i}", encoding="utf-8")
        unpack(path, tmp_path / "out")
        assert (tmp_path / "out" / "top" / "a.txt").read_bytes() == b"one"
    kept = [tmp_path / "out" / f"top.old{n}" / "a.txt" for n in ("", "1", "2")]
    assert [path.read_text(encoding="utf-8") for path in kept] == ["mine 0", "mine 1", "mine 2"]


def refused(path: Path, out: Path, message: str) -> None:
    """Nothing is changed, inside or outside of the folder."""
    out.mkdir(exist_ok=True)
    (out / "mine").write_text("kept", encoding="utf-8")
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(ValueError, match=message) as caught:
        unpack(path, out)
    assert str(caught.value).startswith(f"{path}: ")
    assert sorted(out.parent.rglob("*")) == before


@pytest.mark.parametrize("name", [
    "../escaped", "top/../../escaped", "/tmp/minicnn-escaped", "..", "a/..", "..\\escaped",
    "C:\\escaped", "C:escaped", "a/../b",
])  # fmt: skip
@pytest.mark.parametrize("ending", [".tgz", ".zip"])
def test_no_name_leaves_the_folder(tmp_path, name, ending):
    path = make(tmp_path / f"a{ending}", {"good": b"1", name: b"bad"})
    refused(path, tmp_path / "out", "members must lie below its root, got ")
    assert not Path("/tmp/minicnn-escaped").exists()


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc"), (tarfile.SYMTYPE, "good"), (tarfile.LNKTYPE, "../../secret"),
        (tarfile.LNKTYPE, "good"), (tarfile.CHRTYPE, ""), (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)  # fmt: skip
def test_links_and_devices_in_tar(tmp_path, kind, link):
    members = [(member("good"), b"1"), (member("bad", kind, link), b""), (member("bad/x"), b"2")]
    path = tar(tmp_path / "a.tgz", members)
    refused(path, tmp_path / "out", "plain files and folders only, got bad, a link or a device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_zip(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", "1")
        info = zipfile.ZipInfo("bad")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc")
    refused(tmp_path / "a.zip", tmp_path / "out", "files and folders only, got bad, a link or a")


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b", "a"], ["a", "./a"]])
def test_names_that_occur_twice(tmp_path, names):
    path = tar(tmp_path / "a.tgz", [(member(name), name.encode()) for name in names])
    refused(path, tmp_path / "out", "every name once|below its root")


# Damage


@pytest.mark.parametrize("name", ["a.tgz", "a.zip", "a.tar"])
def test_every_cut_is_noticed(tmp_path, name):
    whole = make(tmp_path / name, {"x": os.urandom(30_000), "y": b"2" * 500}).read_bytes()
    for share in (0.0, 0.01, 0.3, 0.6, 0.9, 0.99):
        if name == "a.tar" and share > 0.6:
            continue  # only padding is missing
        (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
        refused(tmp_path / name, tmp_path / "out", "must be a whole, undamaged archive")


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_changed_bytes_are_noticed(tmp_path, name):
    whole = bytearray(make(tmp_path / name, {"x": os.urandom(30_000)}).read_bytes())
    whole[20_000] ^= 1
    (tmp_path / name).write_bytes(whole)
    refused(tmp_path / name, tmp_path / "out", "must be a whole, undamaged archive")


@pytest.mark.parametrize(
    "content", [b"", b"x", b"<html>404</html>" * 99, b"\x1f\x8b", b"PK\x03\x04", b"\0" * 100]
)
def test_what_is_no_archive(tmp_path, content):
    (tmp_path / "a.tgz").write_bytes(content)
    refused(tmp_path / "a.tgz", tmp_path / "out", "must be a whole, undamaged archive")


def test_an_encrypted_zip(tmp_path):
    content = bytearray(make(tmp_path / "a.zip", {"x": b"1"}).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    refused(tmp_path / "a.zip", tmp_path / "out", "must be a whole, undamaged archive.*encrypted")


# Bombs: 200 MB of zeros in some 200 kB


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_bombs(tmp_path, name):
    make(tmp_path / name, {"zeros": bytes(200 << 20)})
    assert (tmp_path / name).stat().st_size < 1 << 20
    refused(tmp_path / name, tmp_path / "out", "must not unpack to far more than its size")


def test_a_tar_header_that_is_a_bomb(tmp_path):
    """The tar reader takes a pax header into memory whole."""
    info = member("header", tarfile.XHDTYPE)
    info.size = 200 << 20
    with gzip.open(tmp_path / "a.tgz", "wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.write(bytes(200 << 20))
    refused(tmp_path / "a.tgz", tmp_path / "out", "must not unpack to far more than its size")


def test_a_sparse_file_is_refused(tmp_path):
    info = member("sparse")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    refused(path, tmp_path / "out", "plain files and folders only, got sparse")
