"""What several commands share: the class of a command, options, tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from .. import kernels

_LONG = 100  # rows
_PNG = b"\x89PNG\r\n\x1a\n"


def debug_option() -> click.Option:
    """--debug: a traceback instead of a line."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta["debug"] = True

    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, callback=remember,
        help="Show where in the program an error arose.",
    )  # fmt: skip


class Command(click.Command):
    """A command with the option --debug."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.append(debug_option())


def kernels_option(command: Callable) -> Callable:
    """--kernels, in force for this command only."""

    def choose(ctx: click.Context, _: click.Parameter, name: str | None) -> str:
        if name is not None:
            ctx.with_resource(kernels.use_kernels(name))
        return kernels.current_kernels()

    return click.option(
        "--kernels", type=click.Choice(["numba", "numpy"]), callback=choose,
        help="How the CPU computes.  [default: numba where it is installed]",
    )(command)  # fmt: skip


def device_option(command: Callable) -> Callable:
    """--device: where the arrays live."""
    return click.option(
        "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
        help="Where to compute.",
    )(command)  # fmt: skip


def data_dir_option(command: Callable) -> Callable:
    """--data-dir: where the files of a data set are."""
    return click.option(
        "--data-dir", type=click.Path(), help="Folder with the files of the data set."
    )(command)


def weights_options(command: Callable) -> Callable:
    """--weights, --prefix and --key, for `models.create`."""
    options = (
        click.option("--key", help='Which entry of the file holds the weights, such as "model".'),
        click.option("--prefix", help='What to strip from the names there, such as "module.".'),
        click.option("--weights", metavar="FILE|NAME",
                     help="A file of weights, or the name of published ones."),
    )  # fmt: skip
    for option in options:
        command = option(command)
    return command


def parse_shape(ctx: click.Context, _: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """The callback of an option "C,H,W"."""
    if text is None:
        return None
    parts = text.replace("x", ",").split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"must be channels,height,width such as 1,28,28, got {text!r}")
    return tuple(int(part) for part in parts)


def check_picture(path: Path) -> None:
    """Refuse to draw over what is no picture."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"the picture must end in .png, got {path}; choose another --out")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder must exist, got none; make it or choose another")
    if path.is_dir() or (path.exists() and not path.read_bytes().startswith(_PNG)):
        raise ValueError(
            f"{path}: must be a PNG file or new, got something else; choose another --out"
        )


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], last: bool = False) -> None:
    """Print rows under their names; numbers belong to the right, which a name "> x" asks for.

    ``last`` sets the last row apart, as sums are. Into a file or a pipe goes plain text of full
    width, and so do long tables, over which rich takes its time.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, emoji=False, highlight=False)
    cells = [[str(value) for value in row] for row in rows]
    if not console.is_terminal or len(rows) > _LONG:
        click.echo("\n".join(_plain_table(columns, cells, last)))
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name.removeprefix("> "), justify="right" if name[0] == ">" else "left")
    for i, row in enumerate(cells):
        table.add_row(*row, end_section=last and i == len(rows) - 2)
    console.print(table)


def _plain_table(columns: Sequence[str], rows: list[list[str]], last: bool) -> list[str]:
    table = [[name.removeprefix("> ") for name in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        fitted = [
            value.rjust(width) if name[0] == ">" else value.ljust(width)
            for name, value, width in zip(columns, row, widths, strict=True)
        ]
        lines.append("   ".join(fitted).rstrip())
    lines.insert(1, "─" * (sum(widths) + 3 * (len(widths) - 1)))
    if last:
        lines.insert(-1, "")
    return lines


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[str], None]]:
    """A moving bar where a terminal can; yields what moves it and says what is next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(highlight=False)
    columns = TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn()
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=total, completed=-1)

        def shown(name: str) -> None:
            progress.update(task, advance=1, description=name)

        yield shown
