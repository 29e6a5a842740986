"""The architecture of a network as a picture: what calls what, found by running it once.

Nothing here knows a network or a block by name. A run on shapes alone tells which module makes
which tensor and who uses it; lines, branches and shortcuts of the picture are those uses.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from .. import nn
from ..nn.module import Module, Parameter, find
from ..summary import summarize, total, trace
from ..tensor import Tensor
from .boxes import OPS, Box, describe
from .svg import render

_BLOCKS = ("frame", "block")


class Op:
    """An op that a module with modules inside computes itself."""

    def __init__(self, name: str, y: Tensor, uses: list[int], learnt: dict[str, int]) -> None:
        self.name, self.y, self.shape = name, id(y), y.shape[1:]
        self.uses = uses  # the ids of those inputs that come from the image
        self.learnt = learnt  # parameters used here, and how many numbers of each are new


class Call:
    """One call of a module: what it uses and makes, its own parameters, the parts inside it."""

    def __init__(self, module: Module, path: str, inputs: Any) -> None:
        self.module, self.path = module, path
        self.uses = [id(x) for _, x in find("", inputs, Tensor)]
        self.makes: list[int] = []
        self.shape: tuple[int, ...] = ()
        self.parameters = 0
        self.parts: list[Call | Op] = []

    @property
    def is_layer(self) -> bool:
        return isinstance(self.module, nn.Layer) or not list(self.module.children())

    @property
    def is_chain(self) -> bool:
        """Whether it only calls one part after the other."""
        return type(self.module).forward is nn.Sequential.forward

    @property
    def is_line(self) -> bool:
        """Whether it is one convolution or the like with what follows it, no block."""
        return self._heavy() < 2

    @property
    def is_stage(self) -> bool:
        """Whether it is made of blocks, not of layers: a chain, or several blocks of a class."""
        kinds = Counter(type(call.module) for call in self._blocks())
        return self.is_chain or max(kinds.values(), default=0) > 1

    def _heavy(self) -> int:
        if self.is_layer:
            return describe(self.module)[0] in ("conv", "pool", "linear", "attention")
        return sum(
            part._heavy() if isinstance(part, Call) else len(set(part.uses)) > 1
            for part in self.parts
        )

    def _blocks(self) -> Iterable["Call"]:
        for part in self.parts:
            if isinstance(part, Call) and not part.is_layer:
                if not (part.is_chain or part.is_line):
                    yield part
                yield from part._blocks()

    @property
    def is_one_box(self) -> bool:
        """Whether it is a convolution or the like and then its norm and activation."""
        first = self.parts[0] if self.parts else None
        return len(self.parts) > 1 and isinstance(first, Call) and first._heavy() == 1

    def total(self) -> int:
        """All parameters in it that no earlier call has used."""
        inside = (p.total() if isinstance(p, Call) else sum(p.learnt.values()) for p in self.parts)
        return self.parameters + sum(inside)


class _Tracer:
    """Writes down calls and ops while the model runs."""

    def __init__(self, model: Module) -> None:
        self.paths = {module: path for path, module in model.named_modules()}
        self.names = {id(p): name for name, p in model.named_parameters()}
        self.counted: set[int] = set()
        self.live: set[int] = set()  # ids of what depends on the image
        self.learnt: dict[int, list[Parameter]] = {}  # what other tensors were made from
        self.alive: list[Any] = []  # so that no id is used twice
        self.running: list[Call] = []
        self.outermost: list[Call] = []

    def enter(self, module: Module, inputs: tuple[Any, ...]) -> None:
        call = Call(module, self.paths[module], inputs)
        self.alive.append(inputs)
        if self.running:
            self.running[-1].parts.append(call)
        else:
            self.outermost.append(call)
            self.live.update(call.uses)
        self.running.append(call)

    def see(self, name: str, y: Tensor, inputs: tuple[Tensor, ...], options: Any) -> None:
        self.alive.append((y, inputs))
        uses = [id(x) for x in inputs if id(x) in self.live]
        learnt = [p for x in inputs for p in self._learnt(x)]
        if uses:
            self.live.add(id(y))
        else:
            self.learnt[id(y)] = learnt
        if uses and not self.running[-1].is_layer:
            new = {self.names.get(id(p), "a tensor"): self._count(p) for p in learnt}
            self.running[-1].parts.append(Op(name, y, uses, new))

    def _learnt(self, x: Tensor) -> list[Parameter]:
        return [x] if isinstance(x, Parameter) else self.learnt.get(id(x), [])

    def leave(self, module: Module, inputs: tuple[Any, ...], y: Any) -> None:
        call = self.running.pop()
        outputs = [x for _, x in find("", y, Tensor)]
        self.alive.append(outputs)
        call.makes = [id(x) for x in outputs]
        call.shape = outputs[0].shape[1:] if outputs else ()
        if call.is_layer:
            call.parameters = sum(self._count(p) for p in module.parameters())

    def _count(self, p: Parameter) -> int:
        """How many numbers it has, 0 from the second time on."""
        new = id(p) not in self.counted
        self.counted.add(id(p))
        return p.numel() * new


def _trace(model: Module, shape: Sequence[int]) -> _Tracer:
    """Run the model in eval mode; nothing of it is changed."""
    tracer = _Tracer(model)
    trace(model, shape, tracer.enter, tracer.leave, tracer.see)
    return tracer


class _Scope:
    """The boxes inside one frame, and which of them makes which tensor."""

    def __init__(self, call: Call, live: set[int], level: int, depth: int | None) -> None:
        self.call, self.live, self.level, self.depth = call, live, level, depth
        self.in_block = depth is None and level > 0 and not call.is_stage
        self.boxes: list[Box] = []
        self.made: dict[int, Box | None] = {}  # None: what came into the frame
        self.uses: list[int] = []  # what comes from outside
        for part in [call] if call.is_layer else call.parts:
            self.add(part)

    def add(self, part: Call | Op, path: str = "") -> None:
        """Add boxes for a part, under its own path or that of what it is a part of."""
        if isinstance(part, Op):
            self.add_op(part)
        elif _does_nothing(part.module):
            self.made |= {y: self.source(x) for x, y in zip(part.uses, part.makes, strict=True)}
        elif part.is_layer:
            self.add_box(part, *describe(part.module), path or part.path)
        elif part.is_line or (part.is_chain and self.in_block):
            for inner in part.parts:
                self.add(inner, path or part.path * (part.is_line and part.is_one_box))
        elif self.in_block or self.level == self.depth:
            self.add_box(part, "block", _kind_of(part), part.path)
        else:
            inside = _Scope(part, self.live, self.level + 1, self.depth)
            made = (y for y, by in inside.made.items() if by)
            self.put(inside.frame(), inside.uses, [*part.makes, *made])

    def add_box(self, call: Call, kind: str, label: str, path: str) -> None:
        name = path.removeprefix(self.call.path + ".")
        box = Box(kind, label, name, path, call.shape, call.total())
        self.put(box, call.uses, call.makes)

    def frame(self) -> Box:
        """The frame around all boxes; a chain's that would hold one frame or block is left out."""
        call, outs = self.call, _unique(self.source(y) for y in self.call.makes)
        inside = _collapsed(_joined(self.boxes, outs), outs)
        if len(inside) == 1 and call.is_chain and self.level and inside[0].kind in _BLOCKS:
            inside[0].name = inside[0].path
            return inside[0]
        path, size = call.path, call.total()
        return Box("frame", _kind_of(call), path, path, call.shape, size, [], outs, inside)

    def add_op(self, op: Op) -> None:
        """Ops that only rearrange one tensor are left out."""
        sources = _unique(self.source(x) for x in op.uses)
        if op.name not in OPS or not (len(sources) > 1 or op.learnt or OPS[op.name].alone):
            self.made[op.y] = sources[0] if len(sources) == 1 else self.source(op.uses[0])
            return
        names = [name.rpartition(".")[2] for name in op.learnt]
        label, kind, _ = OPS[op.name]
        label = " ".join([label, *names])
        path = f"{self.call.path}: {op.name}" if self.call.path else op.name
        box = Box(kind, label, "", path, op.shape, sum(op.learnt.values()))
        self.put(box, op.uses, [op.y])

    def source(self, x: int) -> Box | None:
        if x not in self.made:
            self.uses.append(x)
        return self.made.get(x)

    def put(self, box: Box, uses: list[int], makes: list[int]) -> None:
        box.ins = _unique(self.source(x) for x in uses if x in self.live)
        self.boxes.append(box)
        self.made |= dict.fromkeys(makes, box)


