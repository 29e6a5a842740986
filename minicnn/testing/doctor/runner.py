"""A learner's file, checked in a process of its own: it may loop for ever, crash, or take all memory.

The answer is read from a file that the process writes (child.py), never from what it prints.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import IO, Any

from .child import MAPS, single
from .maps import load_maps
from .report import Diagnosis

STARTING = 60.0  # seconds that the process may take to begin, on a busy machine
MEMORY = 2 * 2**30
KEPT = 2000  # characters of what it prints
_ROOT = Path(__file__).parents[3]


def diagnose_file(
    path: str | PathLike[str], op: str, *, time_limit: float = 10.0, memory: int = MEMORY,
    **settings: Any,
) -> Diagnosis:  # fmt: skip
    """Check the functions of a learner's Python file for a known op, in a process of its own.

    The file holds ``<op>_forward`` and ``<op>_backward``, or ``forward`` and ``backward``, or
    ``<op>`` that returns (y, rule); `diagnose_exercise` tells what they look like, and takes the
    other ``settings``. ``time_limit`` is in seconds, ``memory`` in bytes (where the system can
    limit it).

    Raises FileNotFoundError where there is no file, ValueError for an unknown op or setting,
    RuntimeError where the doctor itself fails.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"diagnose_file: {path} must be a Python file, got none")
    if not time_limit > 0:
        raise ValueError(f"diagnose_file: time_limit must be positive, got {time_limit}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        request = {
            "path": str(path), "op": op, "settings": settings, "memory": memory,
            "time_limit": time_limit, "folder": name,
        }  # fmt: skip
        code, printed = _run(request, STARTING + time_limit)
        answer = folder / "answer"
        if not (folder / "place").exists():
            raise RuntimeError(f"diagnose_file: Python must start, got {' '.join(printed)}")
        if not answer.exists():
            trace = (folder / "place").read_text(errors="replace")
            return _ended(op, code, time_limit, trace, _place(trace, path))
        return _diagnosis(json.loads(answer.read_text(encoding="utf-8")), folder, printed)


def _run(request: dict[str, Any], patience: float) -> tuple[int | None, list[str]]:
    """The exit code of the process, None if it had to be ended, and the start of what it printed."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", f"from {__package__} import child; child.main()"]
    with _started(command, environment) as process:
        assert process.stdin and process.stdout
        printed: list[str] = []
        reader = threading.Thread(target=_keep_start, args=(process.stdout, printed), daemon=True)
        reader.start()
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(json.dumps(request).encode())
        try:
            code: int | None = process.wait(patience)
        except subprocess.TimeoutExpired:
            code = None
        _end(process)
        reader.join(1.0)
    return code, printed


@contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """The process, at the head of a group of its own, which is gone afterwards."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _end(process: subprocess.Popen) -> None:
    """End it, with all processes that it has started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass


def _keep_start(stream: IO[bytes], printed: list[str]) -> None:
    """Read everything, so that nothing blocks, and keep the first characters."""
    kept = b""
    while block := os.read(stream.fileno(), 65536):
        kept += block[: KEPT - len(kept)]
    printed.append(kept.decode(errors="replace"))


# What it left


def _place(trace: str, path: Path) -> str:
    """The innermost line of the learner's in a trace, which begins with the innermost."""
    for name, number in re.findall(r'File "(.*)", line (\d+)', trace):
        if Path(name) == path:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            line = lines[int(number) - 1].strip() if int(number) <= len(lines) else ""
            return f", line {number} of {path.name}: {line}"
    return ""


def _ended(op: str, code: int | None, time_limit: float, trace: str, place: str) -> Diagnosis:
    """The diagnosis of a process that left no answer, but perhaps a trace."""
    if code is None or "Timeout (" in trace:
        return single(op, "does-not-finish", f"still running after {time_limit:g} s{place}")
    if code == -getattr(signal, "SIGKILL", 9):
        return single(op, "out-of-memory", "the system ended the process")
    fatal = re.search(r"^(?:Windows fatal exception|Fatal Python error): (.*)$", trace, re.M)
    if fatal or code < 0:
        what = fatal[1] if fatal else signal.Signals(-code).name
        return single(op, "crashes", f"{what}{place}")
    return single(op, "exits", f"the process ended with code {code}{place}")


def _diagnosis(answer: dict[str, Any], folder: Path, printed: list[str]) -> Diagnosis:
    if "refused" in answer:
        raise ValueError(answer["refused"])
    if "failed" in answer:
        raise RuntimeError(f"diagnose_file: the doctor failed\n{answer['failed']}")
    found = Diagnosis.from_dict(answer["diagnosis"])
    first = next(iter(" ".join(printed).strip().splitlines()), "")
    notes = (*found.notes, f"the file prints: {first[:60]}") if first else found.notes
    maps = load_maps(folder / MAPS) if (folder / MAPS).exists() else ()
    return replace(found, notes=notes, maps=maps)
