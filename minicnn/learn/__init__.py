"""The course: lessons, exercises, and the checks that say what is wrong.

    minicnn learn                       the loop: write, save, be told
    learn.pick("linear_backward")       your function where it passes its check, else the course's
    learn.swap("relu_grad", function)   your function in the place of the library's
    learn.figure(fig, "name", alt=...)  a figure of a lesson

README.md in this folder says how a lesson is written.
"""

from .figures import FAST, figure
from .hooks import swap
from .pick import pick

__all__ = ["FAST", "figure", "pick", "swap"]
