"""The map of the course, lessons/README.md: all lessons, what they build on, orders of reading."""

import re
import tomllib
from pathlib import Path

import pytest

from minicnn.learn.course import Course
from minicnn.learn.lesson import Cell, Lesson
from minicnn.learn.map import Header, contents, header, of, orders

from . import exam

COURSE = exam.COURSE
README = (COURSE.folder / "README.md").read_text(encoding="utf-8")
MAP = README.split("## The map")[1].split("\n## ")[0]


def minutes(number: str) -> int:
    """Of a lesson's exercises, from its table."""
    (path,) = COURSE.folder.glob(f"{number}_*.toml")
    return sum(e["minutes"] for e in tomllib.loads(path.read_text(encoding="utf-8"))["exercise"])


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.name)
def test_a_lesson_says_what_comes_before_and_who_can_skip_it(lesson):
    before, skip = header(lesson)
    assert "**Before.** " in " ".join(lesson.cells[0].text.split())
    assert bool(before) == (lesson is not COURSE.lessons[0])
    assert set(before) <= {other.number for other in COURSE.lessons}, "lessons that there are"
    assert all(number < lesson.number for number in before), "lessons that come earlier"
    assert len(skip) > 20 and skip.endswith("."), "**You can skip this if** ..., one sentence"


def test_the_map_has_every_lesson():
    lines = [line for line in MAP.splitlines() if line.startswith("| [")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert len(rows) == len(COURSE.lessons)
    for lesson, (title, before, time, stars, skip) in zip(COURSE.lessons, rows, strict=True):
        assert title == f"[{lesson.title}]({lesson.name}/README.md)"
        assert tuple(re.findall(r"\[(\d\d)\]", before)) == header(lesson).before
        assert int(time) == minutes(lesson.number)
        assert len(stars) == max(e.difficulty for e in lesson.exercises)
        assert skip in " ".join(lesson.cells[0].text.split())


@pytest.mark.parametrize("order", orders(COURSE), ids=lambda order: order["title"])
def test_an_order_names_what_there_is_and_what_is_needed_first(order):
    names = [name for step in order["step"] for name in step["do"]]
    assert names == sorted(set(names))
    last = COURSE.lessons[-1].number
    have = {lesson.number for lesson in COURSE.lessons}
    for name in names:
        assert of(COURSE, name) if name[:2] in have else name < last, name
    known = [name for name in names if name[:2] in have]
    total = sum(e.minutes for name in known for e in of(COURSE, name))
    table = README.split(f"\n## {order['title']}\n")[1].split("\n## ")[0]
    assert sum(map(int, re.findall(r"(?m)\| (\d+) \| [^|]*\|$", table))) == total


def test_the_semester_has_all_exercises():
    (semester,) = (o for o in orders(COURSE) if o["title"] == "One semester")
    assert {lesson.number for lesson in COURSE.lessons} <= {
        name for step in semester["step"] for name in step["do"]
    }


@pytest.mark.parametrize(
    "text, found",
    [
        ("**Before.** Lessons 03,\n04 (x). **Time.** 9 minutes. **You\ncan skip this if** so.\n\nA",
         Header(("03", "04"), "so.")),
        ("**Before.** Classes.\n**Skip it if** you\ncan. **Runs** in 3 s.", Header((), "you can.")),
        ("Lesson 03 is good.", Header((), "")),
    ],
)  # fmt: skip
def test_a_header_is_read_across_lines(text, found):
    lesson = Lesson(Path("31_test.py"), (Cell("markdown", f"# 31 A test\n\n{text}", 1),))
    assert header(lesson) == found


def test_a_course_without_orders_has_a_map(tmp_path):
    text = contents(Course(tmp_path))
    assert "All 0 lessons: " in text and "## One" not in text
