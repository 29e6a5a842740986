"""Unpack archives of strangers: nothing leaves the folder, and nothing grows without bound."""

import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

_GROWTH, _FREE = 50, 1 << 26  # unpacked bytes per byte of the archive; bytes that any may have
_LARGEST = 1 << 35  # unpacked bytes
_MOST_FILES = 1_000_000
_CHUNK = 1 << 20
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError,
    NotImplementedError, RuntimeError, UnicodeError, OverflowError,
)  # fmt: skip

Member = tuple[str, IO[bytes] | None]  # its name in the archive; its content, None for a folder


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Put what a .tar, .tar.gz or .zip file holds into `folder`; gives its files and folders there.

    The kind is told from the content. Everything is unpacked beside its place first, so that each
    top-level file or folder appears whole or not at all. What is in its way is kept: it is renamed
    to NAME.old, NAME.old1, ...

    Raises ValueError, naming the archive, if it is damaged or no archive, if a member is anything
    but a file or a folder below the archive's root, or if it unpacks to far more than it should;
    OSError if the folder cannot be written. Nothing has been changed then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{archive.name}.", dir=folder))
    try:
        _unpack_below(temporary, archive)
        return [_move(path, folder / path.name) for path in sorted(temporary.iterdir())]
    finally:
        shutil.rmtree(temporary)


def _unpack_below(root: Path, archive: Path) -> None:
    budget = _Budget(archive)
    try:
        with archive.open("rb") as file:
            for name, content in _members(file, budget):
                target = _target(root, name, archive)
                budget.count_file()
                if content is None:
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("xb") as out:
                    while chunk := content.read(_CHUNK):
                        budget.spend(len(chunk))
                        out.write(chunk)
    except _DAMAGE as error:
        raise _bad(archive, "must be a whole, undamaged archive", error) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        name = Path(str(error.filename)).name
        raise _bad(archive, "must hold every name once", f"{name} twice") from error


def _members(file: BinaryIO, budget: "_Budget") -> Iterator[Member]:
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        yield from _zip_members(file, budget)
    elif start[:2] == b"\x1f\x8b":
        with gzip.open(file) as unzipped:
            yield from _tar_members(unzipped, budget)
    else:
        yield from _tar_members(file, budget)


def _zip_members(file: BinaryIO, budget: "_Budget") -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive is not from Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise budget.refuse(f"{info.filename}, a link or a device")
            yield info.filename, None if info.is_dir() else archive.open(info)


def _tar_members(file: Any, budget: "_Budget") -> Iterator[Member]:
    bounded: Any = _Bounded(file, budget)
    with tarfile.open(fileobj=bounded, mode="r|") as archive:
        for info in archive:
            if info.issparse() or not (info.isreg() or info.isdir()):
                raise budget.refuse(f"{info.name}, a link or a device")
            yield info.name, None if info.isdir() else archive.extractfile(info)
    while bounded.read(_CHUNK):  # to the checksum at the end
        pass


class _Budget:
    """How much an archive may unpack to."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.most = self.left = min(_GROWTH * archive.stat().st_size + _FREE, _LARGEST)
        self.files = 0

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            found = f"more than {self.most >> 20:,} MiB"
            raise _bad(self.archive, "must not unpack to far more than its size", found)

    def count_file(self) -> None:
        self.files += 1
        if self.files > _MOST_FILES:
            raise _bad(self.archive, f"must hold at most {_MOST_FILES:,} files", "more")

    def refuse(self, what: str) -> ValueError:
        return _bad(self.archive, "must hold plain files and folders only", what)


class _Bounded:
    """A stream of which no more can be read than an archive may unpack to.

    The tar reader takes whole headers into memory, however long they say they are.
    """

    def __init__(self, file: Any, budget: _Budget) -> None:
        self.file, self.budget = file, budget
        self.left = budget.most + _FREE  # headers and padding

    def read(self, count: int) -> bytes:
        data = self.file.read(count)
        self.left -= len(data)
        if self.left < 0:
            self.budget.spend(self.budget.most + 1)
        return data


def _target(root: Path, name: str, archive: Path) -> Path:
    """Where a member goes. Raises ValueError if that is not below `root`, on any system."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(c in name for c in "\\:\0") or not name:
        raise _bad(archive, "members must lie below its root", repr(name))
    return root.joinpath(*path.parts)


def _move(source: Path, target: Path) -> Path:
    if os.path.lexists(target):
        ways = (target.with_name(f"{target.name}.old{n or ''}") for n in range(_MOST_FILES))
        target.rename(next(way for way in ways if not os.path.lexists(way)))
    return source.rename(target)


def _bad(archive: Path, rule: str, found: object) -> ValueError:
    return ValueError(f"{archive}: {rule}, got {found}; get it from a source that you trust")
