"""Download a file with a known checksum from the first mirror that has it."""

import sys
from collections.abc import Sequence
from pathlib import Path

_PATIENCE = 20  # seconds without a byte before the next mirror is tried


def cache_folder(name: str) -> Path:
    """Where this user's downloads for the data set `name` are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("minicnn", appauthor=False)) / name


def download(name: str, sha256: str, mirrors: Sequence[str], folder: Path) -> Path:
    """Put the file `name` into `folder` and return its path; a whole file there is kept.

    A mirror is the URL of the folder that holds the file. The file gets its name only after the
    checksum was right, so an interrupted download leaves nothing that looks like data.

    Raises ConnectionError, with the reason of each mirror, if none serves the right bytes; OSError
    if the folder cannot be written.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its messages are longer than our one line
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.is_file() and pooch.file_hash(str(path)) == sha256:
        return path
    get = pooch.HTTPDownloader(timeout=_PATIENCE, chunk_size=1 << 16)
    failures: list[str] = []
    last: Exception | None = None
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}"
        print(f"downloading {url}", file=sys.stderr)
        try:
            pooch.retrieve(url, f"sha256:{sha256}", name, folder, downloader=get)
            return path
        except (OSError, ValueError) as error:
            failures.append(f"{url} ({_reason(error)})")
            last = error
    raise ConnectionError(
        f"{name}: a mirror must serve it whole, got {', '.join(failures) or 'no mirror'}; "
        "check the network connection"
    ) from last


def _reason(error: Exception) -> str:
    """One or two words; the full error is chained."""
    response = getattr(error, "response", None)
    if response is not None:
        response.close()  # pooch leaves a refused request open
        return f"HTTP status {response.status_code}"
    return type(error).__name__ if isinstance(error, OSError) else "wrong checksum"
