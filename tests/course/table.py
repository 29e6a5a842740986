"""The exam as a table: `python -m tests.course.table`, or with the numbers of some lessons."""

import sys
import time

import numpy as np

from minicnn.learn.exercise import Exercise
from minicnn.learn.judge import judge

from . import exam
from .code_mutants import code_mutants

HEAD = "| exercise | 50 seeds, s | others right | mistakes | named | changes | survive |"


def row(exercise: Exercise) -> str:
    def judged(functions, seed=0):
        with np.errstate(all="ignore"):
            return judge(exercise, functions, seed, training=False)

    functions, start = exam.right(exercise), time.perf_counter()
    assert all(judged(functions, seed).ok for seed in range(50))
    seconds = time.perf_counter() - start
    others = exam.extra(exercise, "ALTERNATIVES").get(exercise.id, [])
    known = [(m, judged(m.functions)) for m in exam.mistakes(exercise)]
    named = [d.verdict for m, d in known if d.verdict and d.verdict.bug in m.bugs]
    changed = [m.functions(exercise) for m in code_mutants(exam.lesson_of(exercise), exercise)]
    survive = sum(judged(functions).ok for functions in changed)
    return (
        f"| {exercise.title} | {seconds:.1f} | {sum(judged(f).ok for f in others)} of "
        f"{len(others)} | {sum(not d.ok for _, d in known)} of {len(known)} | {len(named)} | "
        f"{len(changed)} | {survive} |"
    )


def main(numbers: list[str]) -> None:
    print(HEAD, "|---|---|---|---|---|---|---|", sep="\n")
    for exercise in exam.EXERCISES:
        if not numbers or exercise.id[:2] in numbers:
            print(row(exercise), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
