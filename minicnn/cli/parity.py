"""`minicnn parity`: has a network the same numbers as the reference, and if not, from where on?"""

from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from .. import models, nn
from ..testing import Golden, compare_golden, compare_layers, first_difference, golden, seed_weights
from ..testing.parity import (
    TOLERANCES,
    LayerDifference,
    compare_gradients,
    import_torchvision,
    torchvision_names,
    torchvision_net,
)
from .common import Command, kernels_option, parse_shape, print_table, weights_options

_SHOWN = 5  # rows with the largest differences where all is well
_AROUND = (2, 4)  # rows before and from the first one that differs


@click.command(cls=Command)
@click.argument("model")
@weights_options
@click.option("--input", "shape", metavar="C,H,W", callback=parse_shape,
              help="Size of the two images.  [default: small ones]")  # fmt: skip
@click.option("--dtype", type=click.Choice(list(TOLERANCES)), default="float64", show_default=True,
              help="How exactly to compute.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="For the random images and weights.")  # fmt: skip
@click.option("--gradients", is_flag=True, help="Compare the gradients of all parameters too.")
@click.option("--all", "every", is_flag=True, help="Print every layer.")
@kernels_option
def parity(
    model: str, shape: tuple[int, ...] | None, dtype: str, seed: int, gradients: bool,
    every: bool, kernels: str, **reading: Any,
) -> None:  # fmt: skip
    """Compare a MODEL layer by layer with torchvision's of the same name.

    Both get the same weights and images, in eval mode. Where torchvision is not installed or lacks
    the MODEL, what its layers compute is compared with stored numbers.
    """
    shape_of = shape or _usual_shape(model)  # raises for an unknown name
    with nn.init.skip():
        net = models.create(model, in_channels=shape_of[0], **reading)
    default = not any((*reading.values(), shape, seed, gradients))
    stored = None if model in torchvision_names() else _stored(model, default)
    x = golden.seeded_input((2, *shape_of), seed).astype(np.float64)
    net.double()
    if reading["weights"] is None:
        seed_weights(net, x, seed)  # in float64 also for a comparison in float32
    if dtype == "float32":
        net.float()
    x, tolerance = x.astype(dtype), TOLERANCES[dtype]
    if stored is not None:
        rows, reference = compare_golden(net, stored, x), f"{stored.reference} (stored numbers)"
    else:
        theirs = _torchvision(model, net, shape_of[0])
        release = import_torchvision().__version__.split("+")[0]
        rows, reference = compare_layers(net, theirs, x), f"torchvision {release}"
    same = _report(model, rows, reference, tolerance, every)
    if gradients:
        # torch's gradient of hardsigmoid uses a 1/6 of float32 also for doubles.
        limit = max(tolerance, 1e-7)
        same &= _report_gradients(compare_gradients(net, theirs, x), limit)
    click.echo(f"images {_by(x.shape)}, {dtype}, {kernels} kernels")
    if not same:
        click.get_current_context().exit(1)


def _stored(model: str, default: bool) -> Golden:
    """The golden values, if there are some and none of the options asks for other numbers."""
    torchvision = import_torchvision()
    why = "torchvision lacks it" if torchvision else "torchvision is not installed"
    if model not in golden.names():
        raise ValueError(
            f"parity: there must be a reference for {model}, got none: {why}, and there are no "
            f"stored numbers; choose one of {', '.join(golden.names())}"
        )
    if not default:
        raise ValueError(
            f"parity: {model} must be compared with stored numbers ({why}), which are of one "
            "seed, size and set of weights, without gradients; leave out --weights, --input, "
            "--seed and --gradients" + ("" if torchvision else ", or install torch and torchvision")
        )
    return golden.load(model)


def _usual_shape(model: str) -> tuple[int, ...]:
    """Small images where somebody has tried them, else those that the model was made for."""
    if model in golden.names():
        return golden.load(model).input_shape
    return models.input_shape(model)


def _torchvision(model: str, net: models.Network, channels: int) -> Any:
    """torchvision's net with the weights and options of ours."""
    if not all(np.isfinite(p.numpy()).all() for p in net.parameters()):
        raise ValueError(f"parity: the weights of {model} must be finite, got NaN or infinite ones")
    if channels != 3:
        raise ValueError(f"parity: torchvision's nets have 3 channels, got --input with {channels}")
    options: dict[str, Any] = {"num_classes": net.num_classes}
    if getattr(net, "transform_input", False):
        options["transform_input"] = True
    return torchvision_net(model, net.state_dict(), **options)


def _report_gradients(differences: dict[str, float], tolerance: float) -> bool:
    worst = max(differences, key=lambda name: differences[name])
    click.echo(
        f"gradients of {len(differences) - 1} parameters and of the images: largest relative "
        f"difference {differences[worst]:.1e} ({worst})"
    )
    return differences[worst] <= tolerance


def _report(
    model: str, rows: Sequence[LayerDifference], reference: str, tolerance: float, every: bool
) -> bool:
    """Print table and verdict; whether all is the same."""
    first = first_difference(rows, tolerance)
    shown = rows if every else _around(rows, first) if first else _worst(rows)
    columns = ("layer", "type", "> output shape", "> max difference", "> relative", " ")
    print_table(columns, [_row(row, row is first) for row in shown])
    if first is None:
        worst = max(row.relative for row in rows)
        verdict = f"largest relative difference {worst:.1e}: same numbers as {reference}"
    else:
        wrong = sum(not row.relative <= tolerance for row in rows)
        verdict = (
            f"{wrong} differ from {reference}; first diverging layer: {_name(first)} {first.type}, "
            f"relative difference {first.relative:.1e}"
        )
    click.echo(f"{model}: {len(rows)} layers, {verdict}")
    return first is None


def _around(rows: Sequence[LayerDifference], first: LayerDifference) -> Sequence[LayerDifference]:
    at = rows.index(first)
    return rows[max(0, at - _AROUND[0]) : at + _AROUND[1]]


def _worst(rows: Sequence[LayerDifference]) -> Sequence[LayerDifference]:
    bound = sorted((row.relative for row in rows), reverse=True)[:_SHOWN][-1]
    return [row for row in rows if row.relative >= bound][:_SHOWN]


def _row(row: LayerDifference, marked: bool) -> tuple[str, ...]:
    shape = _by(row.shape)
    if row.shape != row.expected_shape:
        shape += f", not {_by(row.expected_shape)}"
    numbers = (f"{row.max_abs:.1e}", f"{row.relative:.1e}")
    return _name(row), row.type, shape, *numbers, "<- first to diverge" if marked else ""


def _name(row: LayerDifference) -> str:
    return (row.path or "(net)") + (f" (call {row.call + 1})" if row.call else "")


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


COMMANDS = (parity,)
