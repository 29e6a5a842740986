"""`minicnn models`: what there is."""

import textwrap

import click

from .. import models
from .common import Command, print_table

_WIDTH = 90  # characters


@click.command(cls=Command, name="models")
@click.argument("name", required=False)
def list_models(name: str | None) -> None:
    """List the models, or tell all about the model NAME."""
    if name is None:
        print_table(
            ("name", "> year", "> parameters", "> multiply-adds", "> input", "> top-1", "on",
             "weights"),
            [_row(models.info(name)) for name in models.list()],
        )  # fmt: skip
        click.echo(
            "Multiply-adds of one image, without biases; top-1: published accuracy in per cent. "
            "`minicnn models NAME` tells more."
        )
        return
    for what, text in _facts(models.info(name)):
        click.echo(textwrap.fill(f"{what:<15}{text}", _WIDTH, subsequent_indent=" " * 15))


def _row(info: models.ModelInfo) -> tuple[str, ...]:
    return (
        info.name, str(info.year), f"{info.parameters:,}", f"{info.multiply_adds:,}",
        "x".join(map(str, info.input_shape)), f"{info.top1:.2f}" if info.top1 else "",
        info.dataset, ", ".join(info.weights),
    )  # fmt: skip


def _facts(info: models.ModelInfo) -> list[tuple[str, str]]:
    accuracy = f"{info.top1} % top-1 on {info.dataset}" if info.top1 else "none published"
    return [
        ("name", info.name),
        ("paper", info.paper or "none"),
        ("year", str(info.year)),
        ("input", "x".join(map(str, info.input_shape))),
        ("parameters", f"{info.parameters:,}"),
        ("multiply-adds", f"{info.multiply_adds:,}"),
        ("accuracy", accuracy),
        ("weights", ", ".join(info.weights) or "none published by name"),
        ("what differs", info.differs or "nothing noted"),
    ]


COMMANDS = (list_models,)
