"""The report of a run: one HTML page with everything in it, to read, print and send."""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from os import PathLike
from pathlib import Path
from string import Template
from typing import Any

from ..weights import write_atomically
from .metrics import Metrics

# Name of a picture -> its caption; the order is that of the page.
_CAPTIONS = {
    "curves": "Loss and accuracy by epoch. A growing gap between the two curves is overfitting.",
    "confusion": "Each row is a true class, each column what its images were taken for.",
    "classes": "Precision, recall and F1 of each class, the weakest first.",
    "calibration": "Probabilities against what came true: bars on the diagonal can be believed.",
    "scores": "How the probabilities are distributed.",
    "roc": "True against false positives at every threshold; the area of a guess is 0.5.",
    "pr": "Precision against recall at every threshold.",
    "mistakes": "The mistakes with the highest loss: some may be wrong labels.",
}
_WIDE = ("curves", "mistakes")
_PER_CENT = ("accuracy", "balanced_accuracy", "top_5_accuracy", "hamming_loss")
_HEADLINES = (
    "accuracy", "balanced_accuracy", "top_5_accuracy", "hamming_loss", "f1", "f1_macro", "roc_auc",
    "roc_auc_macro", "log_loss", "expected_calibration_error",
)  # fmt: skip


def write_report(
    folder: str | PathLike[str], *, title: str, config: Mapping[str, Any],
    history: Sequence[Any] = (), metrics: Metrics | None = None,
    figures: Mapping[str, str | PathLike[str]] | None = None, advice: Sequence[str] = (),
) -> Path:  # fmt: skip
    """Write ``folder``/report.html and return its path.

    ``figures`` are PNG files by name, as `write_figures` returns them; they become part of the
    page, which loads nothing and runs no script. ``history`` rows are named tuples. All texts are
    escaped, so names of classes and files cannot add markup.

    Raises FileNotFoundError if a picture is missing.
    """
    numbers = metrics.compute() if metrics and len(metrics) else {}
    pictures = dict(figures or {})
    sections = [
        _cards(numbers),
        _section("Advice", _list(advice)),
        _section("Training", _pictures(pictures, ("curves",)) + _epochs(history)),
        _section("Classes", _pictures(pictures, ("confusion", "classes")) + _classes(metrics)),
        _section("Probabilities", _pictures(pictures, ("calibration", "scores", "roc", "pr"))),
        _section("Worst mistakes", _pictures(pictures, ("mistakes",))),
        _section("More pictures", _pictures(pictures, [n for n in pictures if n not in _CAPTIONS])),
        _section("All numbers", _numbers(numbers)),
        _section("Configuration", _definitions(config)),
    ]
    template = Template(files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escape(title),
        subtitle=_subtitle(config, metrics),
        body="\n".join(filter(None, sections)),
    )
    path = Path(folder) / "report.html"
    write_atomically(path, page.encode("utf-8", errors="replace"))
    return path


def headlines(numbers: Mapping[str, float]) -> list[tuple[str, str]]:
    """The most telling of the numbers of `Metrics.compute`, as names and values to read."""
    return [(_words(name), _number(name, numbers[name])) for name in _HEADLINES if name in numbers]


def _subtitle(config: Mapping[str, Any], metrics: Metrics | None) -> str:
    parts = [f"{config[key]}" for key in ("model", "data") if config.get(key)]
    if metrics:
        parts.append(f"{len(metrics):,} images judged")
    if isinstance(config.get("parameters"), int):
        parts.append(f"{config['parameters']:,} parameters")
    parts += [f"{key} {config[key]}" for key in ("seed", "minicnn") if config.get(key) is not None]
    parts.append(datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"))
    return escape(" · ".join(parts))


def _section(heading: str, content: str) -> str:
    return f"<section>\n<h2>{heading}</h2>\n{content}\n</section>" if content else ""


def _cards(numbers: Mapping[str, float]) -> str:
    cards = [
        f'<div class="card"><b>{value}</b><span>{name}</span></div>'
        for name, value in headlines(numbers)
    ]
    return f'<div class="cards">{"".join(cards)}</div>' if cards else ""


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(str(t))}</li>' for t in texts)}</ul>" if texts else ""


def _pictures(pictures: Mapping[str, Any], names: Iterable[str]) -> str:
    wide: list[str] = []
    small: list[str] = []
    for name in names:
        if name in pictures:
            data = base64.b64encode(Path(pictures[name]).read_bytes()).decode("ascii")
            caption = escape(_CAPTIONS.get(name, name))
            image = f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">'
            figure = f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
            (wide if name in _WIDE else small).append(figure)
    grid = f'<div class="figures">{"".join(small)}</div>' if small else ""
    return "".join(wide) + grid


def _classes(metrics: Metrics | None) -> str:
    if metrics is None or not len(metrics):
        return ""
    rows = [(r.name, *(f"{v:.3f}" for v in r[1:4]), f"{r.support:,}") for r in metrics.table()]
    table = _table(("class", "precision", "recall", "F1", "images"), rows)
    return table if len(rows) <= 25 else _fold(f"All {len(rows)} classes", table)


def _epochs(history: Sequence[Any]) -> str:
    if not history:
        return ""
    rows = [[_cell(value) for value in row] for row in history]
    table = _table([_words(name) for name in history[0]._fields], rows)
    return _fold(f"All {len(rows)} epochs", table)


def _numbers(numbers: Mapping[str, float]) -> str:
    rows = [(_words(name), _number(name, value)) for name, value in numbers.items()]
    undefined = any(math.isnan(value) for value in numbers.values())
    note = '<p class="soft">nan: not defined for these images, such as the ROC area where only '
    note += "one class occurs.</p>"
    return _table(("metric", "value"), rows) + (note if undefined else "") if rows else ""


def _definitions(config: Mapping[str, Any]) -> str:
    items = []
    for key, value in config.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        items.append(f"<dt>{escape(_words(str(key)))}</dt><dd>{escape(text)}</dd>")
    return f"<dl>{''.join(items)}</dl>" if items else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return f'<div class="wide"><table>{line("th", head)}{body}</table></div>'


def _fold(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _number(name: str, value: float) -> str:
    return f"{value:.2%}" if name in _PER_CENT and not math.isnan(value) else f"{value:.4f}"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _words(name: str) -> str:
    return name.replace("roc_auc", "ROC_area").replace("f1", "F1").replace("_", " ")
