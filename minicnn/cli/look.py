"""`minicnn summary`: looking inside."""

import click

from .. import models, nn
from ..summary import LayerRow, summarize, total
from .common import Command, parse_shape, print_table


@click.command(cls=Command)
@click.argument("model")
@click.option("--input", "shape", metavar="C,H,W", callback=parse_shape,
              help="Size of the image.  [default: what the model was made for]")  # fmt: skip
def summary(model: str, shape: tuple[int, ...] | None) -> None:
    """Show what each layer of a MODEL costs, for one image."""
    shape = shape or models.input_shape(model)
    with nn.init.skip():
        net = models.create(model, in_channels=shape[0])
    rows = summarize(net, (1, *shape))
    sums = total(rows)._replace(path="total", type="", output_shape=())
    print_table(
        ("layer", "type", "> output shape", "> parameters", "> multiply-adds", "> activation",
         "> im2col"),
        [_summary_row(row) for row in [*rows, sums]], last=True,
    )  # fmt: skip
    click.echo(
        f"{model} for one image {'x'.join(map(str, shape))}. Multiply-adds without biases; "
        "activation: bytes of the output (0: a view\nof the input); im2col: bytes of the matrix "
        "of windows that a convolution makes for a moment (total: the largest)."
    )
    unused = sum(p.numel() for p in net.parameters()) - sums.parameters
    if unused:
        click.echo(f"Not counted: {unused:,} parameters of heads that only training uses.")


def _summary_row(row: LayerRow) -> tuple[str, ...]:
    shape = "x".join(map(str, row.output_shape[1:]))
    numbers = (row.parameters, row.multiply_adds, row.activation_bytes, row.im2col_bytes)
    return row.path or "(net)", row.type, shape, *(f"{n:,}" if n else "0" for n in numbers)


COMMANDS = (summary,)
