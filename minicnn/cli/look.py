"""`minicnn summary`, `gradcheck` and `info`: looking inside."""

import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import click
import numpy as np

from .. import __version__, data, models, nn
from ..kernels import current_kernels
from ..testing import Report, check_ops
from .common import Command, kernels_option, parse_shape, print_table


@click.command(cls=Command)
@click.argument("model")
@click.option("--input", "shape", metavar="C,H,W", callback=parse_shape,
              help="Size of the image.  [default: what the model was made for]")  # fmt: skip
def summary(model: str, shape: tuple[int, ...] | None) -> None:
    """Show what each layer of a MODEL costs, for one image."""
    shape = shape or models.input_shape(model)
    with nn.init.skip():
        net = models.create(model, in_channels=shape[0])
    rows = nn.summarize(net, (1, *shape))
    total = nn.total(rows)._replace(path="total", type="", output_shape=())
    print_table(
        ("layer", "type", "> output shape", "> parameters", "> multiply-adds", "> activation",
         "> im2col"),
        [_summary_row(row) for row in [*rows, total]], last=True,
    )  # fmt: skip
    click.echo(
        f"{model} for one image {'x'.join(map(str, shape))}. Multiply-adds without biases; "
        "activation: bytes of the output (0: a view\nof the input); im2col: bytes of the matrix "
        "of windows that a convolution makes for a moment (total: the largest)."
    )
    unused = sum(p.numel() for p in net.parameters()) - total.parameters
    if unused:
        click.echo(f"Not counted: {unused:,} parameters of heads that only training uses.")


def _summary_row(row: nn.LayerRow) -> tuple[str, ...]:
    shape = "x".join(map(str, row.output_shape[1:]))
    numbers = (row.parameters, row.multiply_adds, row.activation_bytes, row.im2col_bytes)
    return row.path or "(net)", row.type, shape, *(f"{n:,}" if n else "0" for n in numbers)


@click.command(cls=Command)
@click.argument("ops", nargs=-1, metavar="[OP]...")
@kernels_option
def gradcheck(ops: tuple[str, ...], kernels: str) -> None:
    """Compare the gradients of every op (or those named) with central differences, in float64."""
    rows, wrong = [], []
    for op, first, second in check_ops(ops or None):
        rows.append((op, _verdict(first), _verdict(second), _worst(first, second)))
        wrong += [report for report in (first, second) if report is not None and not report.ok]
    print_table(("op", "first order", "second order", "> worst relative error"), rows)
    for report in wrong:
        click.echo(str(report), err=True)
    click.echo(f"{len(rows)} ops, {len(wrong)} wrong, {kernels} kernels")
    if wrong:
        click.get_current_context().exit(1)


def _verdict(report: Report | None) -> str:
    if report is None:
        return "no gradient"
    wrong = any(x.wrong for x in report.inputs)
    return "ok" if report.ok else "WRONG" if wrong else "not checked"


def _worst(*reports: Report | None) -> str:
    errors = [x.relative_error for report in reports if report for x in report.inputs]
    return f"{max(errors):.1e}" if errors else ""


@click.command(cls=Command)
def info() -> None:
    """Show versions, kernels, threads, GPU and data: what to send along with a question."""
    print_table(("what", "found"), [*_programs(), *_computing(), *_data()])


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


def _computing() -> Iterator[tuple[str, str]]:
    yield "processors", f"{_processors()} for this process, {os.cpu_count()} in all"
    has_numba = importlib.util.find_spec("numba") is not None
    sets = "numba, numpy" if has_numba else "numpy (numba is not installed)"
    yield "kernel sets", f"{sets}; in use: {current_kernels()}"
    if has_numba:
        config = importlib.import_module("numba").config
        yield "numba threads", f"{config.NUMBA_NUM_THREADS}, layer {config.THREADING_LAYER}"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "BLAS", f"{blas.get('name')} {blas.get('version')}"
    yield "GPU", _gpu()


def _processors() -> int:
    """How many processors this process may use; not every system can say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


COMMANDS = (summary, gradcheck, info)
