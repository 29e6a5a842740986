"""Boxes and frames laid out from top to bottom and drawn as SVG.

In a frame a box stands one row below the lowest of those whose outputs it uses. Branches have
columns ("lanes") of their own; a shortcut past other boxes runs in a channel to their right.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from .boxes import Box

COLOURS = {  # kind: fill, line, name in the legend
    "conv": ("#dbe8fa", "#2b62ad", "convolution"),
    "pool": ("#fde4c8", "#b8640f", "pooling"),
    "norm": ("#dff1da", "#3b7d33", "norm, activation"),
    "linear": ("#e8def8", "#6a45ad", "linear"),
    "attention": ("#fbdbe7", "#b0336a", "attention"),
    "block": ("#d9eeee", "#1f7a7a", "block, not opened"),
    "other": ("#ececec", "#6b6b6b", "other"),
    "op": ("#ffffff", "#333333", "sum, product, concat"),
}
ALIASES = {"act": "norm", "dropout": "other", "input": "other"}
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, GREY = "#1a1a1a", "#4d4d4d"
BIG, SMALL = 13, 11  # font sizes
LINE, NODE, HEADER = 15, 24, 37  # heights: a line of text, a node, the head of a frame
GAP, ROW_GAP, SIDE, MARGIN = 14, 20, 16, 24
CHANNEL = 18  # the width of a shortcut's way
BUS, APPROACH = 7, 11  # how far below and above a box lines turn


def text_width(text: str, size: float, bold: bool = False) -> float:
    """An upper estimate for the usual sans-serif fonts."""
    wide, narrow = "mwMW@%", "iljtfI.,:· /|()"
    ems = sum(0.9 if c in wide else 0.33 if c in narrow else 0.6 + 0.1 * c.isupper() for c in text)
    return ems * size * (1.06 if bold else 1)


class _Grid:
    """Rows, lanes and channels of the boxes in one frame."""

    def __init__(self, frame: Box) -> None:
        self.frame = frame
        self.row: dict[Box, int] = {}
        self.lanes: dict[Box, tuple[int, int]] = {}  # first and last
        self.cells: dict[tuple[int, int], Box | None] = {}  # (row, lane): who is or passes there
        self.channels: list[list[tuple[int, int, Box | None]]] = []  # first and last row, source
        inherited: set[Box | None] = set()
        count = 0
        for box in frame.inside:
            above = [self.lanes[x] for x in box.ins if x]
            if len(above) > 1:
                lanes = min(a for a, _ in above), max(b for _, b in above)
            elif any(x not in inherited for x in box.ins):
                lanes = above[0] if above else (0, 0)
            else:
                lanes = count, count
            inherited.update(box.ins)
            count = max(count, lanes[1] + 1)
            self._place(box, lanes)
        self.count = count
        self.rows = 1 + max(self.row.values(), default=-1)

    def _place(self, box: Box, lanes: tuple[int, int]) -> None:
        row = 1 + max((self.row[x] for x in box.ins if x), default=-1)
        across = range(lanes[0], lanes[1] + 1)
        while any((row, lane) in self.cells for lane in across):
            row += 1
        self.row[box], self.lanes[box] = row, lanes
        self.cells |= {(row, lane): box for lane in across}

    def way(self, source: Box | None, target: Box | None) -> Box | int | None:
        """Where a line runs: under its source, above its target, or in the channel of a number.

        None as source is what enters the frame, as target what leaves it.
        """
        first = self.row[source] + 1 if source else 0
        last = self.row[target] - 1 if target else self.rows - 1
        for box in (source, target):
            if box is not None:
                cells = [
                    (row, lane)
                    for row in range(first, last + 1)
                    for lane in range(self.lanes[box][0], self.lanes[box][1] + 1)
                ]
                if all(self.cells.get(cell, source) is source for cell in cells):
                    self.cells |= dict.fromkeys(cells, source)
                    return box
        return self._channel(first, last, source) if first <= last else target

    def _channel(self, first: int, last: int, source: Box | None) -> int:
        for i, taken in enumerate([*self.channels, []]):
            if all(last < a or b < first or source is other for a, b, other in taken):
                if i == len(self.channels):
                    self.channels.append([])
                self.channels[i].append((first, last, source))
                return i
        raise AssertionError("an empty channel is always free")


class Line(NamedTuple):
    """A line from a box (None: the frame's top) to a box (None: its bottom), and its way."""

    source: Box | None
    target: Box | None
    way: Box | int | None


class _Frame:
    """The lines in a frame, and where its parts are once all boxes inside have their sizes."""

    def __init__(self, frame: Box, grid: _Grid) -> None:
        targets = [(box, box.ins) for box in frame.inside] + [(None, frame.outs)]
        self.lines = [Line(x, box, grid.way(x, box)) for box, sources in targets for x in sources]
        widths = _lane_widths(grid)
        lanes_width = sum(widths) + GAP * (len(widths) - 1)
        channels = CHANNEL * len(grid.channels)
        frame.width = 2 * SIDE + max(lanes_width + 2 * channels, _room(frame))
        left = (frame.width - lanes_width) / 2
        self.channels = [
            left + lanes_width + CHANNEL * (i + 0.6) for i in range(len(grid.channels))
        ]
        starts = [left + sum(widths[:i]) + GAP * i for i in range(len(widths))]
        frame.height = HEADER + ROW_GAP
        for row in range(grid.rows):
            boxes = [box for box in frame.inside if grid.row[box] == row]
            height = max((box.height for box in boxes), default=0)
            for box in boxes:
                a, b = grid.lanes[box]
                room = starts[b] + widths[b] - starts[a]
                box.width = room if box.label == "concat" else box.width
                box.x = starts[a] + (room - box.width) / 2
                box.y = frame.height + (height - box.height) / 2
            frame.height += height + ROW_GAP


def _lane_widths(grid: _Grid) -> list[float]:
    widths = [0.0] * grid.count
    for box, (a, b) in grid.lanes.items():
        if a == b:
            widths[a] = max(widths[a], box.width)
    for box, (a, b) in grid.lanes.items():
        lacking = box.width - sum(widths[a : b + 1]) - GAP * (b - a)
        if lacking > 0:
            widths[b] += lacking
    return widths


def _measure(box: Box, frames: dict[Box, _Frame]) -> None:
    """Give a box and all boxes inside their sizes and places, from the inside outwards."""
    if box.inside:
        grid = _Grid(box)
        for inner in box.inside:
            inner.narrow = grid.count > 3 and not inner.inside
            _measure(inner, frames)
        frames[box] = _Frame(box, grid)
    elif box.kind == "op":
        box.height = NODE
        box.width = NODE if len(box.title) == 1 else text_width(box.title, BIG) + 18
    else:
        box.height = LINE * len(box.lines()) + 8
        box.width = max(110, _room(box) + 26)


def _room(box: Box) -> float:
    """The width of its text."""
    return max(text_width(text, BIG if big else SMALL, big) for text, big in box.lines())


def _draw(box: Box, x: float, y: float, frames: dict[Box, _Frame]) -> list[str]:
    """The SVG elements of a box and all inside it; x and y are the corner of the frame around."""
    x, y = x + box.x, y + box.y
    if box in frames:
        frame = [
            _rect(x, y, box.width, box.height, "#f7f8fa", "#8a94a3", 8),
            _head(x, y, box.width),
            *_texts(box, x + box.width / 2, y),
        ]
        return [f"<g>{_tip(box)}", *frame, *_inside(box, x, y, frames), "</g>"]
    fill, line, _ = COLOURS[ALIASES.get(box.kind, box.kind)]
    radius = NODE / 2 if box.kind == "op" else 5
    shape = _rect(x, y, box.width, box.height, fill, line, radius)
    if box.kind == "op":
        middle, size = x + box.width / 2, 17 if len(box.title) == 1 else BIG
        label = _text(middle, y + NODE / 2 + size * 0.35, box.title, size)
        return [f"<g>{_tip(box)}", shape, label, "</g>"]
    return [f"<g>{_tip(box)}", shape, *_texts(box, x + box.width / 2, y), "</g>"]


def _inside(box: Box, x: float, y: float, frames: dict[Box, _Frame]) -> list[str]:
    out = [_line(line, box, frames[box], x, y) for line in frames[box].lines]
    for inner in box.inside:
        out += _draw(inner, x, y, frames)
    return out


def _tip(box: Box) -> str:
    path = f"{box.path} – {box.last}" if box.last else box.path
    shape = " × ".join(map(str, box.shape))
    text = f"{path or 'input'}: {box.title}; output {shape}; {box.parameters:,} parameters"
    return f"<title>{escape(text)}</title>"


def _texts(box: Box, x: float, y: float) -> list[str]:
    return [
        _text(x, y + LINE * (i + 1), text, BIG, "bold")
        if big
        else _text(x, y + LINE * (i + 1), text, SMALL, fill=GREY)
        for i, (text, big) in enumerate(box.lines())
    ]


def _text(
    x: float, y: float, text: str, size: float, weight: str = "normal", fill: str = INK,
    anchor: str = "middle",
) -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _rect(
    x: float, y: float, width: float, height: float, fill: str, line: str, radius: float
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" '
        f'fill="{fill}" stroke="{line}"/>'
    )


def _head(x: float, y: float, width: float, radius: float = 8) -> str:
    """The upper part of a frame, round at the top alone."""
    right = x + width
    return (
        f'<path d="M{x:.1f} {y + HEADER:.1f}V{y + radius:.1f}Q{x:.1f} {y:.1f} {x + radius:.1f} '
        f"{y:.1f}H{right - radius:.1f}Q{right:.1f} {y:.1f} {right:.1f} {y + radius:.1f}"
        f'V{y + HEADER:.1f}z" fill="#e6e9ee" stroke="#8a94a3"/>'
    )


def _line(line: Line, frame: Box, places: _Frame, x: float, y: float) -> str:
    """From the bottom of its source down its way to the top, or for a node the side, of its target.

    What enters or leaves a frame may do so at any place of its edge.
    """
    source, target, way = line
    if isinstance(way, int):
        column = places.channels[way]
    else:
        column = way.x + way.width / 2 if way else frame.width / 2
    start, top = _start(source, frame, column)
    points = [(start, top)]
    if abs(start - column) > 1:
        points += [(start, top + BUS), (column, top + BUS)]
    points += _end(target, frame, column)
    return _path([(x + a, y + b) for a, b in points], target is not None)


def _start(source: Box | None, frame: Box, column: float) -> tuple[float, float]:
    if source is None:
        return column, HEADER
    return source.x + source.width / 2, source.y + source.height


def _end(target: Box | None, frame: Box, column: float) -> list[tuple[float, float]]:
    """The last points of a line that comes down a column."""
    if target is None:
        middle, bottom = frame.width / 2, frame.height
        if abs(column - middle) < 1:
            return [(middle, bottom)]
        return [(column, bottom - BUS), (middle, bottom - BUS), (middle, bottom)]
    left, right, middle = target.x, target.x + target.width, target.x + target.width / 2
    if target.kind == "op" and not left < column < right:
        centre = target.y + target.height / 2
        return [(column, centre), (left if column < left else right, centre)]
    if abs(column - middle) < 1 or target.kind == "op":
        return [(column, target.y)]
    return [(column, target.y - APPROACH), (middle, target.y - APPROACH), (middle, target.y)]


def _path(points: Sequence[tuple[float, float]], arrow: bool, radius: float = 6) -> str:
    """A line with rounded corners and perhaps an arrow's head."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        ends = []
        for other in (before, after):
            dx, dy = other[0] - corner[0], other[1] - corner[1]
            share = min(radius / max(abs(dx) + abs(dy), 1e-9), 0.5)
            ends.append(f"{corner[0] + share * dx:.1f} {corner[1] + share * dy:.1f}")
        parts.append(f"L{ends[0]}Q{corner[0]:.1f} {corner[1]:.1f} {ends[1]}")
    parts.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    head = ' marker-end="url(#head)"' if arrow else ""
    return f'<path d="{"".join(parts)}" fill="none" stroke="#555555"{head}/>'


def _legend(boxes: Sequence[Box], width: float, y: float) -> tuple[list[str], float]:
    """The kinds that occur, in lines of a width, and where the next thing may stand."""
    kinds = {ALIASES.get(box.kind, box.kind) for box in boxes if box.kind not in ("frame", "input")}
    out, x = [], float(MARGIN)
    for kind, (fill, line, name) in COLOURS.items():
        if kind in kinds:
            needed = 22 + text_width(name, SMALL) + 14
            if x + needed > width:
                x, y = float(MARGIN), y + 20
            out += [_rect(x, y, 14, 14, fill, line, 3)]
            out += [_text(x + 20, y + 11, name, SMALL, anchor="start")]
            x += needed
    return out, y + 20


def _all(box: Box) -> list[Box]:
    return [box, *(x for inner in box.inside for x in _all(inner))]


def render(
    root: Box, title: str, input_shape: Sequence[int], multiply_adds: int, unused: tuple[str, int]
) -> str:
    """The picture of a model, its boxes those inside root.

    ``unused`` are the names of parts that the run left out, and their parameters.
    """
    entry = Box("input", "input", "", "", tuple(input_shape), 0)
    for box in root.inside:
        box.ins = [x or entry for x in box.ins]
    outer = Box("frame", "", "", "", root.shape, 0, inside=[entry, *root.inside])
    frames: dict[Box, _Frame] = {}
    _measure(outer, frames)
    facts = [
        f"input {' × '.join(map(str, input_shape))}",
        f"output {' × '.join(map(str, root.shape))}",
        f"{root.parameters + unused[1]:,} parameters",
        f"{multiply_adds:,} multiply-adds",
    ]
    notes = [" · ".join(facts), "In a box: name · output shape · parameters."]
    if any(box.count > 1 for box in _all(root)):
        notes.append("N × Block: the head counts the parameters of all N; inside is the first.")
    if unused[1]:
        notes.append(f"Not used outside training: {unused[0]} ({unused[1]:,} parameters).")
    widest = max(text_width(note, SMALL) for note in notes)
    width = 2 * MARGIN + max(outer.width, widest, text_width(title, 20, True), 480)
    head = [_text(MARGIN, 38, title, 20, "bold", anchor="start")]
    head += [
        _text(MARGIN, 60 + 17 * i, note, SMALL + 1, fill=GREY, anchor="start")
        for i, note in enumerate(notes)
    ]
    legend, y = _legend(_all(outer), width - MARGIN, 54 + 17 * len(notes))
    body = _inside(outer, (width - outer.width) / 2, y - HEADER, frames)
    return _document(title, facts, width, y - HEADER + outer.height + 4, [*head, *legend, *body])


def _document(
    title: str, facts: Sequence[str], width: float, height: float, elements: Sequence[str]
) -> str:
    label = escape(f"Architecture of {title}: {', '.join(facts)}", quote=True)
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{label}" '
        f'font-family="{FONT}">'
    )
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto">'
        '<path d="M0 0.5L8 4L0 7.5z" fill="#555555"/></marker></defs>'
    )
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([start, marker, ground, *elements, "</svg>"]) + "\n"
