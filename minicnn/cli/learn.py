"""`minicnn learn`: the course on the command line."""

from pathlib import Path

import click

from ..learn import build as building
from ..learn import grade as grading
from ..learn.check import Result, check
from ..learn.course import Course, find_course
from ..learn.exercise import Exercise
from ..learn.export import assignments
from ..learn.help import current, earned_solution, listing, next_hint, verdict
from ..learn.hooks import swap
from ..learn.notebook import notebooks
from ..learn.pick import load
from ..learn.watch import watch
from ..learn.workspace import Workspace, find_workspace
from .common import Command, print_table


class _Group(click.Group):
    command_class = Command


@click.group(cls=_Group, invoke_without_command=True)
@click.option("--my", type=click.Path(path_type=Path), help="Your folder.  [default: my]")
@click.pass_context
def learn(ctx: click.Context, my: Path | None) -> None:
    """The course: write a function, save, and be told what is wrong.

    Without a command: watch your folder, and check what you save.
    """
    ctx.obj = find_workspace(my)
    if ctx.invoked_subcommand is None:
        watch(find_course(), ctx.obj)


@learn.command()
@click.argument("lesson", required=False)
@click.pass_obj
def start(work: Workspace, lesson: str | None) -> None:
    """Copy a lesson's blanks into your folder; without LESSON, the next one."""
    course = find_course()
    chosen = course.lesson(lesson or current(course, work).lesson)
    path = work.file(chosen.name)
    if work.start(chosen):
        click.echo(f"{path}: write what is missing, then: minicnn learn")
    else:
        click.echo(f"{path} is there already, and stays as it is; `reset` puts blanks back")
    click.echo(f"The lesson: {course.folder / chosen.name / 'README.md'}")


@learn.command(name="check")
@click.argument("id")
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the numbers.")
@click.pass_obj
def check_one(work: Workspace, id: str, seed: int) -> None:
    """Check one exercise, or all of a lesson; exit code 1 if not all pass."""
    course = find_course()
    asked = course.lesson(id).exercises if id.isdecimal() else (course.exercise(id),)
    results = [_checked(course, work, exercise, seed) for exercise in asked]
    for result in results:
        click.echo(verdict(result))
    if not all(result.ok for result in results):
        raise click.exceptions.Exit(1)


def _checked(course: Course, work: Workspace, exercise: Exercise, seed: int = 0) -> Result:
    result = check(course, exercise, work.file(exercise.lesson), seed)
    work.progress.record_pass(exercise.id, result.ok)
    return result


@learn.command()
@click.argument("id")
@click.pass_obj
def hint(work: Workspace, id: str) -> None:
    """Show the next of three hints, and those before it."""
    exercise = find_course().exercise(id)
    for line in next_hint(work, exercise):
        click.echo(line)


@learn.command()
@click.argument("id")
@click.pass_obj
def reset(work: Workspace, id: str) -> None:
    """Put the blank of an exercise back, or those of a lesson; what you wrote is kept as a copy."""
    course = find_course()
    lesson = course.lesson(id)
    if id.isdecimal():
        kept = work.reset_lesson(lesson)
        gone = lesson.exercises
    else:
        gone = (course.exercise(id),)
        kept = work.reset(lesson, gone[0])
    for exercise in gone:
        work.progress.record_pass(exercise.id, False)
    names = gone[0].title if len(gone) == 1 else f"lesson {lesson.number}"
    click.echo(f"{names}: blank again in {work.file(lesson.name)}")
    if kept:
        click.echo(f"What you had is in {kept}")


@learn.command()
@click.pass_obj
def status(work: Workspace) -> None:
    """Show how far you are, and what is next."""
    course = find_course()
    done = [e for e in course.exercises if work.progress.passed(e.id)]
    click.echo(f"{len(done)} of {len(course.exercises)} exercises passed")
    if len(done) < len(course.exercises):
        exercise = current(course, work)
        click.echo(f"next: {exercise.title} {exercise.stars} in {work.file(exercise.lesson)}")


@learn.command(name="list")
@click.pass_obj
def list_all(work: Workspace) -> None:
    """List all exercises."""
    print_table(("exercise", "function", "stars", "> minutes", "> hints", "passed"),
                listing(find_course(), work))  # fmt: skip


@learn.command()
@click.argument("id")
@click.pass_obj
def solution(work: Workspace, id: str) -> None:
    """Show the course's solution, once yours passes or all three hints were shown."""
    course = find_course()
    exercise = course.exercise(id)
    click.echo(earned_solution(course, work, exercise))


