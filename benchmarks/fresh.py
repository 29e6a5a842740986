"""A function in a process of its own, where nothing is loaded, compiled or warm yet."""

import json
import os
import subprocess
import sys
from typing import Any

from .machine import ROOT

_PROGRAM = """
import json, os, sys
module, name, arguments, processors = json.loads(sys.argv[1])
if processors and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, processors)  # before anything counts them
function = getattr(__import__("benchmarks." + module, fromlist=[name]), name)
print(json.dumps(function(*arguments)))
"""


def in_fresh_process(
    module: str, name: str, *arguments: Any, processors: list[int] | None = None,
    **environment: str,
) -> Any:  # fmt: skip
    """What `benchmarks.MODULE.NAME(*arguments)` returns there; all of it must be JSON.

    The process may use only these ``processors``, and has the variables of ``environment`` beside
    ours. Raises RuntimeError with what it wrote on its error output where it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps((module, name, arguments, processors))],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{module}.{name}{arguments} must end well, got:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
