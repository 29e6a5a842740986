"""`minicnn gradcheck`: are the gradients right - of a file, a network, or the library's own ops?"""

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import click
import numpy as np

from .. import models
from ..testing import Report, check_ops, examples
from ..testing.doctor.networks import LayerCheck, check_layers, layer_calls
from ..testing.doctor.ops import OPS
from ..testing.doctor.picture import draw
from ..testing.doctor.report import Diagnosis
from ..testing.doctor.runner import diagnose_file
from .common import Command, check_picture, kernels_option, parse_shape, print_table, progress_bar
from .narrowing import narrowed

_SEED = 0


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[OP FILE | MODEL | OP...]")
@click.option("--list", "show_list", is_flag=True, help="List the ops that a FILE can be for.")
@click.option("--explain", is_flag=True, help="Give hints, from a question to the place.")
@click.option("--hints", type=click.IntRange(1, 3), help="How many hints.  [default: 3]")
@click.option("--json", "as_json", is_flag=True, help="Print plain data, for graders.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Draw heat maps of the gradients.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a FILE may run.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="The numbers that a FILE is given.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=_SEED,
    show_default=True,
    help="For the random inputs.",
)
@click.option(
    "--input",
    "shape",
    metavar="C,H,W",
    callback=parse_shape,
    help="Size of a MODEL's images.  [default: the smallest that work]",
)
@click.option("--all", "every", is_flag=True, help="Go on after the first wrong layer of a MODEL.")
@kernels_option
def gradcheck(
    names: tuple[str, ...], show_list: bool, kernels: str, shape: tuple[int, ...] | None,
    every: bool, seed: int, **options: Any,
) -> None:  # fmt: skip
    """Check gradients beside central differences, and name what is wrong.

    OP FILE: the forward and backward in your Python FILE, for an op of --list. It runs in a process
    of its own. MODEL: every layer of a network, made narrow. OP...: ops of the library; all of
    them where nothing is given.
    """
    if show_list:
        _list_ops()
    elif len(names) == 2 and (names[1].endswith(".py") or Path(names[1]).is_file()):
        _check_file(*names, seed=seed, **options)
    elif len(names) == 1 and names[0] in models.list():
        _check_model(names[0], shape, every, seed, options["as_json"])
    else:
        _check_library(names, kernels)


def _fail() -> NoReturn:
    click.get_current_context().exit(1)


# A learner's file


def _list_ops() -> None:
    rows = []
    for name, op in sorted(OPS.items()):
        inputs = ", ".join(f"{k} ({v})" if v else k for k, v in op.inputs.items())
        options = {key: None for probe in op.probes(_SEED) for key in probe.options}
        rows.append((name, inputs, ", ".join(options)))
    print_table(("op", "inputs", "options"), rows)


def _check_file(
    op: str, path: str, *, seed: int, explain: bool, hints: int | None, as_json: bool,
    picture: Path | None, time_limit: float, dtype: str,
) -> None:  # fmt: skip
    if op not in OPS:
        raise ValueError(f"gradcheck: no op is called {op!r}; {_near(op, OPS, '--list')}")
    if picture:
        check_picture(picture)
    found = diagnose_file(path, op, time_limit=time_limit, seed=seed, dtype=dtype)
    click.echo(_text(found, explain, hints, as_json))
    if picture and found.maps:
        draw(found.maps, picture)
        click.echo(f"picture: {picture}", err=as_json)
    elif picture:
        click.echo("no picture: there are no gradients to draw", err=True)
    if not found.ok:
        _fail()


def _text(found: Diagnosis, explain: bool, hints: int | None, as_json: bool) -> str:
    if as_json:
        return found.to_json()
    return found.explain(hints or 3) if explain or hints else str(found)


def _near(name: str, known: Any, lister: str) -> str:
    """Where to look for the right name."""
    near = get_close_matches(name.lower(), list(known), 3, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"`minicnn {lister}` lists all"


# A network


def _check_model(
    name: str, shape: tuple[int, ...] | None, every: bool, seed: int, as_json: bool
) -> None:
    small = narrowed(name, shape)
    x = np.random.default_rng([seed, 6]).standard_normal(small.shape)
    calls = layer_calls(small.model, x)
    found: list[LayerCheck] = []
    with progress_bar(len(calls)) as shown:
        checks = check_layers(calls, seed)
        for call in calls:
            shown(call.path)
            found.append(next(checks))
            if not (every or found[-1].ok):
                break
    wrong = [check for check in found if not check.ok]
    if as_json:
        click.echo(_network_json(name, small.text, found))
    else:
        for check in wrong:
            click.echo(f"{check.layer}\n  {check.diagnosis}")
        click.echo(f"narrowed: {small.text}")
        click.echo(_summary(name, found, len(calls), wrong))
    if wrong:
        _fail()


def _summary(name: str, found: list[LayerCheck], total: int, wrong: list[LayerCheck]) -> str:
    layers = sum(check.layer.is_layer for check in found)
    text = f"{name}: {layers} layers and {len(found) - layers} blocks checked"
    for check in found:
        if check.diagnosis is None:
            text += f"\n  not checked: {check.layer} ({check.skipped})"
        elif check.ok and "not checked" in check.diagnosis.parts.values():
            text += f"\n  not checked: parts of {check.layer}, at kinks"
    if not wrong:
        return f"{text}, all right"
    rest = f"; {total - len(found)} more were not looked at (--all)" if len(found) < total else ""
    return f"{text}, {len(wrong)} wrong; first layer at fault: {wrong[0].layer}{rest}"


def _network_json(name: str, text: str, found: list[LayerCheck]) -> str:
    layers = [
        {"path": c.layer.path, "type": type(c.layer.module).__name__, "call": c.layer.call,
         "ok": c.ok, "skipped": c.skipped,
         "diagnosis": c.diagnosis.to_dict() if c.diagnosis else None}
        for c in found
    ]  # fmt: skip
    data = {"ok": all(c.ok for c in found), "model": name, "narrowed": text, "layers": layers}
    return json.dumps(data, indent=2)


# The library's own ops


def _check_library(ops: Sequence[str], kernels: str) -> None:
    known = examples()
    for op in ops:
        if op not in known:
            near = _near(op, [*known, *models.list()], "gradcheck --list")
            raise ValueError(f"gradcheck: no op is called {op!r}; {near}")
    rows, wrong = [], []
    for op, first, second in check_ops(ops or None):
        rows.append((op, _verdict(first), _verdict(second), _worst(first, second)))
        wrong += [report for report in (first, second) if report is not None and not report.ok]
    print_table(("op", "first order", "second order", "> worst relative error"), rows)
    for report in wrong:
        click.echo(str(report), err=True)
    click.echo(f"{len(rows)} ops, {len(wrong)} wrong, {kernels} kernels")
    if wrong:
        _fail()


def _verdict(report: Report | None) -> str:
    if report is None:
        return "no gradient"
    wrong = any(x.wrong for x in report.inputs)
    return "ok" if report.ok else "WRONG" if wrong else "not checked"


def _worst(*reports: Report | None) -> str:
    errors = [x.relative_error for report in reports if report for x in report.inputs]
    return f"{max(errors):.1e}" if errors else ""


COMMANDS = (gradcheck,)
