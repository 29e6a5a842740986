"""Facts about the shape of the code: lines, lengths, imports. `python tests/house.py` prints them.

A line of code is one that is neither blank nor a comment nor part of a docstring.
"""

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "minicnn"
CORE = (
    "autograd",
    "inplace",
    "modes",
    "rules",
    "tensor",
    "random",
    "ops",
    "kernels/reference",
    "nn",
    "optim",
)
CORE_BUDGET = 3750


def sources() -> list[Path]:
    """Every Python file of the project."""
    folders = ("minicnn", "tests", "benchmarks", "examples", "lessons", "docs")
    return sorted(p for f in folders for p in (ROOT / f).rglob("*.py"))


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines that hold code."""
    text = path.read_text(encoding="utf-8")
    skip = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENCODING, tokenize.ENDMARKER,
    }  # fmt: skip
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skip:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function with its number of lines of code, its signature not counted."""
    lines = code_lines(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            span = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            yield node.name, len(lines.intersection(span))


def room(path: Path) -> str:
    """The part of the package that a file belongs to: `ops`, `tensor`, `kernels`, ..."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    """The parts of the package that a file imports, anywhere in it."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "minicnn":
                found.add(parts[1] if len(parts) > 1 else "__init__")
    return found


def main() -> None:
    """Print lines of code per part of the package, and the core's total."""
    counts: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        counts["/".join(parts[:2]) if parts[0] == "kernels" and len(parts) > 2 else parts[0]] += (
            len(code_lines(path))
        )
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{count:6} {name}{'  (core)' if name in CORE else ''}")
    print(f"{sum(counts[name] for name in CORE):6} core, of {CORE_BUDGET}; {counts.total()} in all")


if __name__ == "__main__":
    main()
