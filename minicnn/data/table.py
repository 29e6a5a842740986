"""A table (CSV) that says which classes each image file has."""

import csv
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .folder import FileDataset
from .pictures import EXTENSIONS

_ONE = ("label", "class")  # headers of a column that names one class
_SEVERAL = ("labels", "classes")  # and of one that names any number of them
_SEPARATORS = (";", "|", ",")
_BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


class _Row(NamedTuple):
    line: int
    cells: list[str]


def from_csv(
    path: str | PathLike[str], folder: str | PathLike[str] | None = None, *, channels: int = 3
) -> FileDataset:
    """A data set of image files and their classes, one row per file, with a header.

    The first column is the file's name, relative to `folder` (if unsaid, the table's own). Then:

        one column "label" or "class":     the name of the one class
        one column "labels" or "classes":  names of any number of classes, separated by ; | or ,
        other columns:                     0 or 1, one column per class, named by the header

    The first gives labels (N,) int64, the others (N, K) float32. The file is UTF-8, with or without
    a byte-order mark; its columns are separated by commas, semicolons or tabs.

    Raises FileNotFoundError if there is no such table; ValueError, with the line, for a row that
    makes no sense, a file that is missing or comes twice.
    """
    path = Path(path)
    folder = path.parent if folder is None else Path(folder)
    header, *rows = _rows(path)
    _check_header(path, header.cells)
    if not rows:
        raise ValueError(f"{path}: a row per image must follow the header, got none; add rows")
    for line, cells in rows:
        if len(cells) != len(header.cells):
            raise _bad(path, line, f"a row must have {len(header.cells)} cells", len(cells))
    files = _files(path, folder, rows)
    kind = header.cells[1].lower()
    single = len(header.cells) == 2
    if single and kind in _ONE:
        labels, classes = _one(path, rows)
    elif single and kind in _SEVERAL:
        labels, classes = _several(path, rows)
    else:
        labels, classes = _bits(path, rows, header.cells[1:]), header.cells[1:]
    return FileDataset(files, labels, classes, path.stem, channels)


def _rows(path: Path) -> list[_Row]:
    """All rows that are not empty, with the numbers of their lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_parse(path, file.readlines()))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: must be text in UTF-8, got {error.reason} at byte {error.start}; save the "
            'table as "CSV UTF-8"'
        ) from error


def _parse(path: Path, lines: Sequence[str]) -> Iterator[_Row]:
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise ValueError(f"{path}: must have a header and rows, got an empty file; fill it")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield _Row(reader.line_num, cells)
    except csv.Error as error:
        raise _bad(path, reader.line_num, "quotes must be closed", error) from error


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) < 2:
        raise _bad(path, 1, "a header must name the file and at least one label", header)
    names = header[1:]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or "" in names:
        raise _bad(path, 1, "each column must have a name of its own", repr(twice or ""))
    if any(name in _BITS for name in names) or header[0].lower().endswith(EXTENSIONS):
        raise _bad(path, 1, "a header must come first (file, label, ...)", ", ".join(header))


def _files(path: Path, folder: Path, rows: list[_Row]) -> list[str]:
    """The image files, each of which must be there and come once."""
    lines: dict[str, int] = {}
    missing = []
    for line, cells in rows:
        if not cells[0]:
            raise _bad(path, line, "a row must begin with the name of a file", "an empty cell")
        file = folder / cells[0].replace("\\", "/")  # as tables from Windows have it
        if str(file) in lines:
            first = lines[str(file)]
            raise _bad(path, line, "each file must come once", f"{cells[0]} of line {first} again")
        lines[str(file)] = line
        if not file.is_file():
            missing.append((line, file))
    if missing:
        line, file = missing[0]
        raise _bad(
            path, line, "each file must be there",
            f"no file {file} ({len(missing)} of {len(rows)} are missing), or say in which folder "
            "they lie",
        )  # fmt: skip
    return list(lines)


def _one(path: Path, rows: list[_Row]) -> tuple[np.ndarray, list[str]]:
    for line, cells in rows:
        if not cells[1]:
            raise _bad(path, line, "a file must have a label", "an empty cell")
    classes = sorted({cells[1] for _, cells in rows})
    if len(classes) < 2:
        raise ValueError(f"{path}: must have at least 2 classes, got only {classes[0]}; add others")
    number = {name: k for k, name in enumerate(classes)}
    return np.array([number[cells[1]] for _, cells in rows], np.int64), classes


def _several(path: Path, rows: list[_Row]) -> tuple[np.ndarray, list[str]]:
    cells = [row.cells[1] for row in rows]
    separator = next((s for s in _SEPARATORS if any(s in cell for cell in cells)), _SEPARATORS[0])
    names = [{name.strip() for name in cell.split(separator)} - {""} for cell in cells]
    classes = sorted(set().union(*names))
    if not classes:
        raise ValueError(f"{path}: at least one image must have a label, got none; fill the cells")
    labels = np.array([[name in given for name in classes] for given in names], np.float32)
    return labels, classes


def _bits(path: Path, rows: list[_Row], names: list[str]) -> np.ndarray:
    labels = np.empty((len(rows), len(names)), np.float32)
    for i, (line, cells) in enumerate(rows):
        for k, (name, cell) in enumerate(zip(names, cells[1:], strict=True)):
            if cell not in _BITS:
                hint = "; names of classes go into a column label or labels" * (len(names) == 1)
                raise _bad(path, line, f"column {name} must be 0 or 1", repr(cell) + hint)
            labels[i, k] = _BITS[cell]
    return labels


def _bad(path: Path, line: int, rule: str, found: object) -> ValueError:
    return ValueError(f"{path}, line {line}: {rule}, got {found}; correct the table")
