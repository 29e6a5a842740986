"""Layer and OpLayer, the bases of the library's layers."""

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, ClassVar

from ..tensor import Tensor
from .checks import check
from .module import Module


class Layer(Module):
    """A module that holds parameters and calls one op.

    It stores each argument of its constructor as an attribute of the same name; `repr` shows those
    that are not at their defaults.
    """

    def extra_repr(self) -> str:
        shown = []
        for name, argument in signature(type(self)).parameters.items():
            value, default = getattr(self, name), argument.default
            if isinstance(default, bool):  # bias=True: the layer has a Parameter or None
                value = value is not None and value is not False
            if isinstance(value, Tensor):
                shown.append(f"{name}=Tensor{value.shape}")
            elif value not in (default, (default, default)):
                shown.append(f"{name}={value!r}")
        return ", ".join(shown)


class OpLayer(Layer):
    """A layer without parameters: an op and its options.

    >>> class LeakyReLU(OpLayer):
    ...     op = ops.leaky_relu              # leaky_relu(x, negative_slope=0.01)
    >>> LeakyReLU(0.2)(x)                    # leaky_relu(x, negative_slope=0.2)

    The constructor takes the arguments of the op, apart from its inputs, with the same names, order
    and defaults. Weights among them are buffers. ``training`` is the module's own switch.
    """

    op: Callable[..., Tensor]
    inputs: tuple[str, ...] = ("x",)
    options: ClassVar[tuple[str, ...]]
    __signature__: ClassVar[Signature]

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "op"):
            arguments = signature(cls.op).parameters.values()
            options = [a for a in arguments if a.name not in cls.inputs]
            cls.options = tuple(a.name for a in options)
            cls.__signature__ = Signature([a for a in options if a.name != "training"])

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__()
        given = self.__signature__.bind(*arguments, **options)
        given.apply_defaults()
        check(type(self).__name__, **given.arguments)
        for name, value in given.arguments.items():
            if name.endswith("weight"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Any) -> Tensor:
        return type(self).op(*inputs, **{name: getattr(self, name) for name in self.options})
