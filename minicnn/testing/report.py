"""What a gradient check found, as plain data with a readable text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One entry (or direction): both slopes, and their difference in units of the tolerance."""

    index: tuple[int, ...]
    analytic: float
    numeric: float
    excess: float
    kink: bool


@dataclass(frozen=True)
class InputReport:
    """One input or parameter.

    ``checked`` counts the entries (or random directions, see ``unit``) that were compared and are
    not ``kinks``; ``wrong`` of them differ. ``index``, ``analytic``, ``numeric`` and
    ``relative_error`` describe the worst one. The error is relative to the entry or, where that is
    larger, to the average size of the input's gradients: an entry may well be 0. An input with
    kinks alone is not ``ok``: nothing was compared.
    """

    name: str
    shape: tuple[int, ...]
    unit: str
    checked: int
    wrong: int
    kinks: tuple[tuple[int, ...], ...]
    index: tuple[int, ...] | None = None
    analytic: float = 0.0
    numeric: float = 0.0
    relative_error: float = 0.0

    @property
    def ok(self) -> bool:
        return self.wrong == 0 and not self.unchecked

    @property
    def unchecked(self) -> bool:
        """Whether there was something to compare and all of it was at kinks."""
        return bool(self.kinks) and self.checked == 0

    def __str__(self) -> str:
        verdict = f"ok, {self.checked} {self.unit}"
        if self.wrong:
            verdict = f"{self.wrong} of {self.checked} {self.unit} WRONG"
        if self.kinks:
            if self.unchecked:
                verdict = f"NOTHING CHECKED, {self.unit} on kinks only"
            first = ", ".join(map(str, self.kinks[:3])) + (", ..." if len(self.kinks) > 3 else "")
            verdict += f", {len(self.kinks)} at a kink ({first})"
        if self.unchecked:
            verdict += "; move the input off the kinks"
        if self.index is None:
            return f"{self.name} {self.shape}: {verdict}"
        return (
            f"{self.name} {self.shape}: {verdict}; worst {self.index}: backward {self.analytic:.9g}"
            f", differences {self.numeric:.9g}, relative error {self.relative_error:.1e}"
        )


@dataclass(frozen=True)
class Report:
    """The whole check; ``ok`` where every input is: nothing wrong, and something compared."""

    what: str
    inputs: tuple[InputReport, ...]

    @property
    def ok(self) -> bool:
        return all(x.ok for x in self.inputs)

    def __str__(self) -> str:
        wrong = any(x.wrong for x in self.inputs)
        verdict = "ok" if self.ok else "WRONG" if wrong else "NOTHING CHECKED of some inputs"
        lines = [f"{self.what}: {verdict}"]
        return "\n".join([*lines, *(f"  {x}" for x in self.inputs)])


def summarise(
    name: str, shape: tuple[int, ...], unit: str, compared: list[Comparison]
) -> InputReport:
    """Count the comparisons of one input and pick the worst; NaN is worse than any number."""
    smooth = [c for c in compared if not c.kink]
    kinks = tuple(c.index for c in compared if c.kink)
    wrong = sum(not c.excess <= 1 for c in smooth)
    if not smooth:
        return InputReport(name, shape, unit, 0, 0, kinks)
    worst = max(smooth, key=lambda c: (c.excess != c.excess, c.excess))
    average = sum(abs(c.analytic) for c in smooth) / len(smooth)
    size = max(abs(worst.analytic), abs(worst.numeric), average)
    relative = abs(worst.analytic - worst.numeric) / size if size else 0.0
    return InputReport(
        name, shape, unit, len(smooth), wrong, kinks, worst.index, worst.analytic, worst.numeric,
        relative,
    )  # fmt: skip
