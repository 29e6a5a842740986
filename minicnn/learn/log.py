"""What a lesson's full run found: rows in lessons/NN_slug/log.csv, kept beside the lesson.

A full run of a lesson writes them; its page is made in fast mode, and reads them.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .course import find_course

Row = dict[str, Any]


def path_of(lesson: str) -> Path:
    """The file of the lesson called NN_slug."""
    return find_course().folder / lesson / "log.csv"


def write(lesson: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all rows, which have the same keys; what was there is gone."""
    path_of(lesson).parent.mkdir(exist_ok=True)
    with path_of(lesson).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(lesson: str) -> list[Row]:
    """The rows, numbers as numbers; none where there is no log yet."""
    if not path_of(lesson).exists():
        return []
    with path_of(lesson).open(newline="", encoding="utf-8") as file:
        return [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
