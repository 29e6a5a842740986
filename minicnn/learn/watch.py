"""The loop: write, save, be told. `Loop` answers to events; `watch` waits for them."""

import ast
from collections.abc import Callable
from pathlib import Path

import click

from .check import check
from .course import Course
from .exercise import Exercise
from .help import current, earned_solution, listing, next_hint, verdict
from .keys import keys
from .stub import spans
from .work import NOT_STARTED
from .workspace import Workspace

PAUSE = 0.25  # seconds between two looks at the folder
KEYS = "h hint   n next   l list   s solution   q quit"


class Loop:
    """One learner's session: an exercise to work on, and what to do when a file or a key comes.

    ``say`` prints a line.
    """

    def __init__(self, course: Course, work: Workspace, say: Callable[[str], None]) -> None:
        self._course, self._work, self._say = course, work, say
        self._seen: dict[str, str] = {}  # exercise: what it looked like when it was checked
        self.exercise = current(course, work)

    def begin(self) -> None:
        """Say where to write, and check what is there."""
        lesson = self._course.lesson(self.exercise.id)
        path = self._work.file(lesson.name)
        if self._work.start(lesson):
            self._say(f"New: {path}, the blanks of lesson {lesson.title}")
        self._say(f"Read:  {self._course.folder / lesson.name / 'README.md'}")
        self._say(
            f"Write: {', '.join(self.exercise.functions)} in {path}, and save   "
            f"({self.exercise.id} {self.exercise.stars}, {self.exercise.minutes} minutes)"
        )
        self.saved(path)
        self._say(KEYS)

    def saved(self, path: Path) -> None:
        """Check the exercises of the file that are begun and have changed."""
        for lesson in self._course.lessons:
            if self._work.file(lesson.name).resolve() == path.resolve():
                for exercise in lesson.exercises:
                    self._check(exercise, path)

    def _check(self, exercise: Exercise, path: Path) -> None:
        looks, before = _looks(exercise, path), self._seen.get(exercise.id)
        if before == looks:
            return
        self._seen[exercise.id] = looks
        result = check(self._course, exercise, path)
        if result.status == NOT_STARTED and not before:
            return
        passed = self._work.progress.passed(exercise.id)
        self._work.progress.record_pass(exercise.id, result.ok)
        self._say(verdict(result))
        if result.ok and not passed:
            self._congratulate(exercise)

    def _congratulate(self, exercise: Exercise) -> None:
        done = sum(bool(self._work.progress.passed(e.id)) for e in self._course.exercises)
        self._say(f"{done} of {len(self._course.exercises)} done.   n next   s our solution")
        if exercise.hook:
            self._say(f"Train with it:  minicnn learn swap {exercise.id} -- train --data digits")

    def key(self, pressed: str) -> bool:
        """Do what a key asks for; False to end."""
        if pressed == "q":
            return False
        actions = {"h": self._hint, "n": self._next, "l": self._list, "s": self._solution}
        if pressed in actions:
            actions[pressed]()
        elif pressed.strip():
            self._say(KEYS)
        return True

    def _hint(self) -> None:
        for line in next_hint(self._work, self.exercise):
            self._say(line)

    def _next(self) -> None:
        """The next exercise that has not passed, from here on and then from the start."""
        every = self._course.exercises
        here = every.index(self.exercise) + 1
        left = [e for e in (*every[here:], *every[:here]) if not self._work.progress.passed(e.id)]
        if not left:
            self._say("All exercises pass.")
            return
        self.exercise = left[0]
        self.begin()

    def _list(self) -> None:
        for number, name, stars, _, _, passed in listing(self._course, self._work):
            here = ">" if number == self.exercise.id else " "
            self._say(f"{here} {number}  {name:<28} {stars:<4} {passed}".rstrip())

    def _solution(self) -> None:
        try:
            self._say(earned_solution(self._course, self._work, self.exercise))
        except ValueError as error:
            self._say(str(error))


def watch(course: Course, work: Workspace, say: Callable[[str], None] = click.echo) -> None:
    """Run the loop until q or Ctrl-C."""
    loop = Loop(course, work, say)
    loop.begin()
    times = _times(work)
    with keys() as read:
        while loop.key(read(PAUSE)):
            now = _times(work)
            for path in sorted(now):
                if now[path] != times.get(path):
                    loop.saved(path)
            times = now


def _times(work: Workspace) -> dict[Path, tuple[int, int]]:
    """When each file of the folder changed; some editors replace a file, so it may be gone."""
    found = {}
    for path in work.folder.glob("*.py"):
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _looks(exercise: Exercise, path: Path) -> str:
    """The exercise's functions, and what stands outside all functions of exercises."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    try:
        places = spans(text)
    except (SyntaxError, ValueError):
        return text
    tree = ast.parse(text)
    others = {n for n in places if n not in exercise.functions}
    kept = [n for n in tree.body if getattr(n, "name", "") not in others]
    return ast.dump(ast.Module(kept, []))