@learn.command()
@click.pass_obj
def verify(work: Workspace) -> None:
    """Check again everything that you have begun; exit code 1 if something passes no more."""
    course = find_course()
    click.echo(f"lessons: {course.folder}; yours: {work.folder.resolve()}")
    lost = []
    for exercise in course.exercises:
        if work.file(exercise.lesson).exists():
            before = work.progress.passed(exercise.id)
            result = _checked(course, work, exercise)
            click.echo(f"{exercise.title}: {result.status}")
            lost += [exercise.id] if before and not result.ok else []
    if lost:
        raise ValueError(
            f"{', '.join(lost)} passed before and not any more; `learn check` says why"
        )


@learn.command()
@click.argument("lessons", nargs=-1)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; fail on what is stale.")
@click.option("--notebooks", "folder", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write notebooks into this folder instead.")  # fmt: skip
def build(lessons: tuple[str, ...], only_check: bool, folder: Path | None) -> None:
    """For authors: make stubs, solutions and pages from the lessons' sources."""
    course = find_course()
    chosen = [course.lesson(name) for name in lessons]
    if folder:
        for path in notebooks(chosen or course.lessons, folder):
            click.echo(path)
    elif only_check:
        problems = building.stale(course, chosen)
        for problem in problems:
            click.echo(problem, err=True)
        if problems:
            raise ValueError("build: generated files are stale; run `minicnn learn build`")
        click.echo("build: nothing is stale")
    else:
        changed = building.build(course, chosen)
        click.echo("\n".join(changed) or "build: nothing to do")


@learn.group(cls=_Group)
def export() -> None:
    """For teachers: the exercises for other programs."""


@export.command()
@click.argument("lessons", nargs=-1)
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, metavar="FOLDER",
              help="The folder of an nbgrader course.")  # fmt: skip
def nbgrader(lessons: tuple[str, ...], folder: Path) -> None:
    """Write assignments for nbgrader into FOLDER/source; without LESSONS, all."""
    course = find_course()
    for path in assignments([course.lesson(name) for name in lessons] or course.lessons, folder):
        click.echo(path)


@learn.command(name="swap", context_settings={"ignore_unknown_options": True})
@click.argument("id")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_context
def swap_in(ctx: click.Context, id: str, command: tuple[str, ...]) -> None:
    """Run a command of minicnn with your function in the library.

    minicnn learn swap 05.2 -- train --data digits
    """
    course, work = find_course(), ctx.obj
    exercise = course.exercise(id)
    result = _checked(course, work, exercise)
    if not result.ok:
        raise ValueError(f"swap: {exercise.title} must pass first: {result.summary}")
    if not exercise.hook:
        why = exercise.nowhere or "it has no hook"
        raise ValueError(f"swap: {exercise.title} has no place in the library: {why}")
    name, calls = exercise.functions[-1], 0
    function = getattr(load(work.file(exercise.lesson)), name)

    def counted(*arrays: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        return function(*arrays, **options)

    click.echo(f"{name}: yours, from {work.file(exercise.lesson)}", err=True)
    main = ctx.find_root().command
    with swap(exercise.hook, counted):
        main.main(list(command), standalone_mode=False, prog_name="minicnn")
    click.echo(f"{name} was {_called(exercise, calls)}", err=True)


def _called(exercise: Exercise, times: int) -> str:
    """How often, and where a function that was never called would be."""
    if times:
        return f"called {times:,} times"
    more = f"; add {exercise.needs} to a `train --data digits`" if exercise.needs else ""
    return (f"never called: this command does not use {exercise.hook}{more}. "
            "The check has trained a small network with it.")  # fmt: skip


@learn.command()
@click.argument("name")
def pick(name: str) -> None:
    """Say whose function a lesson would get for NAME: yours or the course's."""
    from ..learn.pick import pick as pick_function

    pick_function(name)


@learn.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("grades"), show_default=True,
              help="Folder for grades.csv and a report per learner.")  # fmt: skip
@click.option("--lesson", "lessons", multiple=True, help="Only this lesson; may be repeated.")
@click.option("--seconds", type=float, default=None, help="Time limit of one check.")
@click.option("--memory", type=int, default=2048, show_default=True, help="MiB for one check.")
def grade(
    folders: tuple[Path, ...], out: Path, lessons: tuple[str, ...], seconds: float | None,
    memory: int,
) -> None:  # fmt: skip
    """For teachers: check the folders of many learners; writes a table and reports."""
    course = find_course()
    chosen = [course.lesson(name) for name in lessons] or list(course.lessons)
    for grades in grading.grade(course, folders, chosen, out, seconds, memory * 2**20):
        click.echo(grades)
    click.echo(f"{out / 'grades.csv'}: written")


COMMANDS = (learn,)
