"""What a result must say to be worth anything later: where, when and with what it was measured."""

import importlib
import importlib.util
import os
import platform
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .harness import cores

ROOT = Path(__file__).resolve().parent.parent


def facts() -> dict[str, str]:
    """Machine, date, commit, versions and threads. To be asked after the runs: Numba chooses its
    threading layer in the first of them."""
    found = {
        "machine": f"{_processor()}, {len(cores())} cores for this process",
        "system": platform.platform(),
        "date": date.today().isoformat(),
        "commit": _commit(),
        "python": platform.python_version(),
    }
    for name in ("numpy", "numba", "torch", "dezero"):
        found[name] = _version(name)
    found |= {"threads": _threads(), "numba threading layer": _layer(), "BLAS": _blas()}
    names = [n for n in sorted(os.environ) if n.startswith(("OMP_", "OPENBLAS_", "NUMBA_", "MKL_"))]
    found["environment"] = " ".join(f"{n}={os.environ[n]}" for n in names) or "nothing set"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    words: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        words.setdefault(key.strip(), value.strip())
    wide = [name for name in ("avx512f", "avx2") if name in words.get("flags", "").split()]
    return f"{words.get('model name', platform.machine())} ({', '.join(wide[:1]) or 'no AVX2'})"


def _commit() -> str:
    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + (" and changes" if git("diff", "HEAD") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _threads() -> str:
    torch = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
    peer = f", torch {torch.get_num_threads()}" if torch else ""
    return f"minicnn {get_num_threads()}{peer}"


def _layer() -> str:
    if importlib.util.find_spec("numba") is None:
        return "not installed"
    try:
        return importlib.import_module("numba").threading_layer()
    except ValueError:  # no parallel kernel has run
        return "not started"


def _blas() -> str:
    """NumPy's BLAS, its threads and the kind of core that it took this one for."""
    if importlib.util.find_spec("threadpoolctl"):
        pools: list[dict[str, Any]] = importlib.import_module("threadpoolctl").threadpool_info()
        for pool in pools:
            if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:
                core = pool.get("architecture", "unknown core")
                name = f"{pool['internal_api']} {pool['version']}"
                return f"{name}, {core}, {pool['num_threads']} threads"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas.get('name')} {blas.get('version')}"
