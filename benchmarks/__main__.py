"""Run benchmarks: `python -m benchmarks NAME... | all [--json FILE]`."""

import argparse
import gc
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import minicnn  # noqa: F401  first, so that it may tell NumPy's BLAS how its threads shall wait

from .harness import Row
from .machine import ROOT, facts
from .report import as_data, contestants, load, put_into, save, summary, table, write_json

ALL = (
    "training", "inference", "epochs", "ops", "threads", "growth", "memory", "compile", "overhead",
    "graph", "loader",
)  # fmt: skip
ALONE = ("kernels", "ladder", "winograd", "zoo")  # by name only
IN_README = ("training", "inference", "epochs")


def title(question: str) -> str:
    """The first line of the question's file."""
    return (import_module(f"benchmarks.{question}").__doc__ or "").split("\n")[0].rstrip(".")


def answer(question: str) -> list[Row]:
    """Run one question; each row is printed as soon as it is there."""
    print(f"\n## {title(question)}", flush=True)
    rows: list[Row] = []
    for row in import_module(f"benchmarks.{question}").rows():
        head, rule, line, *_ = table([row]).split("\n")
        if not rows or contestants(rows[-1:]) != contestants([row]):
            print(f"\n{head}\n{rule}")
        print(line, flush=True)
        rows.append(row)
        gc.collect()  # the nets of one workload must not be in the way of the next
    return rows


def update_readme() -> None:
    """Put the latest results of the questions that the README shows into it."""
    found = [load(question) for question in IN_README]
    rows = [row for kept, _ in found for row in kept]
    put_into(ROOT / "README.md", summary(rows, found[0][1]))


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="+", choices=("all", *ALL, *ALONE), metavar="NAME",
                        help=f"all, or of {', '.join((*ALL, *ALONE))}")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the results of this run to FILE as well")
    options = parser.parse_args(words)
    names = ALL if "all" in options.names else options.names
    results = []
    for question in names:
        rows = answer(question)
        machine = facts()
        save(question, title(question), rows, machine)
        results.append({"question": question, "machine": machine, "rows": as_data(rows)})
    if options.json:
        write_json(options.json, results)
    if "all" in options.names:
        update_readme()


if __name__ == "__main__":
    main()
