"""What the doctor can name: a bug, where it is taught, and three hints without the code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """One entry of the vocabulary.

    ``key`` is what reports and tests compare ("stride-ignored"); ``headline`` says it in one line
    as it is printed. A key that ends in ":" stands for a family: "ratio:" for "ratio:N",
    "ratio:1/2", and so on; its headline has a place for the rest, ``{}``. ``lesson`` and
    ``section`` point to where it is taught, ``rows`` to the catalogue of typical bugs (C1 to C88).
    The hints go from a question to ask oneself to where to look; none holds code of the answer.
    A ``partial`` name says where numbers are wrong, and not what they are instead.
    """

    key: str
    headline: str
    lesson: int
    section: str
    hints: tuple[str, str, str]
    rows: tuple[str, ...] = ()
    partial: bool = False

    @property
    def pointer(self) -> str:
        return f'lesson {self.lesson:02d}, "{self.section}"'
