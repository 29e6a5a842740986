"""How the site shows what Sphinx does not know: our mathematics, our docstrings, the op table."""

import re
from collections.abc import Sequence
from textwrap import indent
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from minicnn import ops
from minicnn.testing import Example, examples
from minicnn.testing.doctor import OPS

MARKUP = re.compile(r"``([^`]+)``|`([^`]+)`|(?<!\S)\*([a-z]+)\*(?!\w)|[\\*_|`<>:]")
TENSOR_LIKE = r"[\w.~]*Tensor \| [\w.~]*ndarray \| float \| int \| bool \| [\w.~]*Sequence\b"
PRIMES = re.compile("<mo>([′″‴])</mo>")
LOGGER = logging.getLogger(__name__)
CONVERTER = LatexToMathML()


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
    app.connect("autodoc-process-docstring", show_docstring)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-bases", show_bases)
    app.add_directive("op-table", OpTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(node: nodes.Element, displayed: bool) -> str:
    """MathML of a formula in LaTeX, which browsers show without any program or download."""
    try:
        text = CONVERTER.convert_with_local_state(node.astext(), displaystyle=displayed)
    except LatexError as error:
        LOGGER.warning("a formula cannot be shown: %s", error, location=node)
        return "<code></code>"
    return PRIMES.sub(r'<mo class="prime">\1</mo>', text)


def inline_formula(writer: Any, node: nodes.Element) -> None:
    """A formula in a line of text."""
    writer.body.append(mathml(node, False))
    raise nodes.SkipNode


def displayed_formula(writer: Any, node: nodes.Element) -> None:
    """A formula on lines of its own."""
    writer.body.append(f'<div class="math">{mathml(node, True)}</div>')
    raise nodes.SkipNode


def shorten(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, result: Any
) -> tuple[str, Any] | None:
    """What every op takes has a name; Python's signatures spell it out."""
    return (re.sub(TENSOR_LIKE, "TensorLike", arguments), result) if arguments else None


def show_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Our docstrings are plain text: make reStructuredText of one that shows it as it is meant."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    lines[:] = "\n\n".join(map(shown, paragraphs)).split("\n")
    op = getattr(getattr(obj, "op", None), "__name__", "")
    if what == "class" and op in ops.__all__:
        lines += ["", f"Its op, with the formula: :py:func:`minicnn.ops.{op}`."]


def show_bases(app: Sphinx, name: str, obj: Any, options: Any, bases: list[type]) -> None:
    """A private base has no entry; its own base has."""
    bases[:] = [b.__base__ or b if getattr(b, "__name__", "")[:1] == "_" else b for b in bases]


def shown(paragraph: str) -> str:
    """Text as text, items as items; examples and what is indented line by line, as it stands."""
    indented = re.search("(?m)^ ", paragraph)
    if paragraph.startswith("* ") or (indented and re.match(r"\w+: ", paragraph)):
        items = re.split(r"\n(?! )", paragraph)
        return "\n".join("* " + escaped(item.removeprefix("* ")) for item in items)
    if indented or paragraph.startswith(">>>"):
        language = "python" if paragraph.startswith(">>>") else "text"
        return f".. code-block:: {language}\n\n{indent(paragraph, '   ')}"
    return escaped(paragraph)


def escaped(text: str) -> str:
    """One line in which nothing but `code` and *stress* has a meaning."""
    return "\\ " + MARKUP.sub(_escape, " ".join(text.split()))


def _escape(found: re.Match[str]) -> str:
    r"""Code as code, with ``\ `` to keep it apart from its neighbours; signs as signs."""
    code = found[1] or found[2]
    if found[3]:
        return rf"*{found[3]}*\ "
    return rf"\ ``{code.strip()}``\ " if code else "\\" + found[0]


class OpTable(SphinxDirective):
    """Every public op: its formula, and the shapes of one call, as they come out when it runs."""

    def run(self) -> list[nodes.Node]:
        """The table, made from the package's own list of ops and examples."""
        rows = ["| op | what it computes | shapes of an example | doctor |", "|---|---|---|---|"]
        rows += [row(name, example) for name, example in sorted(examples().items())]
        (table,) = self.parse_text_to_nodes("\n".join(rows))
        table["classes"].append("ops")
        return [table]


def row(name: str, example: Example) -> str:
    """One op's row."""
    summary = (getattr(ops, name).__doc__ or "").strip().partition("\n")[0]
    formula = summary.replace("|", r"\|").replace("``", "").replace("`", "")
    return " | ".join([
        f"| {{py:func}}`{name} <minicnn.ops.{name}>`", f"`{formula}`", f"`{called(example)}`",
        "yes |" if name in OPS else " |",
    ])  # fmt: skip


def called(example: Example) -> str:
    """The shapes of all inputs and outputs."""
    tensors = example.tensors()
    result = example(*tensors)
    outputs = result if isinstance(result, Sequence) else [result]
    return f"{shapes(tensors)} \N{RIGHTWARDS ARROW} {shapes(outputs)}"


def shapes(tensors: Sequence[Any]) -> str:
    """Shapes in a row; a line may break between two, but not inside of one."""
    return ", ".join(str(t.shape).replace(" ", "\N{NO-BREAK SPACE}") for t in tensors)
