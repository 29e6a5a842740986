"""What the names in a PyTorch checkpoint stand for here: descriptions of tensors, plain values.

PyTorch pickles a tensor as a call of one of its `_rebuild_...` functions, with the place of the
tensor in a storage. Here such a call gives a `Tensor`, which only describes that place; the numbers
are read later and only if they are wanted. What is known to lie beside tensors (sets, devices, ...)
becomes a `Beside`. Every name that is not in this table is refused.

Source: torch/_utils.py, torch/_tensor.py, torch/storage.py.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..pickles import (
    ARRAYS,
    Array,
    Beside,
    Buildable,
    Handler,
    Refused,
    as_key,
    short,
    whole_numbers,
)
from .limits import WAY_OUT

# What NumPy reads for each type of PyTorch. It has no bfloat16; any byte but 0 is True.
STORED = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "u2",
    "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1",
    "uint64": "u8", "uint32": "u4", "uint16": "u2", "uint8": "u1", "bool": "u1",
}  # fmt: skip
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool",
}  # fmt: skip
_MAX_AXES = 64
_BESIDE = (
    "argparse.Namespace", "collections.Counter", "torch.device", "numpy.core.multiarray.scalar",
    "builtins.set", "builtins.frozenset", "builtins.bytearray", "builtins.complex",
    # what a defaultdict makes
    "builtins.list", "builtins.dict", "builtins.tuple", "builtins.int", "builtins.float",
)  # fmt: skip
_NO_ARRAYS = {
    "torch._utils._rebuild_sparse": "a sparse tensor",
    "torch._utils._rebuild_nested": "a nested tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_meta": "a tensor without numbers (on the device meta)",
    "torch.QInt": "a quantised tensor",
    "torch.QUInt": "a quantised tensor",
    "torch.qint": "a quantised tensor",
    "torch.quint": "a quantised tensor",
    "torch.Complex": "complex numbers",
    "torch.complex": "complex numbers",
    "torch.Float8": "8-bit floating point numbers",
    "torch.float8": "8-bit floating point numbers",
}


@dataclass(frozen=True, eq=False, slots=True)
class DType:
    """A type of numbers by PyTorch's name; also stands for the storage class of that type."""

    name: str

    @property
    def size(self) -> int:
        return np.dtype(STORED[self.name]).itemsize


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """The bytes ``start`` to ``start + size`` of the storage ``key``, which has ``total``."""

    key: str
    dtype: DType
    total: int
    start: int
    size: int


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A tensor's place in a storage; offset and strides count elements of ``dtype``."""

    storage: Storage
    dtype: DType
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * max(self.dtype.size, 4)  # bfloat16 becomes float32


class _OldTensor(Buildable):
    """A tensor or parameter as PyTorch before 0.4 made them.

    Its state is its place in a storage (4 values), or another tensor and flags (5), or flags (3).
    """

    def __init__(self, data: Any = None, requires_grad: Any = True) -> None:
        self.array: Tensor | None = None if data is None else _parameter(data)

    def build(self, state: Any) -> None:
        if type(state) is not tuple or len(state) not in (3, 4, 5):
            raise ValueError("the pickled data hold the state of no tensor")
        if len(state) == 4:
            self.array = _tensor(*state)
        if len(state) == 5:
            self.array = _parameter(state[0])


def as_array(value: Any) -> Tensor | np.ndarray | None:
    """A value of a checkpoint if it is an array of numbers, else None."""
    array = value.array if isinstance(value, Array | _OldTensor) else value
    if isinstance(array, np.ndarray) and array.dtype.kind not in "fiub":
        return None
    return array if isinstance(array, Tensor | np.ndarray) else None


def look_up(module: str, name: str) -> Any:
    """What a name in pickled data stands for. Raises Refused if it is none of the known ones."""
    module = {"__builtin__": "builtins", "torch.tensor": "torch._tensor"}.get(module, module)
    full = f"{module}.{name}".replace("numpy._core.", "numpy.core.")
    if full in _NAMES:
        return _NAMES[full]
    for beginning, what in _NO_ARRAYS.items():
        if full.startswith(beginning):
            _refuse(f"{what} ({short(full)})")
    raise Refused(
        f"a checkpoint must hold tensors only, got {short(full)}, a name that is not one of those "
        f"that tensors are made of; nothing was run. {WAY_OUT}"
    )


def _refuse(what: str) -> NoReturn:
    raise Refused(
        f"a checkpoint must hold plain tensors of real numbers, got {what}; convert it in the "
        "program that made the file, e.g. with tensor.to_dense(), .dequantize(), .float() or "
        ".resolve_neg()"
    )


