"""The exam as a table: `python -m tests.course.table`, or with the numbers of some lessons.

`python -m tests.course.table places` says where in the library each exercise has its place.
"""

import sys
import time

import numpy as np

from minicnn.learn.exercise import Exercise
from minicnn.learn.judge import judge
from minicnn.learn.trace import STEPS, signs

from . import exam
from .code_mutants import code_mutants

HEAD = "| exercise | 50 seeds, s of CPU | others right | mistakes | named | changes | survive |"


def row(exercise: Exercise) -> str:
    def judged(functions, seed=0):
        with np.errstate(all="ignore"):
            return judge(exercise, functions, seed, training=False)

    functions, start = exam.right(exercise), time.process_time()
    assert all(judged(functions, seed).ok for seed in range(50))
    seconds = time.process_time() - start
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


def place(exercise: Exercise) -> str:
    """Where the function goes in the library, and how often 20 steps of training call it."""
    if not exercise.hook:
        return f"| {exercise.title} | none | | {exercise.nowhere} |"
    function, calls = exam.right(exercise)[exercise.functions[-1]], 0

    def sentinel(*arrays: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        return function(*arrays, **options)

    wrong = signs(exercise.hook, sentinel)
    says = wrong[0].evidence if wrong else "trains as the library does"
    return f"| {exercise.title} | `{exercise.hook}` | {calls} | {says} |"


PLACES = f"| exercise | place | calls in {STEPS} steps | |"


def main(words: list[str]) -> None:
    only_places = "places" in words
    head = PLACES if only_places else HEAD
    print(head, "|---" * (head.count("|") - 1) + "|", sep="\n")
    numbers = [word for word in words if word != "places"]
    for exercise in exam.EXERCISES:
        if not numbers or exercise.id[:2] in numbers:
            print((place if only_places else row)(exercise), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
