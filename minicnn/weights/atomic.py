"""Write a file whole or not at all."""

import errno
import os
from os import PathLike
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}  # disk, largest file, quota


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Put ``content`` into the file ``path``; whatever stood there before is replaced at once.

    The bytes go to a temporary file in the same folder and on to the disk before that file takes
    the name, and the name goes on to the disk too. So an interruption, a crash or a full disk
    leaves the old file as it was.

    Raises OSError if the folder does not exist, cannot be written or has no room.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise OSError(
            f"{path}: the disk must have room for {len(content):,} bytes, got {error.strerror}; "
            "what stood there before is as it was: make room and go on"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a process that was killed while it wrote into ``folder``.

    Nobody else may be writing there.
    """
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Put the folder's list of names on to the disk, where the system has a way to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:  # some network file systems sync no folders
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