def _does_nothing(module: Any) -> bool:
    """Identities, and dropouts that never drop."""
    drops = isinstance(module, nn.Dropout | nn.Dropout2d | nn.DropPath)
    return isinstance(module, nn.Identity) or (drops and module.p == 0)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _kind_of(call: Call) -> str:
    """A class name; for a plain chain its own name, or which blocks it has if all are of a class"""
    if type(call.module) is not nn.Sequential:
        return type(call.module).__name__
    blocks = [type(p.module).__name__ for p in call.parts if isinstance(p, Call)]
    if len(set(blocks)) > 1 or len(blocks) < 2:
        return call.path.rpartition(".")[2] or "Sequential"
    return f"{len(blocks)} × {blocks[0]}"


def _users(boxes: Sequence[Box], outs: Sequence[Box | None]) -> Counter[Box | None]:
    return Counter([*outs, *(x for box in boxes for x in box.ins)])


def _joined(boxes: list[Box], outs: list[Box | None]) -> list[Box]:
    """Boxes with norms and activations drawn into the box whose output they alone use."""
    users = _users(boxes, outs)
    joined: dict[Box | None, Box | None] = {}
    for box in boxes:
        before = box.ins[0] if len(box.ins) == 1 else None
        before = joined.get(before, before)
        if before is not None and users[box.ins[0]] == 1 and before.takes(box):
            before.append(box)
            joined[box] = before
        else:
            box.ins = _unique(joined.get(x, x) for x in box.ins)
    outs[:] = _unique(joined.get(x, x) for x in outs)
    return [box for box in boxes if box not in joined]