def storage_of(identity: Any) -> Storage:
    """What a persistent id stands for: ("storage", class, key, location, elements[, view]).

    A view, of PyTorch before 0.4, is (key, first element, elements).
    """
    if type(identity) is not tuple or len(identity) not in (5, 6):
        raise ValueError("the pickled data refer to something else than a storage")
    what, dtype, key, location, count = identity[:5]
    if what != "storage" or not isinstance(dtype, DType) or type(key) is not str:
        raise ValueError("the pickled data refer to something else than a storage")
    if location == "meta":
        _refuse("a tensor without numbers (on the device meta)")
    view = identity[5] if len(identity) == 6 else None
    _, start, length = (key, 0, count) if view is None else view
    count, start, length = whole_numbers((count, start, length), "the size of a storage")
    if start + length > count:
        raise ValueError(f"a view must lie in its storage of {count}, got {start}+{length}")
    size = dtype.size
    return Storage(key, dtype, count * size, start * size, length * size)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any = False,
    hooks: Any = None, metadata: Any = None, dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """A tensor, checked to lie in its storage."""
    if not isinstance(storage, Storage):
        raise ValueError("the pickled data hold a tensor without a storage")
    if metadata:
        _refuse("a view that negates or conjugates what is stored")
    dtype = dtype or storage.dtype
    (offset,) = whole_numbers((offset,), "the offset of a tensor")
    shape = whole_numbers(shape, "the shape of a tensor")
    strides = whole_numbers(strides, "the strides of a tensor")
    if len(shape) != len(strides):
        raise ValueError(f"a tensor must have a stride for each axis, got {shape} and {strides}")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and (last + 1) * dtype.size > storage.size:
        raise ValueError(
            f"a tensor must lie in its storage of {storage.size // dtype.size} numbers, got shape "
            f"{shape}, strides {strides}, offset {offset}"
        )
    return Tensor(storage, dtype, offset, shape, strides)


def _tensor_of_type(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any,
    dtype: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    if not isinstance(dtype, DType):
        raise ValueError("the pickled data hold a tensor without a type")
    return _tensor(storage, offset, shape, strides, requires_grad, hooks, metadata, dtype)


def _parameter(data: Any, *_: Any) -> Tensor:
    tensor = as_array(data)
    if not isinstance(tensor, Tensor):
        raise ValueError("the pickled data hold a parameter without a tensor")
    return tensor


def _with_attributes(rebuild: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """A tensor on which a program set attributes; they are left out."""
    if not isinstance(rebuild, Handler) or type(arguments) is not tuple:
        raise ValueError("the pickled data hold a tensor that is none")
    if rebuild.call not in (_tensor, _tensor_of_type, _parameter):
        raise ValueError("the pickled data hold a tensor that is none")
    return rebuild.call(*arguments)


def _dict(items: Any = ()) -> dict[Any, Any]:
    pairs: Iterable[Any] = items.items() if type(items) is dict else items
    return {as_key(key): value for key, value in pairs}


def _beside(name: str) -> Handler:
    return Handler(lambda *_: Beside(name.removeprefix("builtins.")))


_NAMES: dict[str, Any] = {
    "collections.OrderedDict": Handler(_dict),
    "collections.defaultdict": Handler(lambda factory=None: {}),
    "torch.Size": Handler(lambda sizes=(): sizes),
    "torch.Tensor": Handler(_OldTensor),
    "torch.nn.parameter.Parameter": Handler(_OldTensor),
    "torch.nn.parameter.Buffer": "torch.nn.Buffer",
    "torch.storage.UntypedStorage": DType("uint8"),
    "torch._utils._rebuild_tensor": Handler(_tensor),
    "torch._utils._rebuild_tensor_v2": Handler(_tensor),
    "torch._utils._rebuild_tensor_v3": Handler(_tensor_of_type),
    "torch._utils._rebuild_parameter": Handler(_parameter),
    "torch._utils._rebuild_parameter_with_state": Handler(_parameter),
    "torch._tensor._rebuild_from_type_v2": Handler(_with_attributes),
}
_NAMES |= ARRAYS
_NAMES |= {f"torch.{name}": DType(name) for name in STORED}
_NAMES |= {name: _beside(name) for name in _BESIDE}
for _module in ("torch", "torch.cuda"):
    for _name, _dtype in _STORAGES.items():
        _NAMES[f"{_module}.{_name}Storage"] = DType(_dtype)
        _NAMES[f"{_module}.{_name}Tensor"] = Handler(_OldTensor)
