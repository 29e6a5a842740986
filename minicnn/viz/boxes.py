"""What the boxes of an architecture's picture say: layers and ops in a few words."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..nn.module import Module


class OpLabel(NamedTuple):
    """How an op is drawn. ``alone``: also where it has one input; others only join tensors."""

    label: str
    kind: str = "op"
    alone: bool = False


OPS = {
    "add": OpLabel("+"), "sub": OpLabel("−"), "mul": OpLabel("×"), "div": OpLabel("÷"),
    "matmul": OpLabel("matmul"), "maximum": OpLabel("max"), "minimum": OpLabel("min"),
    "concat": OpLabel("concat"), "where": OpLabel("where"),
    "conv2d": OpLabel("conv", "conv", True), "linear": OpLabel("linear", "linear", True),
    "depthwise_conv2d": OpLabel("depthwise", "conv", True),
    "normalize": OpLabel("norm", "norm", True), "max_pool2d": OpLabel("max pool", "pool", True),
    "sum_pool2d": OpLabel("average pool", "pool", True), "relu": OpLabel("ReLU", "act", True),
    "sigmoid": OpLabel("sigmoid", "act", True), "tanh": OpLabel("tanh", "act", True),
    "softmax": OpLabel("softmax", "act", True),
}  # fmt: skip

_NORMS = {"BatchNorm1d": "BN", "BatchNorm2d": "BN", "LayerNorm": "LN", "GroupNorm": "GN",
          "LocalResponseNorm": "LRN"}  # fmt: skip
_ACTIVATIONS = {
    "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSoftmax", "ReLU",
    "ReLU6", "Sigmoid", "SiLU", "Softmax", "Softplus", "Tanh",
}  # fmt: skip
_DROPOUTS = {"Dropout": "dropout", "Dropout2d": "dropout", "DropPath": "drop path"}
_POOLS = {"MaxPool2d": "max pool", "AvgPool2d": "average pool",
          "AdaptiveAvgPool2d": "average pool", "AdaptiveMaxPool2d": "max pool"}  # fmt: skip


def describe(layer: Module) -> tuple[str, str]:
    """Kind and label of a layer: ("conv", "conv 7×7, 64, /2")."""
    name = type(layer).__name__
    if name in ("Conv2d", "ConvTranspose2d", "DepthwiseConv2d"):
        return "conv", _convolution(layer, name)
    if name in _POOLS:
        return "pool", f"{_POOLS[name]} {_pool(layer)}"
    if name in _NORMS:
        return "norm", _NORMS[name]
    if name in _ACTIVATIONS:
        return "act", name
    if name in _DROPOUTS:
        return "dropout", _DROPOUTS[name]
    if name == "Linear":
        return "linear", f"linear, {layer.out_features}"  # type: ignore[attr-defined]
    if name == "MultiheadAttention":
        return "attention", f"attention, {layer.num_heads} heads"  # type: ignore[attr-defined]
    return "other", name.lower() if name in ("Flatten", "Unflatten") else name


def _convolution(layer: Any, name: str) -> str:
    channels = layer.weight.shape[name == "ConvTranspose2d"]
    groups = getattr(layer, "groups", 1)
    depthwise = name == "DepthwiseConv2d" or 1 < groups == layer.in_channels == channels
    if name == "ConvTranspose2d":
        kind, channels = "transposed conv", channels * groups
    else:
        kind = "depthwise" if depthwise else "conv"
    parts = [f"{kind} {_by(layer.kernel_size)}, {channels}", *_unless_1("/", layer.stride)]
    parts += [f"{groups} groups"] * (groups > 1 and not depthwise)
    parts += _unless_1("dilation ", layer.dilation)
    return ", ".join(parts)


def _pool(layer: Any) -> str:
    if hasattr(layer, "output_size"):
        return f"to {_by(layer.output_size)}"
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return ", ".join([_by(layer.kernel_size), *_unless_1("/", stride)])


def _unless_1(word: str, size: Any) -> list[str]:
    """["/2"] or ["/2×1"]; nothing for 1."""
    h, w = _pair(size)
    return [] if h == w == 1 else [f"{word}{h}" if h == w else f"{word}{h}×{w}"]


def _by(size: Any) -> str:
    return "×".join(map(str, _pair(size)))


def _pair(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, list | tuple) else (size, size)


@dataclass(eq=False)
class Box:
    """A layer, an op, a closed block, or a frame with boxes ``inside``.

    ``ins`` are the boxes whose outputs it uses and ``outs`` the boxes inside that make a frame's
    output; None is what comes into the frame around. ``x`` and ``y`` are its corner in that frame.
    """

    kind: str
    label: str
    name: str  # in the frame around
    path: str  # in the model
    shape: tuple[int, ...]
    parameters: int
    ins: list["Box | None"] = field(default_factory=list)
    outs: list["Box | None"] = field(default_factory=list)
    inside: list["Box"] = field(default_factory=list)
    count: int = 1
    last: str = ""  # the path of the last one where it stands for several
    dense: bool = False  # whether each of several uses all before it
    narrow: bool = False  # whether it has little room beside others
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    def __post_init__(self) -> None:
        self.run = [self.kind]  # the kinds of all layers in it

    @property
    def title(self) -> str:
        times = f"{self.count} × " if self.count > 1 else ""
        return f"{times}{self.label}{', each fed by all before' if self.dense else ''}"

    @property
    def details(self) -> list[str]:
        """Name, output shape and parameters: ["conv1", "64 × 112 × 112", "9,408"]."""
        last = self.last.rpartition(".")[2]
        name = f"{self.name} – {last}" if last else self.name
        name = "" if name == self.label else name
        numbers = f"{self.parameters:,}" if self.parameters else ""
        return [x for x in (name, " × ".join(map(str, self.shape)), numbers) if x]

    def lines(self) -> list[tuple[str, bool]]:
        """Its text: each line, and whether it is large."""
        if not self.narrow:
            return [(self.title, True), (" · ".join(self.details), False)]
        first, plus, rest = self.title.partition(" + ")
        title = [(first, True), (f"+ {rest}", True)] if plus else [(first, True)]
        name = [(self.name, False)] if self.name else []
        return [*title, *name, (" · ".join(self.details[len(name) :]), False)]

    def takes(self, after: "Box") -> bool:
        """Whether what comes after is drawn into it: conv + BN + ReLU, or BN + ReLU + conv."""
        if after.inside or self.inside or "block" in (self.kind, after.kind):
            return False
        if after.kind == "dropout":
            return self.run[0] not in ("other", "dropout", "input")
        if self.run[0] == "norm":  # before its convolution
            return len(self.run) < 3 and after.kind == ("act", "conv")[len(self.run) - 1]
        suffixes = ("act",) if self.run[0] == "op" else ("norm", "act")
        return self.run[0] not in ("other", "dropout", "input") and after.kind in suffixes

    def append(self, after: "Box") -> None:
        """Draw into it what comes after it."""
        self.label += f"{' then' if self.kind == 'op' else ' +'} {after.label}"
        self.run += after.run
        self.shape = after.shape
        self.parameters += after.parameters
        if after.kind == "conv":
            self.kind = "conv"

    def repeats(self, first: "Box") -> bool:
        """Whether it is a block that looks like another one."""
        return self.kind in ("frame", "block") and self._looks() == first._looks()

    def _looks(self) -> tuple[Any, ...]:
        at = {box: i for i, box in enumerate(self.inside)}
        inside = [(box._looks(), [at.get(x) for x in box.ins if x]) for box in self.inside]
        return self.kind, self.label, self.shape, inside

    def repeat(self, again: "Box", dense: bool) -> None:
        """Stand for one more that looks the same."""
        self.count += 1
        self.last, self.dense = again.path, dense
        self.parameters += again.parameters
