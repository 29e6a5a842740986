"""`minicnn info` and `warmup`: the machine, and what is prepared on it."""

import ctypes
import importlib
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import __version__, data
from ..kernels import current_kernels, use_kernels
from ..kernels.threads import allowed_processors, get_num_threads, usable_cores
from . import slow
from .common import Command, print_table, progress_bar
from .warmup import tasks


@click.command(cls=Command)
def info() -> None:
    """Show versions, kernels, threads, GPU and data: what to send along with a question."""
    numba = _numba_kernels()
    print_table(
        ("what", "found"), [*_programs(), *_cores(), *_kernels(numba), *_libraries(), *_data()]
    )
    if numba is None:
        found = [slow.without_numba()]
    else:
        found = list(slow.warnings(numba.launch.layer(), numba.micro.vector.REGISTERS.bytes))
    for text in found:
        click.echo(f"slow: {text}", err=True)


def _numba_kernels() -> Any:
    """The package of the compiled kernels, with what it tells about itself; None without Numba."""
    if importlib.util.find_spec("numba") is None:
        return None
    for name in ("cache", "launch", "micro.vector"):
        importlib.import_module(f"minicnn.kernels.numba.{name}")
    return importlib.import_module("minicnn.kernels.numba")


def _programs() -> Iterator[tuple[str, str]]:
    yield "minicnn", f"{__version__} in {os.path.dirname(os.path.dirname(__file__))}"
    yield "Python", f"{platform.python_version()} in {sys.executable}"
    yield "system", f"{platform.platform()}, {platform.machine()}"
    for name in ("numpy", "numba", "pillow", "matplotlib", "safetensors"):
        yield name, _version(name)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _cores() -> Iterator[tuple[str, str]]:
    allowed = len(allowed_processors())
    yield "processors", f"{allowed} for this process, {os.cpu_count()} in all"
    yield "cores", f"{usable_cores()} for this process"
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
    chosen = [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    yield "threads", f"{get_num_threads()}" + (f" ({', '.join(chosen)})" if chosen else "")


def _kernels(numba: Any) -> Iterator[tuple[str, str]]:
    sets = "numpy (numba is not installed)" if numba is None else "numba, numpy"
    yield "kernel sets", f"{sets}; in use: {current_kernels()}"
    if numba is not None:
        yield "threading layer", numba.launch.layer()
        registers = numba.micro.vector.REGISTERS
        lanes = registers.lanes("float32")
        yield "vector registers", f"{registers.count} of {lanes} float32 numbers"
        folder = numba.cache.folder()
        nowhere = "nowhere: each process compiles anew; let NUMBA_CACHE_DIR name a folder"
        yield "compiled kernels", str(folder) if folder else nowhere


def _libraries() -> Iterator[tuple[str, str]]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "BLAS", f"{blas.get('name')} {blas.get('version')}{_openblas()}"
    yield "GPU", _gpu()


def _openblas() -> str:
    """CPU type and threads of the OpenBLAS inside NumPy's package; nothing where it is another."""
    for path in Path(np.__file__).parent.parent.glob("numpy.libs/*openblas*"):
        library = ctypes.CDLL(str(path))
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
            name = getattr(library, f"{prefix}openblas_get_corename{suffix}", None)
            threads = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            if name and threads:
                name.restype = ctypes.c_char_p
                return f", kernels for {name().decode()}, {threads()} threads"
    return ""


def _gpu() -> str:
    if importlib.util.find_spec("cupy") is None:
        return "not used: CuPy is not installed (pip install 'minicnn-course[cuda13]' or [cuda12])"
    try:
        cupy = importlib.import_module("cupy")
        runtime = cupy.cuda.runtime
        count = runtime.getDeviceCount()
        names = [runtime.getDeviceProperties(i)["name"].decode() for i in range(count)]
        return f"{', '.join(names) or 'none found'} (CuPy {cupy.__version__})"
    except Exception as error:  # a broken driver must not hide the rest of the table
        return f"not usable: {error}"


def _data() -> Iterator[tuple[str, str]]:
    yield "MINICNN_DATA", os.environ.get("MINICNN_DATA", "not set")
    for name, where, hint in data.find_data():
        yield f"data: {name}", f"{where} ({hint})"


@click.command(cls=Command)
@click.option("--float64", is_flag=True, help="For computing in double precision too.")
def warmup(float64: bool) -> None:
    """Compile the kernels now, so that no training waits for it.

    The machine code stays on disk, for this CPU and this version; `minicnn info` says where.
    """
    if (numba := _numba_kernels()) is None:
        raise RuntimeError(f"warmup: there is nothing to compile: {slow.without_numba()}")
    if (folder := numba.cache.folder()) is None:
        raise RuntimeError(
            "warmup: there must be a folder to keep the machine code in, got none that can be "
            "written; let NUMBA_CACHE_DIR name one"
        )
    todo = [task for dtype in ("float32", "float64")[: 1 + float64] for task in tasks(dtype)]
    before, start = numba.cache.counts.copy(), time.perf_counter()
    with use_kernels("numba"), progress_bar(len(todo)) as shown:
        for name, function in todo:
            shown(name)
            function()
    done, seconds = numba.cache.counts - before, time.perf_counter() - start
    made = f"{done['compiled']} compiled" if done["compiled"] else "nothing to compile"
    click.echo(f"kernels: {made}, {done['loaded']} were there; {seconds:.1f} s; in {folder}")


COMMANDS = (info, warmup)
