"""The map of the course: what each lesson builds on, minutes, difficulty, and orders of reading."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .course import Course
from .exercise import Exercise
from .lesson import Lesson

TOP = """<!-- Made by `minicnn learn build`, the orders of reading from lessons/orders.toml. -->

# The lessons

`minicnn learn` starts the course; what you write is in the folder `my`. A lesson that you skip is
no hole: where a later one needs what you did not write, it takes the course's own.

Around the lessons: [before convolutional networks](../docs/before_cnn.md), edges counted by hand;
and at the end [your own photos](../docs/capstone.md), from a folder to a report.

## The map

The minutes are for writing the exercises, estimated; reading takes about half as long. The stars
are those of the hardest exercise. All {count} lessons: {exercises} exercises, {hours} hours.
"""
END = """For teachers: [docs/teaching.md](../docs/teaching.md). How a lesson is written:
[minicnn/learn/README.md](../minicnn/learn/README.md).
"""


class Header(NamedTuple):
    """What a lesson says at its top: on which lessons it builds, and who can skip it."""

    before: tuple[str, ...]
    skip: str


def header(lesson: Lesson) -> Header:
    """What follows **Before.** and **You can skip this if**; empty where there is none."""
    before = _after(lesson, r"Before\.")
    skip = _after(lesson, "(?:You can )?[Ss]kip (?:this|it) if")
    return Header(tuple(re.findall(r"\b\d\d\b", before)), skip)


def _after(lesson: Lesson, words: str) -> str:
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", lesson.cells[0].text)
    found = re.search(rf"\*\*{words}\*\* (.*?) *(?:\*\*|\n|$)", text)
    return found[1] if found else ""


def contents(course: Course) -> str:
    """The page of all lessons: `lessons/README.md`."""
    hours = round(_minutes(course.exercises) / 60)
    top = TOP.format(count=len(course.lessons), exercises=len(course.exercises), hours=hours)
    parts = [top, _map(course), *map("\n".join, _orders(course)), _exercises(course), END]
    return "\n".join(parts)


def _map(course: Course) -> str:
    lines = ["| Lesson | Builds on | Minutes | Difficulty | You can skip this if |",
             "|---|---|---:|---|---|"]  # fmt: skip
    for lesson in course.lessons:
        before, skip = header(lesson)
        builds = ", ".join(_link(course, number) for number in before)
        stars = max((e.stars for e in lesson.exercises), default="")
        minutes = _minutes(lesson.exercises)
        title = f"[{lesson.title}]({lesson.name}/README.md)"
        lines.append(f"| {title} | {builds} | {minutes} | {stars} | {skip} |")
    return "\n".join(lines) + "\n"


def orders(course: Course) -> list[dict[str, Any]]:
    """The entries of `orders.toml`; a step's ``do`` names lessons ("05") or exercises ("05.2")."""
    path = course.folder / "orders.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["order"] if path.exists() else []


def _orders(course: Course) -> Iterator[list[str]]:
    for order in orders(course):
        yield [f"## {order['title']}", "", order["text"].strip(), "",
               f"| {order['unit']} | Do | Minutes | What you can do then |", "|---|---|---:|---|",
               *_steps(course, order["step"]), ""]  # fmt: skip


def _steps(course: Course, steps: list[dict[str, Any]]) -> Iterator[str]:
    """A row per step; what names a lesson that is not there is left out."""
    have = {lesson.number for lesson in course.lessons}
    for count, step in enumerate(steps, 1):
        if do := [name for name in step["do"] if name[:2] in have]:
            exercises = [e for name in do for e in of(course, name)]
            links = ", ".join(_link(course, name) for name in do)
            yield f"| {count} | {links} | {_minutes(exercises)} | {step['then']} |"


def of(course: Course, name: str) -> tuple[Exercise, ...]:
    """The exercises of a lesson ("05"), or the one exercise ("05.2")."""
    return (course.exercise(name),) if "." in name else course.lesson(name).exercises


def _link(course: Course, name: str) -> str:
    return f"[{name}]({course.lesson(name[:2]).name}/README.md)"


def _minutes(exercises: Iterable[Exercise]) -> int:
    return sum(e.minutes for e in exercises)


def _exercises(course: Course) -> str:
    lines = ["## The exercises", "", "| Lesson | Exercises |", "|---|---|"]
    for lesson in course.lessons:
        listed = ", ".join(f"{e.id} `{e.name}` {e.stars}" for e in lesson.exercises)
        lines.append(f"| [{lesson.title}]({lesson.name}/README.md) | {listed} |")
    return "\n".join(lines) + "\n"
