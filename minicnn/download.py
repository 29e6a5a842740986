"""Download a file with a known checksum from the first mirror that has it."""

import errno
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

_PATIENCE = 20  # seconds without a byte before the next mirror is tried
_SLOW, _TRIAL = 20_000, 30  # bytes per second; seconds after which a mirror must be faster
_CHUNK = 1 << 16  # bytes
_LARGEST = 1 << 34  # bytes of a file whose size nobody tells

Mirror = str | Mapping[str, str]


def cache_folder(name: str) -> Path:
    """Where this user's downloads of one kind (`"mnist"`, `"weights"`) are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("minicnn", appauthor=False)) / name


def download(
    name: str, checksum: str, mirrors: Sequence[Mirror], folder: Path, size: int | None = None
) -> Path:
    """Put the file `name` into `folder` and return its path; a whole file there is kept.

    A mirror is the URL of the folder that holds the file, or a mapping from names of files to
    their URLs. ``checksum`` is ``"md5:..."`` or the first hexadecimal digits of the SHA-256, all
    64 or as many as are known; ``size`` is in bytes.

    The file gets its name only after its checksum was right. What a cut connection or a killed
    process has left, ``.NAME.CHECKSUM.part``, is continued by the next call, from any mirror. Of
    several processes that want the file, one downloads it and the others wait.

    Raises ConnectionError, with the reason of each mirror, if none serves the right bytes; OSError
    if the folder cannot be written or the disk is full.
    """
    path = folder / name
    if path.is_file() and _has(path, checksum):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.{checksum.rpartition(':')[2][:8]}.part"
    with alone(part.with_suffix(".lock"), name):
        if not (path.is_file() and _has(path, checksum)):  # as the process before us may have left
            _from_mirrors(name, checksum, mirrors, part, size)
            part.replace(path)
    return path


@contextmanager
def alone(path: Path, name: str) -> Iterator[None]:
    """Wait until no other process is in here with the same lock file."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process, which gets {name}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # safe while we hold it: who waits for a file without a name tries anew
        lock.release()


def _from_mirrors(
    name: str, checksum: str, mirrors: Sequence[Mirror], part: Path, size: int | None
) -> None:
    """Make `part` the whole file, whatever part of it is there."""
    import requests
    import urllib3

    if part.is_file() and _has(part, checksum):  # killed before it got its name
        return
    failures: list[str] = []
    last: Exception | None = None
    for i, mirror in enumerate(mirrors):
        url = mirror[name] if isinstance(mirror, Mapping) else f"{mirror.rstrip('/')}/{name}"
        slow = _SLOW if i + 1 < len(mirrors) else 0
        try:
            _fetch_right(url, checksum, part, size, slow)
            return
        except (requests.RequestException, urllib3.exceptions.HTTPError, _BadMirror) as error:
            failures.append(f"{url} ({_reason(error)})")
            last = error
    raise ConnectionError(
        f"{name}: a mirror must serve it whole, got {', '.join(failures) or 'no mirror'}; "
        f"check the network connection, or put the file into {part.parent}"
    ) from last


class _BadMirror(Exception):
    """Why a mirror's answer is not the file, in a few words."""


def _fetch_right(url: str, checksum: str, part: Path, size: int | None, slow: int) -> None:
    """Fetch what `part` lacks, and all of it if that does not give the right file."""
    for begun in (part.is_file() and part.stat().st_size > 0, False):
        _fetch(url, part, size, slow)
        if _has(part, checksum):
            return
        part.unlink()
        if not begun:
            break
    raise _BadMirror("wrong checksum")


def _has(path: Path, checksum: str) -> bool:
    kind, _, digits = checksum.rpartition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind or "sha256").hexdigest().startswith(digits)


def _fetch(url: str, part: Path, size: int | None, slow: int) -> None:
    """Append to `part` what it lacks, or write it anew where the server sends all."""
    import requests
    import urllib3

    start = part.stat().st_size if part.is_file() else 0
    if size is not None and start >= size:
        start = 0  # whole, but wrong
    # Bytes as they are in the file: compressed on the way, they could not be continued.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=_PATIENCE) as response:
        if response.status_code == 416:  # there are no bytes behind those that we have
            part.write_bytes(b"")
            return
        response.raise_for_status()
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise _BadMirror("a web page instead of the file")
        start = _first_byte(response, start)
        total = _total(response, start, size)
        _check_disk(part, start, total)
        try:
            with part.open("ab" if start else "wb") as file, _bar(url, start, total) as advance:
                _copy(response.raw, file, (total or _LARGEST) - start, slow, advance)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _full(part, total) from error
            raise
        except urllib3.exceptions.ProtocolError:  # the connection was cut
            if total is None:
                raise
    if total is not None and part.stat().st_size < total:
        raise _BadMirror(f"cut after {part.stat().st_size:,} of {total:,} bytes")


def _first_byte(response: Any, wanted: int) -> int:
    """At which byte of the file the answer begins: a server may send all of it instead of a part.

    Raises _BadMirror where it is another part.
    """
    if response.status_code != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != wanted:
        raise _BadMirror("another part than the wanted one")
    return wanted


def _total(response: Any, start: int, size: int | None) -> int | None:
    """The size of the whole file, in bytes, if anybody tells."""
    length = response.headers.get("Content-Length", "")
    told = start + int(length) if length.isdecimal() else None
    if None not in (size, told) and told != size:
        raise _BadMirror(f"{told:,} bytes instead of {size:,}")
    total = size if size is not None else told
    if total is not None and total > _LARGEST:
        raise _BadMirror(f"{total:,} bytes, which no file has here")
    return total


def _copy(source: Any, file: BinaryIO, most: int, slow: int, advance: Any) -> None:
    """Write what comes, as it comes; raise _BadMirror if it is more than `most` bytes or slow."""
    begin, count = time.monotonic(), 0
    for chunk in source.stream(_CHUNK, decode_content=False):
        count += len(chunk)
        if count > most:
            file.truncate(0)  # wrong from an unknown byte on
            raise _BadMirror("more bytes than the file has")
        file.write(chunk)
        advance(len(chunk))
        seconds = time.monotonic() - begin
        if seconds > _TRIAL and count < slow * seconds:
            raise _BadMirror(f"only {count / seconds / 1000:.0f} kB/s")
    file.flush()
    os.fsync(file.fileno())


def _check_disk(part: Path, start: int, total: int | None) -> None:
    if total is not None and shutil.disk_usage(part.parent).free < total - start:
        raise _full(part, total)


def _full(part: Path, total: int | None) -> OSError:
    need = "the file" if total is None else f"{total / 1e6:,.1f} MB"
    free = shutil.disk_usage(part.parent).free / 1e6
    return OSError(
        f"{part.parent}: the disk must have room for {need}, got {free:,.1f} MB free; make room "
        "and start again: what has come so far is kept"
    )


@contextmanager
def _bar(url: str, start: int, total: int | None) -> Iterator[Any]:
    """A progress bar on a terminal, one line elsewhere; gives what moves it by some bytes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        begun = f", continued at {start / 1e6:,.1f} MB" if start else ""
        print(f"downloading {url}{begun}", file=sys.stderr)
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(url.rsplit("/", 1)[-1], completed=start, total=total)
        yield lambda count: progress.advance(task, count)


def _reason(error: Exception) -> str:
    """A few words; the full error is chained."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return str(error) if isinstance(error, _BadMirror) else type(error).__name__
