"""What a learner did and when: ids and times. Never proof: a check is run again, not looked up."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = ".progress.json"


@dataclass(frozen=True)
class Progress:
    """The record of one folder; every call reads and writes the file, so that two may run."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def passed(self, exercise: str) -> str | None:
        """When it passed last, as text; None where it did not."""
        return self._entry(exercise).get("passed")

    def hints(self, exercise: str) -> int:
        """How many hints were shown."""
        return len(self._entry(exercise).get("hints", []))

    def record_pass(self, exercise: str, ok: bool) -> None:
        """Note a pass, or that the exercise does not pass any more."""
        entry = self._entry(exercise)
        if ok:
            entry.setdefault("passed", _now())
        else:
            entry.pop("passed", None)
        self._write(exercise, entry)

    def record_hint(self, exercise: str) -> None:
        entry = self._entry(exercise)
        self._write(exercise, {**entry, "hints": [*entry.get("hints", []), _now()]})

    def forget(self, exercise: str) -> None:
        self._write(exercise, {})

    def _entry(self, exercise: str) -> dict[str, Any]:
        entry = self._read().get(exercise)
        return dict(entry) if isinstance(entry, dict) else {}

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # lost or broken: nothing hangs on it
            return {}
        return data if isinstance(data, dict) else {}

    def _write(self, exercise: str, entry: dict[str, Any]) -> None:
        data = {**self._read(), exercise: entry}
        if data[exercise] == {}:
            del data[exercise]
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(data, indent=1, sort_keys=True), encoding="utf-8")
        draft.replace(self.path)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
