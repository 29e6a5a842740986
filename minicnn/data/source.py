"""Where the files of a data set are: on this machine, or on the web."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..download import Mirror, alone, cache_folder, download
from .archives import unpack


class Remote(NamedTuple):
    """A file on the web, the same on every mirror.

    checksum: as `download` takes it; size: in bytes
    gives: what an archive unpacks to; an empty text for a file that is used as it is
    """

    name: str
    checksum: str
    size: int
    mirrors: Sequence[Mirror]
    gives: str = ""


@dataclass(frozen=True)
class Layout:
    """One form in which a data set is kept.

    files: split -> names of its files; a name that ends in "/" is a folder's
    inside: the folder that holds them where an archive was unpacked
    """

    files: Mapping[str, Sequence[str]]
    inside: str = ""
    remotes: Sequence[Remote] = ()

    def missing(self, split: str, folder: Path) -> list[str]:
        """What a folder lacks."""
        return [
            name for name in self.files[split]
            if not ((folder / name).is_dir() if name[-1] == "/" else (folder / name).is_file())
        ]  # fmt: skip


Found = tuple[Layout, Path]


@dataclass(frozen=True)
class Source:
    """A data set's files.

    aliases: folders below MINICNN_DATA, or below a folder that a user names, which may hold them
    """

    name: str
    layouts: Sequence[Layout]
    aliases: Sequence[str] = field(default=())

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.layouts[0].files)

    def size(self) -> int:
        """Bytes to download."""
        return sum(remote.size for remote in self.layouts[0].remotes)

    def find(self, split: str, folder: Path | None, cache: Path | None = None) -> Found | None:
        """The first place with all files of a split, never one file from here, one from there.

        With `folder` it is searched alone; without, MINICNN_DATA and then the cache are.
        """
        for place in self._places(folder, cache):
            for layout in self.layouts:
                for where in (place / layout.inside, place):
                    if not layout.missing(split, where):
                        return layout, where
        return None

    def incomplete(
        self, folder: Path | None, cache: Path | None = None
    ) -> Iterator[tuple[Path, str]]:
        """Places that have some of the files and lack others, each with a message."""
        for place in self._places(folder, cache):
            for layout in self.layouts:
                where = place / layout.inside
                names = {name for split in self.splits for name in layout.files[split]}
                missing = {name for split in self.splits for name in layout.missing(split, where)}
                if missing and missing != names and str(where) != os.environ.get("MINICNN_DATA"):
                    lacks = ", ".join(sorted(missing))
                    yield where, f"{where}: must hold all files, got a folder without {lacks}"

    def locate(
        self, split: str, folder: Path | None, mirrors: Sequence[Mirror] | None, cache: Path | None
    ) -> Found:
        """Find the files of a split, or download them into the cache.

        Raises FileNotFoundError if `folder` lacks some, or if they are nowhere and no mirror has
        them.
        """
        found = self.find(split, folder, cache)
        if found is not None:
            return found
        if folder is not None:
            raise self._lacking(split, folder)
        cache = cache or cache_folder(self.name)
        try:
            self.fetch(cache, mirrors)
        except OSError as error:
            raise self._nowhere(cache, error) from error
        found = self.find(split, cache)
        assert found is not None, f"{cache} has just got the files"
        return found

    def fetch(
        self, folder: Path, mirrors: Sequence[Mirror] | None = None, anew: bool = False
    ) -> None:
        """Download and unpack what `folder` lacks, or everything `anew`.

        Whole downloads of before are used again.

        Raises OSError if no mirror has them or the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / f".{self.name}.lock", self.name):
            failures: list[ConnectionError] = []
            for layout in self.layouts:
                try:
                    for remote in self._wanted(layout, folder, anew):
                        _get(remote, folder, mirrors)
                    if layout.remotes:
                        return
                except ConnectionError as error:  # perhaps another layout's server answers
                    failures.append(error)
        raise failures[0]

    def _wanted(self, layout: Layout, folder: Path, anew: bool) -> Iterator[Remote]:
        where = folder / layout.inside
        missing = [where / name for split in self.splits for name in layout.missing(split, where)]
        for remote in layout.remotes:
            product = folder / (remote.gives or remote.name)
            if anew or any(path.is_relative_to(product) for path in missing):
                yield remote

    def _places(self, folder: Path | None, cache: Path | None) -> Iterator[Path]:
        if folder is not None:
            yield from (folder / alias for alias in self.aliases if alias)
            yield folder
            return
        if root := os.environ.get("MINICNN_DATA"):
            yield from (Path(root).expanduser() / alias for alias in self.aliases)
        yield cache or cache_folder(self.name)

    def _lacking(self, split: str, folder: Path) -> FileNotFoundError:
        """What the folder lacks of the layout of which it has most."""
        options = [
            (layout.missing(split, place / layout.inside), layout.files[split])
            for place in self._places(folder, None)
            for layout in self.layouts
        ] + [(layout.missing(split, folder), layout.files[split]) for layout in self.layouts]
        missing, names = min(options, key=lambda option: len(option[0]) / len(option[1]))
        found = f"a folder without {', '.join(missing)}" if folder.is_dir() else "no such folder"
        return FileNotFoundError(
            f"{self.name}: folder {folder} must hold {' and '.join(names)}, got {found}; "
            "leave the folder out to search MINICNN_DATA and the cache and to download"
        )

    def _nowhere(self, cache: Path, error: OSError) -> FileNotFoundError:
        names = ", ".join(remote.name for remote in self.layouts[0].remotes)
        root = os.environ.get("MINICNN_DATA", "not set")
        return FileNotFoundError(
            f"{self.name}: the files must be in MINICNN_DATA ({root}), in {cache} or on a mirror, "
            f"got {error}. Or put {names} into {cache}, or set MINICNN_DATA to the folder that "
            "holds them"
        )


def _get(remote: Remote, folder: Path, mirrors: Sequence[Mirror] | None) -> None:
    if mirrors is None:
        mirrors = remote.mirrors
    path = download(remote.name, remote.checksum, mirrors, folder, remote.size)
    if remote.gives:
        unpack(path, folder)
