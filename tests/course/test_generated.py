"""What is made of the lessons' sources: nothing stale, clear errors, the same every time."""

import re

import pytest

from minicnn.learn.build import build, made, stale
from minicnn.learn.compare import same
from minicnn.learn.course import Course
from minicnn.learn.exercise import LessonError
from minicnn.learn.lesson import read_lesson
from minicnn.learn.notebook import notebooks
from minicnn.learn.pick import pick
from minicnn.learn.stub import solution, solution_of, stub
from minicnn.testing.doctor.bugs import BUGS

from . import exam

SOURCE = '''# %% [markdown]
r"""
# 31 A test

Text.
"""

# %%
import math

from minicnn.learn import figure

# %% tags=["keep"]
HALF = 0.5


# %%
def area(r):
    """The area of half a disc."""
    # >>> solution
    return HALF * math.pi * r * r
    # <<< solution


print("area", round(area(2.0), 3))

# %% tags=["hide-input"]
from matplotlib.figure import Figure

fig = Figure(figsize=(2, 1))
fig.subplots().plot([0, 1, 2])
figure(fig, "line", alt="A straight line that rises.")
'''
TABLE = """[[exercise]]
id = "31.1"
name = "area"
difficulty = 1
minutes = 5
hints = ["one", "two", "three"]
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "31_test.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "31_test.toml").write_text(TABLE, encoding="utf-8")
    return Course(tmp_path)


def test_nothing_of_the_course_is_stale():
    assert stale(exam.COURSE) == []


def test_a_build_gives_every_file_and_then_nothing(course):
    assert "31_test/line.svg" in build(course)
    again = made(course)
    for name, text in again.items():
        assert (course.folder / name).read_text(encoding="utf-8") == text, "byte for byte"
    assert build(course) == []
    page = (course.folder / "31_test" / "README.md").read_text(encoding="utf-8")
    assert "area 6.283" in page and "![A straight line that rises.](line.svg)" in page
    assert "HALF * math.pi" not in page and "Figure(" not in page
    assert 'raise NotImplementedError("31.1 area: your turn")' in page


def test_what_is_stale_is_told(course):
    build(course)
    path = course.folder / "exercises" / "31_test.py"
    path.write_text(path.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    (course.folder / "31_test" / "line.svg").unlink()
    (course.folder / "31_test" / "old.svg").write_text("<svg/>", encoding="utf-8")
    assert stale(course) == [
        "31_test/line.svg is missing", "exercises/31_test.py is not what its source gives",
        "31_test/old.svg has no source",
    ]  # fmt: skip


def test_the_stub_has_the_helpers_and_not_the_answer(course):
    text = stub(course.lessons[0])
    assert "import math" in text and "HALF = 0.5" in text and "math.pi" not in text
    assert "matplotlib" not in text
    names: dict = {}
    exec(solution(course.lessons[0]), names)
    assert round(names["area"](2.0), 3) == 6.283


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("# <<< solution", "", "must come in pairs"),
        ("# >>> solution", "# >>> Solution", "must come in pairs"),
        ("def area(r):", "def surface(r):", "surface has a solution"),
        ('# %% tags=["keep"]', "# %%", "31_test.py:21: HALF is not in what the learner gets"),
        ('# %% tags=["keep"]', '# %% tags=["kept"]', "the tags are"),
        ("# %%\nimport", "# %% code\nimport", "a cell begins with"),
        ("return HALF", "return return", "31_test.py:21: not Python"),
        ('r"""', '"""', "a markdown cell is one text"),
        ("# 31 A test", "# A test", "# 31 Title"),
    ],
)  # fmt: skip
def test_mistakes_in_a_source_are_told_with_the_line(course, old, new, told):
    path = course.folder / "31_test.py"
    path.write_text(SOURCE.replace(old, new), encoding="utf-8")
    with pytest.raises(LessonError, match=re.escape(told)):
        read_lesson(path)


@pytest.mark.parametrize(
    "old, new, told",
    [
        ('id = "31.1"', 'id = "31.2"', "the ids must be 31.1"),
        ("minutes = 5\n", "", "must have minutes"),
        ("minutes = 5", 'minutes = "5"', "minutes is of the wrong kind"),
        ("minutes = 5", "minutes = 5\nhook_ = 1", "has no field 'hook_'"),
        ('"three"', '" "', "three hints"),
        ("difficulty = 1", "difficulty = 4", "must be 1 to 3"),
        ('name = "area"', 'name = "volume"', "must list it, got 0"),
        ("[[exercise]]", "[[exercise]", "must be TOML"),
    ],
)  # fmt: skip
def test_mistakes_in_a_table_are_told(course, old, new, told):
    (course.folder / "31_test.toml").write_text(TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(LessonError, match=re.escape(told)):
        read_lesson(course.folder / "31_test.py")


@pytest.mark.parametrize(
    "text, told",
    [
        ("a $x$b", "no letter touches"), ("price $5", "no partner"), ("$$ x $$", "line of its own"),
        (r"$\operatorname*{max}$", "operatorname"), (r"$\newcommand{x}$", "macros"),
        ("<details> $x$ </details>", "details"), ("raise", "must run"),
    ],
)  # fmt: skip
def test_what_a_page_cannot_show_is_told(course, text, told):
    code = 'print("area"' if told == "must run" else "Text."
    new = '1 / 0, print("area"' if told == "must run" else text
    (course.folder / "31_test.py").write_text(SOURCE.replace(code, new), encoding="utf-8")
    with pytest.raises(LessonError, match=told):
        made(course)


def test_last_digits_are_not_stale():
    svg = '<svg x="1"><path d="M 10.0 20.01 L 3 4"/></svg>'
    assert same(svg, svg.replace("20.01", "20.1")) and not same(svg, svg.replace("20.01", "20.9"))
    assert same("loss 0.12345", "loss 0.12349") and not same("loss 0.123", "loss 0.125")
    assert not same("loss 0.1", "lose 0.1") and not same("ids 05.1", "ids 05.2")


def test_the_doctor_points_to_sections_that_there_are():
    lessons = {int(lesson.number): lesson for lesson in exam.COURSE.lessons}
    missing = set()
    for bug in BUGS.values():
        if bug.lesson in lessons:
            texts = [c.text for c in lessons[bug.lesson].cells if c.kind == "markdown"]
            if f"## {bug.section}\n" not in "\n".join(texts) + "\n":
                missing.add((bug.lesson, bug.section))
    assert not missing


def test_notebooks_have_blanks_and_use_what_the_learner_has(course, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    first = notebooks(course.lessons, tmp_path / "a")[0].read_bytes()
    assert notebooks(course.lessons, tmp_path / "b")[0].read_bytes() == first
    notebook = nbformat.reads(first.decode(), 4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert any('area = learn.pick("area")' in text and "your turn" in text for text in code)
    assert not any("math.pi" in text for text in code)


METHOD = """class Disc:
    def area(self, r):
        # >>> solution
        return HALF * math.pi * r * r
        # <<< solution

    def name(self):
        return "disc"
"""


def test_methods_of_a_class_are_exercises_too(tmp_path, monkeypatch):
    before, rest = SOURCE.split("def area(r):")
    after = rest.split("# <<< solution\n")[1].replace("area(2.0)", "Disc().area(2.0)")
    (tmp_path / "31_test.py").write_text(before + METHOD + after, encoding="utf-8")
    (tmp_path / "31_test.toml").write_text(TABLE.replace('"area"', '"Disc.area"'))
    course = Course(tmp_path)
    text = stub(course.lessons[0])
    assert '        raise NotImplementedError("31.1 Disc.area: your turn")\n' in text
    assert 'return "disc"' in text
    assert "HALF * math.pi" in solution_of(course.lessons[0], course.exercises[0])
    monkeypatch.setenv("MINICNN_LESSONS", str(tmp_path))
    monkeypatch.setenv("MINICNN_MY", str(tmp_path / "my"))
    assert round(pick("Disc")().area(2.0), 3) == 6.283
