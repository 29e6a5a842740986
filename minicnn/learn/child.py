"""The process in which a learner's file runs and is judged; started by `check`.

It reads the request as JSON from stdin, and writes the answer into a file of its own, so that
nothing that the learner's code prints can be taken for it. The judges are imported before the
learner's file runs, and must be the same afterwards.
"""

import contextlib
import faulthandler
import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ..testing.doctor.child import Fault, load, single
from .course import Course
from .judge import judge
from .work import FAILED, PASSED


def main() -> NoReturn:
    """Do what stdin asks for."""
    request = json.loads(sys.stdin.buffer.read().decode())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    folder = Path(request["folder"])
    with open(folder / "place", "w") as place:
        faulthandler.enable(place)
        limit(request["memory"])
        faulthandler.dump_traceback_later(request["limit"], exit=True, file=place)
        answer = _answer(request)
        faulthandler.cancel_dump_traceback_later()
    (folder / "unfinished").write_text(json.dumps(answer), encoding="utf-8")
    (folder / "unfinished").replace(folder / "answer")
    sys.stdout.flush()
    os._exit(0)  # not even a thread that the learner's code has left can hold it up


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    exercise = Course(Path(request["course"])).exercise(request["exercise"])
    trusted, status = library(), FAILED
    try:
        module = load(Path(request["path"]))
        refuse_changes(trusted)
        functions = {name: find(module, name) for name in exercise.functions}
        try:
            found = judge(exercise, functions, request["seed"])
        finally:
            refuse_changes(trusted)
        status = PASSED if found.ok else FAILED
    except Fault as fault:
        found = single(exercise.title, fault.bug, fault.evidence)
    except MemoryError:
        found = single(exercise.title, "out-of-memory", "in the check")
    except Exception:
        return {"failed": traceback.format_exc()}
    verdict = found.verdict
    return {
        "status": status, "text": str(found), "bug": verdict.bug if verdict else "",
        "headline": verdict.headline if verdict else "", "diagnosis": found.to_dict(),
    }  # fmt: skip


def find(module: ModuleType, name: str) -> Any:
    """A function or, for "Value.__mul__", the class. Raises Fault where it is not there."""
    first, _, method = name.partition(".")
    value = getattr(module, first, None)
    if value is None or (method and not hasattr(value, method)):
        raise Fault("function-missing", f"the file defines no {name} when it has run")
    return value


def library() -> dict[tuple[str, str], Any]:
    """What judges rely on: the functions and classes of minicnn, NumPy and Python, by place."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("minicnn", "numpy", "builtins") and isinstance(
            module, ModuleType
        ):
            for key, value in list(vars(module).items()):
                if callable(value):
                    found[name, key] = value
                if isinstance(value, type) and value.__module__.startswith("minicnn"):
                    for inner, part in vars(value).items():
                        found[f"{name}.{key}", inner] = part
    return found


def refuse_changes(before: dict[tuple[str, str], Any]) -> None:
    """Raises Fault where a function of the library is another one now."""
    now = library()
    for place, value in before.items():
        if now.get(place) is not value and place[1] not in IGNORED:
            raise Fault("changes-library", f"{'.'.join(place)} is another one now")


# `input` is a new one in every cell of a notebook.
IGNORED = {
    "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl", "__annotations__", "input",
}  # fmt: skip


def limit(more: int) -> None:
    """Allow so many bytes beyond those that are taken now, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bound = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
