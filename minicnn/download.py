"""Download a file with a known checksum from the first mirror that has it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PATIENCE = 20  # seconds without a byte before the next mirror is tried
_CHUNK = 1 << 16  # bytes


def cache_folder(name: str) -> Path:
    """Where this user's downloads of one kind (`"mnist"`, `"weights"`) are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("minicnn", appauthor=False)) / name


def download(name: str, sha256: str, mirrors: Sequence[str], folder: Path) -> Path:
    """Put the file `name` into `folder` and return its path; a whole file there is kept.

    A mirror is the URL of the folder that holds the file; ``sha256`` are the first hexadecimal
    digits of the file's SHA-256, all 64 or as many as are known. The file gets its name only after
    they were right, so an interrupted download leaves nothing that looks like data.

    Raises ConnectionError, with the reason of each mirror, if none serves the right bytes; OSError
    if the folder cannot be written.
    """
    import requests

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.is_file() and _has(path, sha256):
        return path
    part = path.with_name(f".{name}.{os.getpid()}.part")
    failures: list[str] = []
    last: Exception | None = None
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}"
        part.unlink(missing_ok=True)
        try:
            _fetch(url, part)
            if not _has(part, sha256):
                raise ValueError(f"{url}: SHA-256 must begin with {sha256}")
            return part.replace(path)
        except (requests.RequestException, ValueError) as error:
            failures.append(f"{url} ({_reason(error)})")
            last = error
        finally:
            part.unlink(missing_ok=True)
    raise ConnectionError(
        f"{name}: a mirror must serve it whole, got {', '.join(failures) or 'no mirror'}; "
        "check the network connection"
    ) from last


def _has(path: Path, sha256: str) -> bool:
    import pooch

    return pooch.file_hash(str(path)).startswith(sha256)


def _fetch(url: str, path: Path) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its messages are longer than our one line
    with _Bar(url) as bar:
        get = pooch.HTTPDownloader(timeout=_PATIENCE, chunk_size=_CHUNK, progressbar=bar)
        pooch.retrieve(url, None, path.name, path.parent, downloader=get)


class _Bar:
    """A progress bar on a terminal, one line elsewhere; pooch sets `total` and calls the rest."""

    total = 0

    def __init__(self, url: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

        self.console = Console(stderr=True)
        if not self.console.is_terminal:
            print(f"downloading {url}", file=sys.stderr)
        columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self.progress = Progress(
            *columns, console=self.console, disable=not self.console.is_terminal
        )
        self.task = self.progress.add_task(url.rsplit("/", 1)[-1], total=None)

    def __enter__(self) -> "_Bar":
        self.progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.progress.stop()

    def update(self, n: int) -> None:
        self.progress.update(self.task, advance=n, total=self.total or None)

    def reset(self) -> None:
        self.progress.reset(self.task)

    def close(self) -> None:
        pass


def _reason(error: Exception) -> str:
    """One or two words; the full error is chained."""
    response = getattr(error, "response", None)
    if response is not None:
        response.close()  # pooch leaves a refused request open
        return f"HTTP status {response.status_code}"
    return type(error).__name__ if isinstance(error, OSError) else "wrong checksum"
