"""Results as JSON, as Markdown tables, and in the README."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles

from .harness import Row

OURS, TORCH, LAST = "minicnn", "torch", "torch channels_last"
RESULTS = Path(__file__).resolve().parent / "results"
COSTS = ("us", "ms", "s", "MB")  # units of which less is better, so that a ratio says something
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def ratio(row: Row, peer: str) -> float | None:
    """Our median over the peer's; None where one of them is missing or less is not better."""
    if row.unit not in COSTS or OURS not in row.samples or peer not in row.samples:
        return None
    return median(row.samples[OURS]) / median(row.samples[peer])


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """(r1 r2 ... rn)^(1/n) of those that there are; None where there are none"""
    logs = [math.log(r) for r in ratios if r is not None]
    return math.exp(sum(logs) / len(logs)) if logs else None


def spread(samples: Sequence[float]) -> float:
    """Half of the distance between the quartiles."""
    if len(samples) < 2:
        return 0.0
    low, _, high = quantiles(samples, method="inclusive")
    return (high - low) / 2


def contestants(rows: Sequence[Row]) -> list[str]:
    """All names, ours first, then in the order in which they come."""
    names = dict.fromkeys(name for row in rows for name in row.samples)
    return sorted(names, key=lambda name: name != OURS)


def table(rows: Sequence[Row]) -> str:
    """A Markdown table: median ± spread of each contestant, and the ratio of ours to it."""
    names = contestants(rows)
    heads = ["", "unit", *(head for n in names for head in ([n] if n == OURS else [n, "ratio"]))]
    with_work = any(row.work for row in rows)
    heads += (["GFLOP/s", "of peak"] if with_work else []) + ["rounds", "dropped", "others"]
    lines = [_line(heads), "|---|---|" + "---:|" * (len(heads) - 2)]
    for row in rows:
        cells = [row.workload, row.unit]
        for name in names:
            cells += [_time(row, name)] + ([] if name == OURS else [_number(ratio(row, name))])
        cells += _speed(row) if with_work else []
        rounds = max(map(len, row.samples.values()))
        lines.append(_line([*cells, str(rounds), str(row.dropped), f"{row.others:.0%}"]))
    means = [geometric_mean(ratio(row, name) for row in rows) for name in names]
    if len(rows) > 1 and any(means[1:]):
        cells = [cell for mean in means[1:] for cell in ("", _number(mean))]
        blank = [""] * (len(heads) - 3 - len(cells))
        lines.append(_line(["**geometric mean**", "", "", *cells, *blank]))
    notes = dict.fromkeys(row.note for row in rows if row.note)
    return "\n".join([*lines, *(f"\n{note}" for note in notes)])


def _time(row: Row, name: str) -> str:
    if name not in row.samples:
        return ""
    middle, around = median(row.samples[name]), spread(row.samples[name])
    return f"{_digits(middle)} ± {_digits(around)}" if around else _digits(middle)


def _speed(row: Row) -> list[str]:
    """GFLOP/s of ours, and its share of the peak."""
    if not row.work or OURS not in row.samples:
        return ["", ""]
    rate = row.work / (median(row.samples[OURS]) * 1e6)
    return [f"{rate:.0f}", f"{rate * 1e9 / row.peak:.0%}" if row.peak else ""]


def _digits(value: float) -> str:
    """Three digits that count, without powers of ten."""
    places = 2 if value <= 0 else max(0, 2 - math.floor(math.log10(value)))
    return f"{value:,.{min(places, 4)}f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


# Files


def save(question: str, title: str, rows: Sequence[Row], machine: dict[str, str]) -> None:
    """Keep what was measured in results/QUESTION.json and results/QUESTION.md."""
    RESULTS.mkdir(exist_ok=True)
    record = {"question": question, "title": title, "machine": machine, "rows": as_data(rows)}
    write_json(RESULTS / f"{question}.json", record)
    where = "\n".join(f"* {key}: {value}" for key, value in machine.items())
    command = f"    python -m benchmarks {question}"
    text = f"# {title}\n\n{command}\n\n{table(rows)}\n\n{where}\n"
    (RESULTS / f"{question}.md").write_text(text, encoding="utf-8")


def as_data(rows: Sequence[Row]) -> list[dict]:
    return [asdict(row) for row in rows]


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(question: str) -> tuple[list[Row], dict[str, str]]:
    """The rows that were kept last, and the machine; none where there are none."""
    path = RESULTS / f"{question}.json"
    if not path.exists():
        return [], {}
    record = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**row) for row in record["rows"]], record["machine"]


# README


def summary(rows: Sequence[Row], machine: dict[str, str]) -> str:
    """The README's table: our time, and the ratio to torch in both memory formats."""
    lines = ["| | minicnn | torch | ratio to channels_last | ratio to default |",
             "|---|---:|---:|---:|---:|"]  # fmt: skip
    for row in rows:
        times = [f"{_time(row, name).split(' ')[0]} {row.unit}" for name in (OURS, LAST)]
        ratios = [_number(ratio(row, name)) for name in (LAST, TORCH)]
        lines.append(_line([row.workload, *times, *ratios]))
    means = [_number(geometric_mean(ratio(row, name) for row in rows)) for name in (LAST, TORCH)]
    lines.append(_line(["**geometric mean**", "", "", *means]))
    told = ("machine", "date", "commit", "numpy", "numba", "torch", "threads")
    facts = "; ".join(f"{key} {machine[key]}" for key in told if key in machine)
    return "\n".join([*lines, "", f"Measured with {facts}."])


def put_into(path: Path, text: str) -> None:
    """Replace what lies between the two markers. Raises ValueError where they are not there."""
    old = path.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name}: must have the lines {BEGIN} and {END}, got none; add them")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
