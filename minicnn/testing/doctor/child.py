"""The process in which a learner's file runs; started by `runner`.

It reads what is asked for as JSON from stdin, and writes the diagnosis as JSON into a file of its
own, so that nothing that the learner's code prints can be taken for it. A watchdog ends the process
when the time is over, and leaves the place where it was.
"""

import contextlib
import faulthandler
import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from .exercise import diagnose_exercise
from .lookup import find_pair, functions_of, own_functions
from .maps import save_maps
from .report import Diagnosis, Finding

Request = Mapping[str, Any]
MODULE = "learners_file"
MAPS = "maps.npz"


class Fault(Exception):
    """The file cannot be checked; ``bug`` and ``evidence`` say why."""

    def __init__(self, bug: str, evidence: str) -> None:
        super().__init__(evidence)
        self.bug, self.evidence = bug, evidence


def main() -> NoReturn:
    """Do what stdin asks for."""
    request = json.loads(sys.stdin.buffer.read().decode())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    folder = Path(request["folder"])
    with open(folder / "place", "w") as place:  # noqa: PTH123 (faulthandler wants a descriptor)
        faulthandler.enable(place)
        _limit_memory(request["memory"])
        faulthandler.dump_traceback_later(request["time_limit"], exit=True, file=place)
        try:
            answer = _answer(request, folder)
        except Exception:
            answer = {"failed": traceback.format_exc()}
        faulthandler.cancel_dump_traceback_later()
    (folder / "unfinished").write_text(json.dumps(answer), encoding="utf-8")
    (folder / "unfinished").replace(folder / "answer")
    sys.stdout.flush()
    os._exit(0)  # not even a thread that the learner's code has left can hold it up


def _answer(request: Request, folder: Path) -> dict[str, Any]:
    """The diagnosis as plain data, its maps in a file; "refused" for a request that is wrong."""
    op = request["op"]
    try:
        module = load(Path(request["path"]))
        functions = _pair(module, op)
    except Fault as fault:
        return {"diagnosis": single(op, fault.bug, fault.evidence).to_dict()}
    try:
        found = diagnose_exercise(op, *functions, **request["settings"])
    except MemoryError:
        return {"diagnosis": single(op, "out-of-memory", _where()).to_dict()}
    except ValueError as error:
        return {"refused": str(error)}
    save_maps(found.maps, folder / MAPS)
    return {"diagnosis": json.loads(found.to_json())}


def load(path: Path) -> ModuleType:
    """Run the file as a module. Raises Fault where that fails."""
    sys.path.insert(0, str(path.parent))  # the file may import its neighbours
    module = ModuleType(MODULE)
    module.__file__ = str(path)
    sys.modules[MODULE] = module
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        exec(code, vars(module))
    except SyntaxError as error:
        place = f"line {error.lineno}: {' '.join((error.text or '').split())}"
        name = Path(error.filename or path).name
        raise Fault("syntax-error", f"{name}, {place} ({error.msg})") from None
    except SystemExit:
        raise Fault("exits", f"on being imported, {_where()}") from None
    except MemoryError:
        raise Fault("out-of-memory", f"on being imported, {_where()}") from None
    except BaseException as error:
        text = " ".join(str(error).split())[:200]
        raise Fault("does-not-load", f"{type(error).__name__}: {text}, {_where()}") from None
    return module


def _pair(module: ModuleType, op: str) -> tuple[Any, Any]:
    pair = find_pair(functions_of(module), op)
    if pair is None:
        have = ", ".join(own_functions(module)) or "no function"
        raise Fault(
            "function-missing",
            f"the file must define {op}_forward and {op}_backward, or forward and backward, or "
            f"{op} that returns (y, rule); it defines {have}",
        )
    return pair


def _where() -> str:
    """The learner's line that the current exception came from."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    theirs = [f for f in frames if f.filename != __file__ and f.line] or frames
    return f"line {theirs[-1].lineno} of {Path(theirs[-1].filename).name}: {theirs[-1].line}"


def single(op: str, bug: str, evidence: str) -> Diagnosis:
    """The diagnosis of a file that could not be checked."""
    parts = {"forward": "not checked", "backward": "not checked"}
    return Diagnosis(op, parts, (Finding(bug, (), evidence, 0, (), 0),))


def _limit_memory(more: int) -> None:
    """Allow so many bytes beyond those that are taken now, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
