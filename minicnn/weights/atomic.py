"""Write a file whole or not at all."""

import os
from os import PathLike
from pathlib import Path


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Put ``content`` into the file ``path``; whatever stood there before is replaced at once.

    The bytes go to a temporary file in the same folder and on to the disk before that file takes
    the name. So an interruption, a crash or a full disk leaves the old file as it was.

    Raises OSError if the folder does not exist or cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
