"""`minicnn data`: the data sets, whether they are whole, and what they look like."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from .. import data as datasets
from .. import viz
from ..download import cache_folder
from .common import Command, check_picture, data_dir_option, print_table

_TILES = 40  # images in a preview
_SIDE = 128  # pixels of a photo in it


@click.group()
def data() -> None:
    """List the data sets, mend them, get them, look at them."""


@data.command(cls=Command, name="list")
@data_dir_option
def list_sets(data_dir: str | None) -> None:
    """List the data sets and where they are."""
    rows = []
    for name, row in datasets.CATALOG.items():
        images = " + ".join(f"{n:,}" for n in row.images.values())
        rows.append((name, images, row.classes, row.shape, *_size_and_place(name, data_dir)))
    print_table(("name", "> images", "> classes", "> shape", "> size", "where"), rows)


def _size_and_place(name: str, data_dir: str | None) -> tuple[str, str]:
    source = datasets.entry(name).source
    if source is None:
        return "", "comes with the program"
    state = _examine(name, data_dir, deep=False)
    if state.where is None or state.problems:
        what = "incomplete, see `minicnn data doctor`" if state.problems else "not here"
        return _megabytes(source.size()), f"{what}; `{state.mend}` downloads it"
    return _megabytes(_size_on_disk(name, data_dir)), str(state.where)


@data.command(cls=Command)
@data_dir_option
def doctor(data_dir: str | None) -> None:
    """Read every data set that is here, and tell how to mend what is damaged."""
    states = [_examine(name, data_dir) for name in datasets.names()]
    for state in states:
        click.echo(f"{state.name}: {state.text}")
        for problem in state.problems:
            click.echo(f"  {problem}")
        if state.problems:
            click.echo(f"  mend it with: {state.mend}")
    damaged = [state.name for state in states if state.problems]
    if damaged:
        click.echo(f"minicnn: damaged: {', '.join(damaged)}", err=True)
        click.get_current_context().exit(1)


@data.command(cls=Command)
@click.argument("name")
@data_dir_option
def prepare(name: str, data_dir: str | None) -> None:
    """Download the data set NAME, unpack it and check it; what is whole is left as it is.

    With --data-dir it goes into DATA_DIR/NAME, else into the user's cache.
    """
    source = datasets.entry(name).source
    state = _examine(name, data_dir)
    if source is None or (state.where and not state.problems):
        click.echo(f"{name}: {state.text}")
        return
    target = Path(data_dir) / name if data_dir else cache_folder(name)
    elsewhere = state.where is not None and not state.where.is_relative_to(target)
    if elsewhere and not data_dir:
        raise ValueError(f"{state.problems[0]}\nmend it with: {state.mend}")
    folder = Path(data_dir) if data_dir else None
    source.fetch(target, anew=all(source.find(split, folder) for split in source.splits))
    state = _examine(name, data_dir)
    if state.problems:
        raise ValueError(f"{name}: {state.text}\n{state.problems[0]}")
    click.echo(f"{name}: {state.text}")


@data.command(cls=Command)
@click.argument("what", metavar="NAME|FOLDER")
@click.option("--split", default="train", show_default=True, help="Which part to show.")
@click.option("--out", type=click.Path(path_type=Path),
              help="The PNG file.  [default: NAME-SPLIT.png]")  # fmt: skip
@data_dir_option
def preview(what: str, split: str, out: Path | None, data_dir: str | None) -> None:
    """Draw some images of a data set, or of a folder of class folders, with their labels."""
    if what not in datasets.names() and Path(what).is_dir():
        dataset = _photos(Path(what), split)
        out = out or Path(f"{Path(what).resolve().name}.png")
    else:
        datasets.entry(what)
        out = out or Path(f"{what}-{split}.png")
        check_picture(out)
        dataset = datasets.load(what, split, data_dir)
    check_picture(out)
    chosen = _choose(dataset.labels, len(dataset.classes))
    tiles = np.stack([_tile(dataset, i) for i in chosen])
    viz.plot_images(tiles, [_label(dataset, i) for i in chosen], out)
    click.echo(f"{out}: {len(chosen)} of {len(dataset):,} images")


def _photos(folder: Path, split: str) -> Any:
    """A folder of class folders, which may lie in folders train, val and test."""
    parts: Any = datasets.folder_splits(folder)
    return datasets.ImageFolder(folder, split if parts else None)


class _State(NamedTuple):
    """What was found out about a data set.

    where: its folder; None if it comes with the program or is not here at all
    problems: messages, none if it is whole or not here
    mend: the command that gets it, or gets it anew
    """

    name: str
    where: Path | None
    text: str
    problems: list[str]
    mend: str


def _examine(name: str, data_dir: str | None, deep: bool = True) -> _State:
    """Where a data set is and, if `deep`, whether its files are whole: then all are read."""
    row = datasets.entry(name)
    folder = Path(data_dir) if data_dir else None
    if row.source is None:
        return _State(name, None, "whole, comes with the program", [], "")
    found = {split: row.source.find(split, folder) for split in row.images}
    places = [place for _, place in filter(None, found.values())]
    partial = [] if all(found.values()) else list(row.source.incomplete(folder))
    problems = [message for _, message in partial]
    where = next(iter(places + [place for place, _ in partial]), None)
    mend = _mend(name, where, data_dir)
    if where is None:
        size = _megabytes(row.source.size())
        return _State(name, None, f"not here; `{mend}` downloads {size}", [], mend)
    counts = {}
    if deep:
        for split in filter(found.get, found):
            try:
                counts[split] = len(datasets.load(name, split, data_dir))
            except (ValueError, OSError) as error:
                problems.append(str(error))
    text = f"DAMAGED in {where}" if problems else f"whole, {_counted(counts, row)}in {where}"
    return _State(name, where, text, problems, mend)


def _counted(counts: dict[str, int], row: datasets.Entry) -> str:
    if not counts:
        return ""
    text = f"{' + '.join(f'{n:,}' for n in counts.values())} images "
    if counts != row.images:
        text += f"(the original has {' + '.join(f'{n:,}' for n in row.images.values())}) "
    return text


def _mend(name: str, where: Path | None, data_dir: str | None) -> str:
    """The command whose result will be found before what is damaged."""
    root = data_dir
    if where is not None and not where.is_relative_to(cache_folder(name)):
        root = data_dir or os.environ.get("MINICNN_DATA")
    return f"minicnn data prepare {name}" + (f" --data-dir {shlex.quote(root)}" if root else "")


def _size_on_disk(name: str, data_dir: str | None) -> int:
    source = datasets.entry(name).source
    assert source is not None
    paths = set()
    for split in source.splits:
        layout, where = source.find(split, Path(data_dir) if data_dir else None) or (None, None)
        if layout and where:
            paths |= {path for file in layout.files[split] for path in _files(where / file)}
    return sum(path.stat().st_size for path in paths)


def _files(path: Path) -> Iterator[Path]:
    yield from path.iterdir() if path.is_dir() else [path]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _choose(labels: np.ndarray, classes: int) -> np.ndarray:
    """Positions of some images, as many of each class as there is room for, class by class."""
    order = np.random.default_rng(0).permutation(len(labels))
    if labels.ndim == 2:  # several classes per image
        return np.sort(order[:_TILES])
    turns = np.empty(len(labels), np.int64)  # the how-manieth of its class an image is
    for label in range(classes):
        mine = order[labels[order] == label]
        turns[mine] = np.arange(len(mine))
    chosen = order[np.argsort(turns[order], kind="stable")][:_TILES]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def _tile(dataset: Any, i: int) -> np.ndarray:
    """Image i as (C, H, W) float32 in [0, 1]; photos are cut to squares of one size."""
    if isinstance(dataset, datasets.Dataset):
        image = dataset.images[i]
        return image / np.float32(255) if image.dtype == np.uint8 else image
    from PIL import ImageOps

    image = ImageOps.fit(dataset[int(i)][0].convert("RGB"), (_SIDE, _SIDE))
    return np.asarray(image).transpose(2, 0, 1) / np.float32(255)


def _label(dataset: Any, i: int) -> str:
    """The class's name, in lines that fit over an image."""
    import textwrap

    label = dataset.labels[i]
    names = [dataset.classes[k] for k in (np.flatnonzero(label) if label.ndim else [label])]
    return "\n".join(textwrap.wrap(", ".join(names).replace("_", " "), 14)) or "none"


COMMANDS = (data,)
