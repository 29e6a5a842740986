"""`figure`: a lesson's figures, which the build stores beside the lesson's text."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAST = bool(os.environ.get("MINICNN_FAST"))  # seconds instead of minutes: fewer steps, less data

Sink = Callable[[Any, str, str], None]
_sink: list[Sink] = []


def figure(fig: Any, name: str, alt: str) -> Any:
    """Give a matplotlib figure to the reader; ``alt`` says in words what it shows.

    A build stores it as NAME.svg; a notebook shows what this returns; a script goes on.
    Raises ValueError without a plain name or without a description.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(f"figure: the name must be of a-z, 0-9 and _, got {name!r}")
    if len(alt.split()) < 4:
        raise ValueError(f"figure: alt must say what {name} shows, got {alt!r}; write a sentence")
    for sink in _sink:
        sink(fig, name, " ".join(alt.split()))
    return fig


def send_to(sink: Sink) -> None:
    """Every figure goes there too, from here on."""
    _sink.append(sink)


def save_svg(fig: Any, path: Path) -> None:
    """Write the figure as SVG: the same numbers give the same file, byte for byte."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "path"}):
        fig.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, dpi=72)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
