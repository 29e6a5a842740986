"""An exercise: what the learner writes, how it is checked, the hints. Read from NN_slug.toml."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class LessonError(ValueError):
    """A lesson's source or its table of exercises is not as it must be."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    ``functions`` are what the learner writes ("linear_backward", "Value.__mul__"). ``op`` names the
    op of the gradient doctor that judges them; without one, the check is ``CHECKS[name]`` of
    `minicnn.learn.checks.<slug>`. ``hook`` says where the function goes in the library: a kernel
    ("relu_grad"), one half of an op ("linear.backward"), or an entry of `places.HOOKS`; where there
    is no such place, ``nowhere`` says why. ``needs`` are options of `train --data digits` that
    make it come by the place, where it does not without them.
    ``difficulty`` 1 to 3. ``limit`` is the time that a check may take, in seconds. With ``pairs``
    the functions must take options that are pairs (height, width), too.
    """

    id: str
    name: str
    difficulty: int
    minutes: int
    hints: tuple[str, str, str]
    functions: tuple[str, ...]
    lesson: str = ""
    op: str = ""
    hook: str = ""
    nowhere: str = ""
    needs: str = ""
    limit: float = 20.0
    pairs: bool = False

    @property
    def stars(self) -> str:
        return "★" * self.difficulty

    @property
    def title(self) -> str:
        return f"{self.id} {self.name}"

    @property
    def slug(self) -> str:
        return self.lesson.partition("_")[2]

    def marker(self, function: str) -> str:
        """The line that stands in a stub where the learner is to write."""
        return f'raise NotImplementedError("{self.id} {function}: your turn")'


FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str, "name": str, "difficulty": int, "minutes": int, "hints": list, "functions": list,
    "op": str, "hook": str, "nowhere": str, "needs": str, "limit": (int, float), "pairs": bool,
}  # fmt: skip
NEEDED = ("id", "name", "difficulty", "minutes", "hints")


def read_exercises(path: Path) -> tuple[Exercise, ...]:
    """The exercises of one lesson; the table is ``[[exercise]]``, once per exercise.

    Raises LessonError where a field is missing, unknown or of the wrong kind.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LessonError(f"{path}: must be there and list the exercises, got no file") from None
    except tomllib.TOMLDecodeError as error:
        raise LessonError(f"{path}: must be TOML, got {error}") from None
    if unknown := set(table) - {"exercise"}:
        raise LessonError(f"{path}: may hold [[exercise]] only, got {', '.join(sorted(unknown))}")
    exercises = tuple(_exercise(path, entry) for entry in table.get("exercise", []))
    ids = [e.id for e in exercises]
    expected = [f"{path.stem[:2]}.{i + 1}" for i in range(len(ids))]
    if ids != expected:
        raise LessonError(f"{path}: the ids must be {', '.join(expected)}, got {', '.join(ids)}")
    return exercises


def _exercise(path: Path, entry: dict[str, Any]) -> Exercise:
    where = f"{path}: exercise {entry.get('id', '?')}"
    if missing := [name for name in NEEDED if name not in entry]:
        raise LessonError(f"{where} must have {', '.join(missing)}, got {', '.join(entry)}")
    for name, value in entry.items():
        if name not in FIELDS:
            raise LessonError(f"{where} has no field {name!r}; there are {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[name]) or isinstance(value, bool) != (name == "pairs"):
            raise LessonError(f"{where}: {name} is of the wrong kind, got {value!r}")
    hints = entry["hints"]
    if len(hints) != 3 or not all(isinstance(h, str) and h.strip() for h in hints):
        raise LessonError(f"{where} must have three hints with text, got {len(hints)}")
    if not 1 <= entry["difficulty"] <= 3:
        raise LessonError(f"{where}: the difficulty must be 1 to 3, got {entry['difficulty']}")
    fields = {**entry, "hints": tuple(hints), "lesson": path.stem}
    fields["functions"] = tuple(entry.get("functions", (entry["name"],)))
    return Exercise(**fields)


def same_id(asked: str, exercise: Exercise) -> bool:
    """ "05.2", "5.2" and "linear_backward" all mean the same exercise."""
    number = re.fullmatch(r"(\d+)\.(\d+)", asked)
    if number:
        return f"{int(number[1]):02d}.{int(number[2])}" == exercise.id
    return asked == exercise.name
