"""fuse: a copy of a network that is faster to use, because less goes through memory."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar

from . import nn
from .nn.folded import FoldedConv2d
from .nn.module import find
from .summary import trace
from .tensor import Tensor

Net = TypeVar("Net", bound=nn.Module)

_SIZES = (224, 32, 28, 299, 256, 64, 16, 8)  # of images that networks are usually made for


def fuse(model: Net, input_shape: Sequence[int] | None = None) -> Net:
    """A copy of the model for inference, in eval mode, with equal results up to rounding.

    A convolution and the batch norm that takes its output become one `nn.folded.FoldedConv2d`, in
    the norm's place; residuals and the ReLUs or ReLU6s after it are computed with it (see
    `nn.blocks`), and weights are put in the kernel's order once. The copy cannot be trained, and
    does not follow later changes of the model; gradients with respect to its input are right.

    Which layer takes what another makes is found by running the model on shapes. A layer that is
    used twice or watched by hooks stays as it is. ``input_shape`` (N, C, H, W) is that of some
    input, needed only where the model takes no square image of a usual size.

    Raises ValueError where the model does not run on such an input.
    """
    copy = deepcopy(model).eval()
    copy.requires_grad_(False)
    if not any(map(_is_convolution, copy.modules())):
        return copy
    calls = _Calls(copy)
    trace(copy, input_shape or _usual_shape(copy), calls.enter, calls.leave, calls.see)
    new: dict[Any, nn.Module] = {}
    for conv in filter(_is_convolution, calls.count):
        if calls.is_plain(conv):
            norm = calls.after(conv)
            if type(norm) is nn.BatchNorm2d and calls.is_plain(norm) and norm.track_running_stats:
                new |= {conv: nn.Identity().eval(), norm: FoldedConv2d(conv, norm)}
            else:
                new[conv] = FoldedConv2d(conv)
    return _replace(copy, new, set())


def _is_convolution(module: nn.Module) -> bool:
    return type(module) in (nn.Conv2d, nn.DepthwiseConv2d)


class _Calls:
    """The calls of layers: what they made, who took it first, and how often it was used."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.kept: list[Any] = []  # so that no two tensors have one id
        self.output: dict[Any, int] = {}
        self.taken_by: dict[int, Any] = {}
        self.uses: Counter[int] = Counter()
        self.count: Counter[Any] = Counter()

    def enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and not list(module.children()):
            self.taken_by.setdefault(id(inputs[0]), module)

    def leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self.kept += [inputs, output]
        self.count[module] += 1
        self.output[module] = id(output)
        if module is self.model:  # who called it uses what it returns
            self.uses.update(id(x) for _, x in find("", output, Tensor))

    def see(self, op: str, y: Any, inputs: tuple[Any, ...], options: Any) -> None:
        self.kept.append(inputs)
        self.uses.update(id(x) for x in inputs)

    def is_plain(self, module: nn.Module) -> bool:
        """Called once, unwatched, computing what its class does."""
        changed = module._hooks.before + module._hooks.after or "forward" in vars(module)
        return self.count[module] == 1 and not changed

    def after(self, module: nn.Module) -> Any:
        """The layer that alone takes what this one makes; None where there is none."""
        output = self.output[module]
        return self.taken_by.get(output) if self.uses[output] == 1 else None


def _usual_shape(model: nn.Module) -> tuple[int, ...]:
    first: Any = next(filter(_is_convolution, model.modules()))
    channels = first.in_channels
    for size in _SIZES:
        try:
            with nn.evaluating(model):
                model(nn.shape_input(model, (1, channels, size, size)))
            return (1, channels, size, size)
        except (ValueError, RuntimeError):
            continue
    raise ValueError(
        f"fuse: {type(model).__name__} must run on images of a usual size, tried {_SIZES} pixels; "
        "give input_shape=(1, C, H, W)"
    )


def _replace(part: Any, new: dict[Any, nn.Module], seen: set[int]) -> Any:
    """The part of a model with layers replaced, also inside lists, tuples and dicts."""
    if isinstance(part, nn.Module) and part in new:
        return new[part]
    if not isinstance(part, nn.Module | list | tuple | dict) or id(part) in seen:
        return part
    seen.add(id(part))
    if isinstance(part, tuple):
        items = [_replace(value, new, seen) for value in part]
        return type(part)(*items) if hasattr(part, "_fields") else type(part)(items)
    named: Any = vars(part) if isinstance(part, nn.Module) else part
    for key, value in list(named.items() if isinstance(named, dict) else enumerate(named)):
        named[key] = _replace(value, new, seen)
    return part
