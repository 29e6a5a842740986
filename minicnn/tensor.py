"""Tensor: an array that can be differentiated, and `record`, the one door into the graph.

Arithmetic, indexing and methods such as `x.sum()` are ops like any other; `ops/methods.py` puts
them on this class.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Union

import numpy as np

from .autograd import Node, backpropagate
from .inplace import mark_written
from .kernels import array_module, device_of, is_array, to_device
from .modes import mode, recording
from .rules import run

TensorLike = Union["Tensor", np.ndarray, float, int, bool, Sequence]


class Tensor:
    """An array with a place in the graph.

    ``data`` is the NumPy (or, on the GPU, CuPy) array, ``grad`` the gradient that `backward` left.
    Python numbers and lists become float32 (whole numbers int64); arrays keep their dtype.
    Writing into ``data`` directly is allowed and unwatched: a backward that still needs the old
    values then goes wrong silently. `x[...] = value`, optimizers and `load_state_dict` are watched.

    Raises TypeError for data that is not numeric and for integers that ask for gradients.
    """

    __slots__ = ("data", "node", "__weakref__")
    __array_ufunc__ = None  # lets `array * tensor` reach Tensor.__rmul__

    # What ops/methods.py attaches, declared here for type checkers.
    __add__: Callable[..., "Tensor"]
    __radd__: Callable[..., "Tensor"]
    __sub__: Callable[..., "Tensor"]
    __rsub__: Callable[..., "Tensor"]
    __mul__: Callable[..., "Tensor"]
    __rmul__: Callable[..., "Tensor"]
    __truediv__: Callable[..., "Tensor"]
    __rtruediv__: Callable[..., "Tensor"]
    __pow__: Callable[..., "Tensor"]
    __rpow__: Callable[..., "Tensor"]
    __matmul__: Callable[..., "Tensor"]
    __neg__: Callable[..., "Tensor"]
    __getitem__: Callable[..., "Tensor"]
    __setitem__: Callable[..., None]
    T: "Tensor"
    __gt__: Callable[..., "Tensor"]
    __ge__: Callable[..., "Tensor"]
    __lt__: Callable[..., "Tensor"]
    __le__: Callable[..., "Tensor"]
    sum: Callable[..., "Tensor"]
    mean: Callable[..., "Tensor"]
    max: Callable[..., "Tensor"]
    argmax: Callable[..., "Tensor"]
    reshape: Callable[..., "Tensor"]
    permute: Callable[..., "Tensor"]
    transpose: Callable[..., "Tensor"]
    flatten: Callable[..., "Tensor"]
    astype: Callable[..., "Tensor"]
    exp: Callable[..., "Tensor"]
    log: Callable[..., "Tensor"]

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None) -> None:
        self.data: Any = _to_array(data, dtype)
        self.node: Node | None = None
        if requires_grad:
            self.requires_grad_()

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def device(self) -> str:
        """`"cpu"` or `"cuda"`: where the array lives."""
        return device_of(self.data)

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    @property
    def is_leaf(self) -> bool:
        """True for tensors that no recorded op made."""
        return self.node is None or self.node.backward is None

    def numel(self) -> int:
        """The number of elements."""
        return self.data.size

    def item(self) -> float:
        """The only element, as a Python number."""
        if self.data.size != 1:
            raise ValueError(f"item: the tensor must have one element, got shape {self.shape}")
        return self.data.item()

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array (shared memory on the CPU, a copy from the GPU)."""
        return to_device(self.data, "cpu")

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a tensor of no axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), separator=", ", prefix=type(self).__name__ + "(")
        extras = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        extras += "" if self.device == "cpu" else f', device="{self.device}"'
        if self.node is not None:
            extras += ", requires_grad=True" if self.is_leaf else f", op={self.node.name}"
        return f"{type(self).__name__}({text}{extras})"

    def __reduce__(self) -> tuple:
        if not self.is_leaf:
            raise RuntimeError("copy/pickle: only leaf tensors can be copied; detach() it first")
        return type(self), (self.data, self.requires_grad)

    # Its gradient

    @property
    def grad(self) -> "Tensor | None":
        """The gradient left by `backward`; it adds up until it is set to None."""
        return None if self.node is None else self.node.grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if value is None and self.node is None:
            return
        if self.node is None:
            raise RuntimeError("grad: the tensor must require gradients; call requires_grad_()")
        if not isinstance(value, Tensor | None):
            raise TypeError(f"grad: must be a Tensor or None, got {type(value).__name__}")
        if value is not None and (value.shape, value.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"grad: must have shape {self.shape} and dtype {self.dtype}, got {value.shape} "
                f"and {value.dtype}"
            )
        self.node.grad = value

    def requires_grad_(self, flag: bool = True) -> "Tensor":
        """Make this leaf ask for gradients (or not). Raises TypeError for integers."""
        if not self.is_leaf:
            raise RuntimeError("requires_grad_: only for leaf tensors; detach() it first")
        if flag and self.dtype.kind != "f":
            raise TypeError(
                f"requires_grad: only floating-point tensors can have gradients, got {self.dtype};"
                " convert with astype(np.float32) or write 1.0 for 1"
            )
        if flag != self.requires_grad:
            self.node = Node("leaf", (), None, self.shape, self.dtype) if flag else None
        return self

    def backward(self, gradient: TensorLike | None = None, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to ``grad`` of every leaf that self depends on.

        ``gradient`` is the gradient of self (same shape); it may be left out for one element.
        """
        gy = None if gradient is None else as_tensor(gradient)
        taken = set() if gy is None else {id(gy.data)}
        for leaf, gx in _backpropagate(self, None, gy, create_graph).items():
            leaf.grad = _own(gx, taken) if leaf.grad is None else leaf.grad + gx

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> Callable[[], None]:
        """Call ``hook(gradient)`` once the gradient of this tensor is complete.

        The hook may return a new gradient. The function that is returned removes the hook.
        """
        if self.node is None:
            raise RuntimeError("register_hook: the tensor must require gradients")
        node = self.node
        node.hooks = [*(node.hooks or ()), hook]
        return lambda: node.hooks.remove(hook) if node.hooks and hook in node.hooks else None

    def retain_grad(self) -> None:
        """Keep ``grad`` on this tensor although it is not a leaf."""
        if self.node is None:
            raise RuntimeError("retain_grad: the tensor must require gradients")
        self.node.keeps_grad = not self.is_leaf

    # Copies

    def detach(self) -> "Tensor":
        """The same memory, outside the graph."""
        return wrap(self.data)

    def clone(self) -> "Tensor":
        """A copy with gradient."""
        return record("clone", self.data.copy(order="K"), (self,), lambda gy: gy)

    def to(self, device: str) -> "Tensor":
        """The tensor on `"cpu"` or `"cuda"`, with gradient. Raises RuntimeError without a GPU."""
        here = self.device
        if device == here:
            return self
        return record("to", to_device(self.data, device), (self,), lambda gy: gy.to(here))

    def set_(self, array: Any, by: str = "set_") -> "Tensor":
        """Hold another array from now on (other values, dtype or device). Leaves only."""
        if not self.is_leaf:
            raise RuntimeError("set_: only for leaf tensors; detach() it first")
        needed = self.requires_grad
        self.data, self.node = _to_array(array, None), None
        mark_written(self, by)
        return self.requires_grad_(needed)


def _to_array(data: Any, dtype: Any) -> Any:
    if isinstance(data, Tensor):
        raise TypeError("Tensor: the data is a Tensor already; use detach() or clone()")
    if is_array(data):
        _check_numeric(data)
        return data if dtype is None else data.astype(dtype, copy=False)
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
        raise TypeError("Tensor: a list of Tensors would lose their gradients; use ops.stack")
    try:
        array = np.asarray(data, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"Tensor: rows must have equal lengths ({error})") from None
    _check_numeric(array)
    if dtype is None and array.dtype == np.float64 and not isinstance(data, np.generic):
        array = array.astype(np.float32)  # Python floats: float32, the library's default
    return array


def _check_numeric(array: Any) -> None:
    if array.dtype.kind not in "fiub":
        raise TypeError(f"Tensor: data must be numbers, got {array.dtype}; convert it first")


def _own(gx: Tensor, taken: set[int]) -> Tensor:
    """A gradient in memory of its own: rules may return views, and one array for two inputs."""
    if gx.data.base is not None or id(gx.data) in taken:
        gx = gx.clone()
    taken.add(id(gx.data))
    return gx


_new = Tensor.__new__
_node = attrgetter("node")


def wrap(array: Any) -> Tensor:
    """A Tensor around an array, without the checks of the constructor."""
    x = _new(Tensor)
    x.data, x.node = array if type(array) is np.ndarray else _not_scalar(array), None
    return x


def _not_scalar(data: Any) -> Any:
    """NumPy makes scalars of results without axes; a tensor holds arrays."""
    return np.asarray(data) if isinstance(data, np.generic) else data


def as_tensor(x: TensorLike) -> Tensor:
    """``x`` itself when it is a Tensor, else a Tensor of it."""
    return x if isinstance(x, Tensor) else Tensor(x)


# The graph


def record(
    name: str, data: Any, inputs: tuple[Tensor, ...], backward: Callable[[Tensor], Any],
    **options: Any,
) -> Tensor:  # fmt: skip
    """Wrap an op's result and, where a gradient will be wanted, write the op into the graph.

    ``backward(gy)`` maps the gradient of the result to those of ``inputs``: a Tensor for one
    input, else a tuple with one entry per input. An entry may be None (no gradient) or a function
    without arguments, which runs only when that gradient is wanted. Rules compute with Tensors,
    so that they can be differentiated again; they capture inputs or shapes, never the result.
    ``options`` are the op's settings, for observers such as summaries and tracers.
    """
    y = _new(Tensor)
    y.data = data if type(data) is np.ndarray else _not_scalar(data)
    y.node = None
    is_on, observers = mode.get()
    if is_on:
        parents = tuple(map(_node, inputs))
        if any(parents):
            y.node = Node(name, parents, backward, y.data.shape, y.data.dtype)
    if observers:
        for observer in observers:
            observer(name, y, inputs, options)
    return y


def grad(
    y: Tensor,
    xs: Tensor | Sequence[Tensor],
    grad_outputs: TensorLike | None = None,
    create_graph: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients gx_i = (dy/dx_i)^T gy, one Tensor per ``x``; zero where y does not use it.

    ``grad_outputs`` is gy, of y's shape; it may be left out when y has one element. With
    ``create_graph`` the gradients can be differentiated again.
    """
    xs = (xs,) if isinstance(xs, Tensor) else tuple(xs)
    for i, x in enumerate(xs):
        if x.node is None:
            raise RuntimeError(f"grad: input {i} must require gradients; call requires_grad_()")
    found = _backpropagate(y, {x.node for x in xs if x.node}, grad_outputs, create_graph)
    return tuple(found[x.node] if x.node in found else zeros_like(x) for x in xs)


def _backpropagate(
    y: Tensor, wanted: set[Node] | None, gradient: TensorLike | None, create_graph: bool
) -> dict[Node, Tensor]:
    if y.node is None:
        raise RuntimeError(
            "backward: the tensor does not depend on anything that requires gradients (or was made "
            "under no_grad); set requires_grad=True on an input"
        )
    if gradient is None and y.numel() != 1:
        raise ValueError(
            f"backward: without a gradient the tensor must have one element, got shape {y.shape}; "
            "reduce it (y.sum()) or pass a gradient of its shape"
        )
    gy = wrap(array_module(y.data).ones_like(y.data)) if gradient is None else as_tensor(gradient)
    if gy.shape != y.shape:
        raise ValueError(f"backward: the gradient must have shape {y.shape}, got {gy.shape}")
    if gy.dtype != y.dtype:
        gy = gy.astype(y.dtype)
    with recording(create_graph):
        return backpropagate(y.node, gy, wanted, run)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of x's shape, dtype and device."""
    return wrap(array_module(x.data).zeros_like(x.data))
