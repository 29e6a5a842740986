"""`minicnn draw`: the architecture of a model as a picture."""

from pathlib import Path

import click

from .. import models, nn, viz
from .common import Command, parse_shape


@click.command(cls=Command)
@click.argument("model")
@click.option("--input", "shape", metavar="C,H,W", callback=parse_shape,
              help="Size of the image.  [default: what the model was made for]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.svg",
              help="Where to write the picture.  [default: MODEL.svg]")  # fmt: skip
@click.option("--depth", type=click.IntRange(0), metavar="N",
              help="Open N levels of frames.  [default: as many as show the blocks]")  # fmt: skip
def draw(model: str, shape: tuple[int, ...] | None, out: Path | None, depth: int | None) -> None:
    """Draw the architecture of a MODEL as an SVG picture, which any browser shows."""
    if out is not None and out.suffix.lower() != ".svg":
        raise ValueError(f"draw: the name of the picture must end in .svg, got {out}; rename it")
    shape = shape or models.input_shape(model)
    with nn.init.skip():
        net = models.create(model, in_channels=shape[0])
    out = Path(f"{model}.svg") if out is None else out
    viz.draw_model(net, shape, out, title=model, depth=depth)
    click.echo(out)


COMMANDS = (draw,)
