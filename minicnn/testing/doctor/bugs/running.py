"""Bugs of a learner's file: it does not load, does not finish, or ends the process."""

from .bug import Bug

_RUN = "Run it, then check it"

BUGS = (
    Bug(
        "syntax-error", "the file is no valid Python", 4, _RUN,
        (
            "Can Python read the file at all?",
            "Python names the place where it gave up; the mistake is there or just before.",
            "Look for a bracket, colon, quote or indentation on that line and the one above.",
        ),
    ),
    Bug(
        "does-not-load", "the file fails before any function is called", 4, _RUN,
        (
            "What happens when the file is only imported?",
            "Statements outside functions run at once, and so do imports.",
            "Look at the line that is named; keep trials under `if __name__ == \"__main__\"`.",
        ),
    ),
    Bug(
        "function-missing", "a function that is asked for is not in the file", 4, _RUN,
        (
            "Which names does the exercise ask for?",
            "Functions are found by name, and only at the top level of the file.",
            "Compare the names that are listed with those in your file, letter by letter.",
        ),
    ),
    Bug(
        "does-not-finish", "does not finish", 4, _RUN,
        (
            "Which loop runs when this line is reached, and what ends it?",
            "Either the condition of a loop never becomes false, or there are far too many rounds.",
            "Count the rounds for the smallest input, and see what changes from one to the next.",
        ),
    ),
    Bug(
        "crashes", "crashes the Python interpreter", 4, _RUN,
        (
            "Which line runs code that is not Python?",
            "Python itself hardly ever crashes; memory that is not yours does it, or a recursion "
            "without end in compiled code.",
            "Look at ctypes, compiled kernels and strides that were set by hand.",
        ),
    ),
    Bug(
        "out-of-memory", "asks for more memory than there is", 4, _RUN,
        (
            "How large is the largest array that this line makes?",
            "Multiply the lengths of its axes for the smallest input.",
            "Look for an array with an axis too many, or a list that grows in every round.",
        ),
    ),
)  # fmt: skip