def _collapsed(boxes: list[Box], outs: list[Box | None]) -> list[Box]:
    """Equal frames in a row as one that counts them.

    Each must use the one before alone, or, as in dense blocks, everything before in the row.
    """
    users = _users(boxes, outs)
    kept: list[Box] = []
    gone: dict[Box | None, Box | None] = {}
    row: list[Box | None] = []  # equal boxes, after what the first of them uses
    for box in boxes:
        first = kept[-1] if kept else None
        dense = len(row) > 1 and box.ins == row
        chained = len(row) > 1 and box.ins == row[-1:] and users[row[-1]] == 1
        if first is not None and (dense or chained) and box.repeats(first):
            first.repeat(box, dense)
            gone[box] = first
            row.append(box)
        else:
            box.ins = _unique(gone.get(x, x) for x in box.ins)
            kept.append(box)
            row = [*box.ins, box] if len(box.ins) == 1 else []
    outs[:] = _unique(gone.get(x, x) for x in outs)
    return kept


def draw_model(
    model: Module,
    input_shape: Sequence[int],
    path: str | PathLike[str] | None = None,
    title: str = "",
    depth: int | None = None,
) -> str:
    """The model's architecture for one image (C, H, W) as the text of an SVG picture.

    Stages and blocks are frames, layers with their norm and activation are boxes, sums and
    concatenations are nodes; equal blocks in a row are drawn once and counted. ``path`` is where
    to write it. Frames are open down to the blocks, or to ``depth`` levels of nesting.

    Raises ValueError for an input_shape that is not (C, H, W) or not the model's, FileExistsError
    where path is a file but no SVG.
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"draw_model: input_shape must be (C, H, W), got {tuple(input_shape)}; leave N out"
        )
    tracer = _trace(model, (1, *input_shape))
    root = _Scope(tracer.outermost[0], tracer.live, 0, depth).frame()
    multiply_adds = total(summarize(model, (1, *input_shape))).multiply_adds
    title = title or type(model).__name__
    svg = render(root, title, input_shape, multiply_adds, _unused(model, tracer))
    if path is not None:
        _write(Path(path), svg)
    return svg


def _unused(model: Module, tracer: _Tracer) -> tuple[str, int]:
    """Modules whose parameters this run did not use (heads for training), and how many numbers."""
    left = {name: p for name, p in model.named_parameters() if id(p) not in tracer.counted}
    names = _unique(name.partition(".")[0] for name in left)
    return ", ".join(names), sum(p.numel() for p in left.values())


def _write(path: Path, svg: str) -> None:
    """Raises OSError rather than overwrite what is no picture of this kind."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{path}: the folder must exist, got {path.parent}; make it, or choose another"
        )
    if path.is_dir():
        raise IsADirectoryError(f"{path}: must be a file, got a folder; add a file name")
    if path.is_file():
        with path.open("rb") as file:
            if file.read(4) != b"<svg":
                raise FileExistsError(
                    f"{path}: must be a new file or an SVG drawn before, got another kind of file; "
                    "choose another name"
                )
    path.write_text(svg, encoding="utf-8", newline="\n")
