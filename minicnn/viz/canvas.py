"""What the plots share: colours, an empty figure, the file.

Figures are made without pyplot, which keeps a global state and may want a screen. The same numbers
give the same file, byte for byte, with the same version of matplotlib.
"""

import warnings
from os import PathLike
from typing import Any, Literal

BLUE, ORANGE, GREY, INK = "#1f5f99", "#d9722b", "#9a9a9a", "#333333"
# The palette of Okabe and Ito (2008), told apart with any kind of colour blindness.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLES = ("-", "--", "-.", ":")  # the second time round, a colour has another style


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Any:
    """An empty figure; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout=layout)


def save(figure: Any, path: str | PathLike[str]) -> None:
    """Write the figure as PNG."""
    for axes in figure.axes:
        axes.spines[["top", "right", "left", "bottom"]].set_color("#cccccc")
        axes.tick_params(colors=INK)
    with warnings.catch_warnings():  # a letter that the font lacks becomes an empty box
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(path, format="png", metadata={"Software": "minicnn"})


def plain(name: Any, letters: int = 24) -> str:
    """A name of at most so many letters, in one line, for matplotlib to print as it stands."""
    text = "".join(c if c.isprintable() else " " for c in str(name))
    if len(text) > letters:
        text = text[: letters - 1] + "…"
    return text.replace("$", r"\$")  # $...$ would be read as mathematics
