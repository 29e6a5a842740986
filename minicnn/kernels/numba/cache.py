"""Machine code on disk: one file per kernel and kind of arguments, named by all it was made from.

    <file>.<function>.<settings>.<python>.<stamp>.<key>.nbc

    stamp   hash of the sources: the function's file and every file of minicnn that it imports,
            directly or not, and Numba's version
    key     hash of the arguments' types, the CPU and the function's bytecode

A kernel's machine code contains code of other files: instructions that `micro` writes, functions
that it calls. Numba's own cache looks at the function's file alone, so after an upgrade it would
run what is no longer written anywhere. It also keeps a list per function, which two processes that
compile at the same time overwrite for each other; here each result has a file of its own, which
appears under its name only when it is whole, and says by a hash whether it still is.

The folder is Numba's choice: NUMBA_CACHE_DIR, else `__pycache__` beside the source, else the user's
cache folder; where none of them can be written, `KernelCache` raises RuntimeError.
"""

import pickle
import re
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

PACKAGE = Path(__file__).resolve().parents[2]
_FROM = re.compile(r"^from (\.*)([\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)
_DIGEST = 32  # bytes of a SHA-256

counts: Counter[str] = Counter()  # results "loaded" from disk and "compiled", in this process


class KernelCache(FunctionCache):
    """Numba's cache of one function, with other files; a folder that fails is as good as none."""

    def __init__(self, function: Callable, settings: str) -> None:
        super().__init__(function)
        source = Path(function.__code__.co_filename).resolve()
        name = f"{source.stem}.{function.__qualname__.replace('<locals>', '')}.{settings}"
        self._cache_file = _Files(Path(self.cache_path), name, stamp(source))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The machine code for arguments of these types; None where there is none."""
        result = super().load_overload(sig, target_context)
        counts["loaded"] += result is not None
        return result

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep ``data`` for the next process, if there is room."""
        counts["compiled"] += 1
        with suppress(OSError):
            super().save_overload(sig, data)


class _Files:
    """The files of one function: what Numba calls the cache's index and data."""

    def __init__(self, folder: Path, name: str, stamp: str) -> None:
        self._folder, self._stamp = folder, stamp
        self._name = f"{name}.{sys.implementation.cache_tag}"

    def load(self, key: Any) -> Any:
        """What was saved under this key; None where there is nothing, or something damaged."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, data = content[:_DIGEST], content[_DIGEST:]
        saved_key, result = pickle.loads(data) if sha256(data).digest() == digest else (None, None)
        return result if saved_key == key else None

    def save(self, key: Any, result: Any) -> None:
        """Write ``result``, and remove what was made from older sources."""
        data, path = dumps((key, result)), self._path(key)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}")
        try:
            part.write_bytes(sha256(data).digest() + data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        for old in self._folder.glob(f"{self._name}.*"):
            if not old.name.startswith(f"{self._name}.{self._stamp}."):
                old.unlink(missing_ok=True)

    def flush(self) -> None:
        """Remove all files of the function."""
        for path in self._folder.glob(f"{self._name}.*"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        return self._folder / f"{self._name}.{self._stamp}.{_short(str(key).encode())}.nbc"


def folder() -> Path | None:
    """Where the machine code is kept; None where no folder can be written."""
    try:
        return Path(KernelCache(_short, "plain").cache_path)
    except (RuntimeError, OSError):
        return None


@cache
def stamp(source: Path) -> str:
    """The hash of all that the machine code of the functions in a file is made from."""
    files = [f"{path.name}\n{_text(path)}" for path in sorted(sources(source))]
    return _short("\n".join([numba.__version__, llvmlite.__version__, *files]).encode())


def sources(source: Path) -> set[Path]:
    """The file and every file of minicnn that it imports, directly or not."""
    found, todo = set(), {source}
    while todo:
        path = todo.pop()
        found.add(path)
        todo |= _imported(path) - found
    return found


@cache
def _imported(source: Path) -> set[Path]:
    """The files of minicnn from which a file imports names.

    A text search, because to parse ten files takes longer than to load ten kernels. What it takes
    for an import by mistake, in a docstring, costs no more than a compilation.
    """
    files = set()
    for dots, module, names in _FROM.findall(_text(source)):
        if not dots and module.split(".")[0] != PACKAGE.name:
            continue
        folder = source.parents[len(dots) - 1] if dots else PACKAGE.parent
        target = folder.joinpath(*module.split(".")) if module else folder
        for name in re.findall(r"\w+", re.sub(r"\bas \w+|#.*", "", names)):
            files.add(_module(target / name) or _module(target))
    return {path for path in files if path}


def _module(path: Path) -> Path | None:
    """The file of a module or package, given without its ending."""
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _short(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
