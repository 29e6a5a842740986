"""The command `minicnn`. One file per group of commands; this one ties them together.

A command's file is imported when it is called for: together they take a second.
"""

import sys
from importlib import import_module
from typing import Any

import click

from .. import __version__
from .common import debug_option

_FILES = {
    "compare": "compare", "data": "data", "draw": "draw", "evaluate": "use", "find-lr": "find_lr",
    "gradcheck": "gradcheck", "info": "system", "learn": "learn", "models": "zoo",
    "parity": "parity", "predict": "use", "summary": "look", "train": "train", "warmup": "system",
}  # fmt: skip

# What a user can bring about by bad input. Anything else is a mistake of ours, with a traceback.
_USER_ERRORS = (OSError, ValueError, TypeError, RuntimeError, ArithmeticError, MemoryError)


class _Commands(click.Group):
    """Commands whose errors are a line or two on stderr, with exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_FILES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _FILES:
            return None
        file = import_module(f".{_FILES[cmd_name]}", __name__)
        return next(c for c in file.COMMANDS if c.name == cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        _never_fail_to_print()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("minicnn: interrupted", err=True)
            ctx.exit(130)  # 128 + SIGINT, as shells count
        except _USER_ERRORS as error:
            if ctx.meta.get("debug"):
                raise
            click.echo(f"minicnn: {_two_lines(_text(error))}", err=True)
            ctx.exit(1)


def _never_fail_to_print() -> None:
    """Print "?" for a letter that the terminal's code page lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _text(error: BaseException) -> str:
    """The message; what the system says of a file without "[Errno 13]"."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _two_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) <= 2:
        return "\n".join(lines)
    return f"{lines[0]}\n{lines[1]} (and {len(lines) - 2} more lines, shown with --debug)"


@click.group(cls=_Commands, params=[debug_option()])
@click.version_option(__version__, prog_name="minicnn")
def main() -> None:
    """Convolutional networks from scratch: train them, use them, look inside.

    `minicnn train` is the place to start.
    """
