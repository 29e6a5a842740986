"""The learner's folder: start a lesson, put a blank back. Nothing is lost: a copy is made first."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from .exercise import Exercise
from .lesson import Lesson
from .progress import Progress
from .stub import spans, stub

COPIES = ".copies"


@dataclass(frozen=True)
class Workspace:
    """The folder ``my`` (or MINICNN_MY) with one file per lesson that was begun."""

    folder: Path

    @property
    def progress(self) -> Progress:
        return Progress(self.folder)

    def file(self, lesson: str) -> Path:
        return self.folder / f"{lesson}.py"

    def start(self, lesson: Lesson) -> bool:
        """Copy the stub; False where the learner's file is there, which is left as it is."""
        path = self.file(lesson.name)
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stub(lesson), encoding="utf-8")
        return True

    def copy(self, lesson: str) -> Path:
        """Keep what the file is now, under the time."""
        path = self.file(lesson)
        kept = self.folder / COPIES / f"{lesson}-{time.strftime('%Y%m%d-%H%M%S')}.py"
        number = 1
        while kept.exists():
            number += 1
            kept = kept.with_stem(f"{kept.stem.partition('.')[0]}.{number}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, kept)
        return kept

    def reset_lesson(self, lesson: Lesson) -> Path | None:
        """The whole file anew; where a file was, the copy of it."""
        path = self.file(lesson.name)
        kept = self.copy(lesson.name) if path.exists() else None
        path.unlink(missing_ok=True)
        self.start(lesson)
        return kept

    def reset(self, lesson: Lesson, exercise: Exercise) -> Path | None:
        """The exercise's functions anew, and the rest of the file as it is.

        Raises ValueError where the file cannot be read as Python.
        """
        path = self.file(lesson.name)
        if not path.exists():
            return self.reset_lesson(lesson)
        text = path.read_text(encoding="utf-8")
        try:
            mine = spans(text)
        except SyntaxError as error:
            raise ValueError(
                f"{path}:{error.lineno}: not Python ({error.msg}), so no single function can be "
                f"put back; mend it, or put all back: minicnn learn reset {lesson.number}"
            ) from None
        fresh = stub(lesson)
        kept = self.copy(lesson.name)
        for name in exercise.functions:
            first, last = spans(fresh)[name]
            new = fresh.splitlines()[first - 1 : last]
            lines = text.splitlines()
            start, stop = spans(text).get(name, (len(lines) + 1, len(lines)))
            lines[start - 1 : stop] = new if name in mine else ["", "", *new]
            text = "\n".join(lines) + "\n"
        path.write_text(text, encoding="utf-8")
        return kept


def find_workspace(folder: str | os.PathLike[str] | None = None) -> Workspace:
    """``folder``, else MINICNN_MY, else `my` here or above, else a new one here."""
    if folder or (folder := os.environ.get("MINICNN_MY")):
        return Workspace(Path(folder))
    here = Path.cwd()
    for place in (here, *here.parents):
        if (place / "my").is_dir() and (place / "lessons").is_dir():
            return Workspace(place / "my")
    return Workspace(Path("my"))
