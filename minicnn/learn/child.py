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
from types import FunctionType, ModuleType
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
    trusted = _library()
    try:
        module = load(Path(request["path"]))
        functions = {name: find(module, name) for name in exercise.functions}
        found = judge(exercise, functions, request["seed"])
        if touched := _changed(trusted):
            raise Fault("changes-library", f"{touched} is not minicnn's any more")
    except Fault as fault:
        found = single(exercise.title, fault.bug, fault.evidence)
    except MemoryError:
        found = single(exercise.title, "out-of-memory", "in the check")
    except Exception:
        return {"failed": traceback.format_exc()}
    status = PASSED if found.ok else FAILED
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


def _library() -> dict[tuple[str, str], Any]:
    """Every function and class of minicnn, by module and name."""
    return {
        (name, key): value
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == "minicnn" and isinstance(module, ModuleType)
        for key, value in list(vars(module).items())
        if isinstance(value, FunctionType | type)
    }


def _changed(before: dict[tuple[str, str], Any]) -> str:
    """The first function of minicnn that is another one now."""
    for (module, key), value in before.items():
        if getattr(sys.modules.get(module), key, None) is not value:
            return f"{module}.{key}"
    return ""


def limit(more: int) -> None:
    """Allow so many bytes beyond those that are taken now, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bound = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
