"""Names for what only a course can find: the function in its place in the library."""

from ...testing.doctor.bugs.bug import Bug

BUGS = (
    Bug(
        "not-called", "the library never called the function", 5, "Your layer in the library",
        ("Which function does the library call?",
         "The one that you have written has to be that function.",
         "Look at the function's name and at what the exercise asks for."),
    ),
    Bug(
        "training-differs", "a training with it goes another way than the library's", 5,
        "Your layer in the library",
        ("Does your function behave the same every time that it is called?",
         "The exercise's own tests pass, so look at what is different in a training: other shapes, "
         "many calls, arrays that are views of others.",
         "Look for what is kept from one call to the next, and for sizes taken for granted."),
    ),
    Bug(
        "training-fails", "a training with it ends with an error", 5, "Your layer in the library",
        ("Which shapes does the library give to your function?",
         "The exercise's own tests pass; a training has other shapes and single precision.",
         "Look at the line in the evidence."),
    ),
    Bug(
        "changes-library", "the file changes minicnn itself", 4,
        "What a check calls, and with what",
        ("Does your file assign to anything of minicnn?",
         "A lesson's file defines functions; the library stays as it is.",
         "Look for an assignment to the name in the evidence."),
    ),
    Bug(
        "result-wrong", "the result is not right", 4, "Reading a wrong gradient",
        ("Can you work out the smallest case by hand?",
         "Compare your result with the one in the evidence, entry by entry.",
         "Look at the first step whose result you cannot explain."),
        partial=True,
    ),
)  # fmt: skip
