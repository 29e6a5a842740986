"""Check a learner's file in a process of its own: it may loop for ever, crash, take all memory."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .course import Course
from .exercise import Exercise
from .work import BROKEN, FAILED, PASSED, obstacle, still_blank

STARTING = 60.0  # seconds that the process may take to begin, on a busy machine
MEMORY = 2 * 2**30


@dataclass(frozen=True)
class Result:
    """What came of a check: passed, failed, not started or error; and what to print.

    ``bug`` and ``headline`` are the verdict's; ``diagnosis`` is all of it as plain data.
    """

    exercise: Exercise
    status: str
    text: str
    bug: str = ""
    headline: str = ""
    diagnosis: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == PASSED

    @property
    def summary(self) -> str:
        """One line for tables: the verdict, or why there is none."""
        return self.headline or ("" if self.ok else self.text.splitlines()[0])


def check(
    course: Course, exercise: Exercise, path: Path, seed: int = 0, memory: int = MEMORY,
    limit: float | None = None,
) -> Result:  # fmt: skip
    """Check one exercise of a learner's file.

    ``seed`` draws the numbers of the probes; ``limit`` is in seconds, else the exercise's own.
    Raises RuntimeError where the check itself fails.
    """
    if stop := obstacle(course.lesson(exercise.id), exercise, path):
        return Result(exercise, stop.status, f"{exercise.title}: {stop.text}")
    path = path.resolve()
    limit = limit or exercise.limit
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        request = {
            "course": str(course.folder), "exercise": exercise.id, "path": str(path),
            "seed": seed, "memory": memory, "limit": limit, "folder": folder,
        }  # fmt: skip
        code, said = _run(request, STARTING + limit)
        answer = Path(folder) / "answer"
        if answer.exists():
            result = _result(exercise, json.loads(answer.read_text(encoding="utf-8")))
        else:
            place = Path(folder) / "place"
            trace = place.read_text(errors="replace") if place.exists() else said
            result = _ended(exercise, path, code, limit, trace)
    if not result.ok and (name := still_blank(exercise, path)):
        text = (
            f"{exercise.title}: {name} still ends in `raise NotImplementedError`; delete that line"
        )
        return Result(exercise, FAILED, text)
    return result


def _run(request: dict[str, Any], patience: float) -> tuple[int | None, str]:
    """The exit code, None if it had to be ended, and the end of what it said."""
    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    settings = {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1",
                "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}  # fmt: skip
    command = [sys.executable, "-c", "from minicnn.learn import child; child.main()"]
    with tempfile.TemporaryFile() as said, _started(command, settings, said) as process:
        assert process.stdin
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(json.dumps(request).encode())
        try:
            code: int | None = process.wait(patience)
        except subprocess.TimeoutExpired:
            code = None
        said.seek(0)
        return code, said.read(100_000).decode(errors="replace")[-2000:]


@contextmanager
def _started(
    command: list[str], settings: dict[str, str], said: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, at the head of a group of its own, which is gone afterwards."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT,
        env=os.environ | settings, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def _result(exercise: Exercise, answer: dict[str, Any]) -> Result:
    if "failed" in answer:
        raise RuntimeError(f"{exercise.title}: the check itself failed\n{answer['failed']}")
    return Result(exercise, **answer)


def _ended(exercise: Exercise, path: Path, code: int | None, limit: float, trace: str) -> Result:
    """The result of a process that left no answer, but perhaps a trace."""
    place = _place(trace, path)
    if code is None or "Timeout (" in trace:
        text = f"still running after {limit:g} s{place}; is there a loop that never ends?"
    elif code == -getattr(signal, "SIGKILL", 9):
        text = "the system ended it; does it need very much memory?"
    else:
        text = f"the file ends Python itself (code {code}){place}; a function only returns"
    return Result(exercise, BROKEN, f"{exercise.title}: {text}")


def _place(trace: str, path: Path) -> str:
    """The innermost line of the learner's in a trace that begins with the innermost."""
    for name, number in re.findall(r'File "(.*)", line (\d+)', trace):
        if Path(name) == path:
            return f", in line {number} of {path.name}"
    return ""
