"""A lesson as a page that GitHub shows: text, mathematics, code with blanks, output, figures."""

import re
from collections.abc import Iterator, Sequence

from .execute import Output
from .exercise import LessonError
from .lesson import Cell, Lesson
from .stub import blanked, solved

MADE = "<!-- Made from lessons/{name}.py by `minicnn learn build`: change that file instead. -->"


def page(lesson: Lesson, outputs: Sequence[Output], around: tuple[Lesson | None, ...]) -> str:
    """The README of a lesson; ``around`` are the lessons before and after it."""
    parts = [MADE.format(name=lesson.name)]
    for cell, output in zip(lesson.cells, outputs, strict=True):
        if cell.kind == "markdown":
            parts.append(cell.text)
        else:
            parts += _code(lesson, cell, output)
    return "\n\n".join([*parts, _links(lesson, around)]) + "\n"


def _code(lesson: Lesson, cell: Cell, output: Output) -> Iterator[str]:
    for exercise in dict.fromkeys(lesson.exercise_of(r.function) for r in cell.regions):
        yield (
            f"> **Exercise {exercise.id}** `{exercise.name}` {exercise.stars}, "
            f"{exercise.minutes} minutes. Write it in `my/{lesson.name}.py`; "
            f"`minicnn learn check {exercise.id}` says whether it is right, "
            f"`minicnn learn hint {exercise.id}` helps."
        )
    text = blanked(lesson, cell) if cell.regions else solved(cell)
    if "hide-input" not in cell.tags:
        yield f"```python\n{text}\n```"
    if output.text.strip():
        yield f"```text\n{output.text.rstrip()}\n```"
    for name, alt in output.figures:
        yield f"![{alt}]({name}.svg)"


def _links(lesson: Lesson, around: tuple[Lesson | None, ...]) -> str:
    before, after = around
    links = [f"[Source](../{lesson.name}.py)"]
    if before:
        links.insert(0, f"[Before: {before.title}](../{before.name}/README.md)")
    if after:
        links.append(f"[Next: {after.title}](../{after.name}/README.md)")
    return "---\n\n" + " · ".join(links)


# What GitHub's mathematics does not show, or shows wrongly.
PITFALLS = {
    r"\\newcommand|\\def\\": "no macros are defined (\\newcommand)",
    r"\\operatorname\*": "\\operatorname* is not shown; write \\operatorname",
    r"(?s)<details>(?:(?!</details>).)*\$": "no mathematics inside <details>",
    r"(?m)^.*\S.*\$\$|\$\$.*\S.*$": "$$ stands on a line of its own",
}
BLOCK, FORMULA = r"(?ms)^\$\$$.*?^\$\$$", r"\$[^$\n]+\$"


def check_markdown(lesson: Lesson, cell: Cell) -> None:
    """Raises LessonError where GitHub would not show the text as it is meant."""
    plain = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", cell.text)
    wrong = [(rule, found[0]) for pattern, rule in PITFALLS.items()
             if (found := re.search(pattern, plain))]  # fmt: skip
    inline = re.sub(BLOCK, "", plain)
    if "$" in (rest := re.sub(FORMULA, "", inline)):
        wrong.append(("a $ has no partner on its line", rest[max(rest.index("$") - 30, 0) :][:60]))
    for found in re.finditer(FORMULA, inline):
        around = inline[max(found.start() - 1, 0) : found.end() + 1]
        if around[0].isalnum() or around[-1].isalnum():
            wrong.append(("no letter touches the $ of a formula", around))
    for rule, text in wrong:
        near = " ".join(text.split())[-60:]
        raise LessonError(f"{lesson.path.name}:{cell.line}: {rule}, got `{near}`")
