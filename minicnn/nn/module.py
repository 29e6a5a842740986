"""Module: a part of a network. It holds Parameters, buffers and other Modules, and has a forward.

A module's parts are simply its attributes, found when they are asked for, also inside lists,
tuples and dicts. Their names are paths: `layers.0.weight` is `self.layers[0].weight`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from textwrap import indent
from types import SimpleNamespace
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from ..inplace import mark_written
from ..kernels import is_array, to_device
from ..tensor import Tensor, TensorLike, as_tensor

T = TypeVar("T")


class Parameter(Tensor):
    """A Tensor that is learnt: it asks for gradients and is found by its Module."""

    __slots__ = ()

    def __init__(self, data: TensorLike, requires_grad: bool = True) -> None:
        super().__init__(data.data if isinstance(data, Tensor) else data, requires_grad)


class LoadResult(NamedTuple):
    """What `load_state_dict(strict=False)` could not use or did not find."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of layers and networks. Assign the parts in ``__init__``, compute in ``forward``.

    >>> class Net(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layers = [Linear(4, 8), Linear(8, 2)]
    ...     def forward(self, x):
    ...         return self.layers[1](self.layers[0](x).relu())

    Parameters come in the order of their definition, those of a module before those of the modules
    inside it. An error inside a layer names the layer and its path in the outermost model.
    """

    training: bool
    frozen: bool = False  # behaves as in use, also after `train()`
    _buffers: dict[str, bool]  # names, and whether they are in the state dict
    _hooks: SimpleNamespace

    def __init__(self) -> None:
        hooks = SimpleNamespace(before=[], after=[])
        self.__dict__.update(training=True, _buffers={}, _hooks=hooks)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_hooks" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: super().__init__() must be called before self.{name} is "
                "assigned; make it the first line of __init__"
            )
        if isinstance(self.__dict__.get(name), Parameter) and type(value) is Tensor:
            raise TypeError(
                f"{type(self).__name__}: {name} is a Parameter and must stay one, got a Tensor; "
                f"assign Parameter(...), or change the values: self.{name}[...] = value"
            )
        if name in self._buffers and not isinstance(value, Tensor | None):
            raise TypeError(
                f"{type(self).__name__}: {name} is a buffer and must stay a Tensor or None, got "
                f"{type(value).__name__}; assign Tensor(...)"
            )
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._buffers.pop(name, None)

    def _no_forward(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, x)")

    forward: Callable[..., Any] = _no_forward

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        for hook in tuple(self._hooks.before):
            changed = hook(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        try:
            y = self.forward(*inputs, **options)
        except (ValueError, TypeError, RuntimeError, FloatingPointError) as error:
            _name_layer(error, self)
            raise
        for hook in tuple(self._hooks.after):
            changed = hook(self, inputs, y)
            y = y if changed is None else changed
        return y

    def register_forward_hook(self, hook: Callable[..., Any]) -> Callable[[], None]:
        """Call ``hook(module, inputs, output)`` after every forward.

        It may return another output. The function that is returned removes the hook.
        """
        return _added(self._hooks.after, hook)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Callable[[], None]:
        """Call ``hook(module, inputs)`` before every forward.

        It may return other inputs. The function that is returned removes the hook.
        """
        return _added(self._hooks.before, hook)

    def register_buffer(
        self, name: str, tensor: TensorLike | None, persistent: bool = True
    ) -> None:
        """Hold a Tensor that is not learnt but moves with the module (running means).

        It is in the state dict if ``persistent``. None keeps the place of a buffer that is absent.

        Raises ValueError for a name that is empty or has a dot, which separates names in a path.
        """
        if not name or "." in name:
            raise ValueError(
                f"register_buffer: a name must not be empty or have a dot, got {name!r}; "
                "choose one that can follow `self.`"
            )
        self._buffers[name] = persistent
        setattr(self, name, None if tensor is None else as_tensor(tensor))

    # Its parts

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """This module (named "") and all modules inside it, each once."""
        return _once(self._walk())

    def get_submodule(self, target: str) -> "Module":
        """The module at a path such as "layers.0". Raises ValueError where there is none."""
        paths = dict(self._walk())
        if target not in paths:
            near = get_close_matches(target, paths, 3) or list(paths)[1:4]
            raise ValueError(
                f"{type(self).__name__}: target must be the path of a module, got {target!r}; "
                f"near: {', '.join(near)}"
            )
        return paths[target]

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules one level below, each once."""
        return _once(self._members(Module))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All Parameters in the order of definition; a shared one once, under its first name."""
        return _once(
            (_join(path, name), p)
            for path, module in self._walk()
            for name, p in module._members(Parameter)
        )

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """All buffers, each once."""
        return _once(
            (_join(path, name), x)
            for path, module in self._walk()
            for name, x in module._own_buffers()
        )

    def modules(self) -> Iterator["Module"]:
        """This module and all modules inside it, each once."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator["Module"]:
        """The modules one level below, each once."""
        return (module for _, module in self.named_children())

    def parameters(self) -> Iterator[Parameter]:
        """All Parameters, each once: what an optimizer takes."""
        return (p for _, p in self.named_parameters())

    def buffers(self) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (x for _, x in self.named_buffers())

    def _members(self, kind: type[T]) -> Iterator[tuple[str, T]]:
        """The attributes of a kind, also inside lists, tuples and dicts."""
        for name, value in list(vars(self).items()):
            yield from find(name, value, kind)

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, x) for name in self._buffers if (x := getattr(self, name)) is not None)

    def _walk(
        self, path: str = "", above: tuple["Module", ...] = ()
    ) -> Iterator[tuple[str, "Module"]]:
        """This module and all inside it under every path, so a shared one several times.

        A path ends where it would come back to one of the modules ``above``.
        """
        yield path, self
        above = (*above, self)
        for name, child in self._members(Module):
            if not any(child is module for module in above):
                yield from child._walk(_join(path, name), above)

    # Switches

    def train(self, mode: bool = True) -> Self:
        """Behave as in training: dropout drops, batch norm uses the batch's own statistics.

        Modules that are ``frozen`` go on behaving as in use.
        """
        for module in self.modules():
            module.training = mode and not module.frozen
        return self

    def eval(self) -> Self:
        """Behave as in use: no dropout, batch norm uses its running statistics."""
        return self.train(False)

    def requires_grad_(self, flag: bool = True) -> Self:
        """Learn all parameters, or freeze them."""
        for p in self.parameters():
            p.requires_grad_(flag)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.grad = None

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call ``fn`` on every module inside and then on this one: for initialisation."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, device: str) -> Self:
        """Move parameters and buffers to `"cpu"` or `"cuda"`, in place; gradients are dropped.

        The Parameters stay the same objects, so an optimizer that was built before stays valid.
        """
        return self._convert("Module.to", lambda x: to_device(x, device))

    def double(self) -> Self:
        """Make floating-point parameters and buffers float64, in place as in `to`."""
        return self._convert("Module.double", lambda x: _cast(x, np.float64))

    def float(self) -> Self:
        """Make floating-point parameters and buffers float32, in place as in `to`."""
        return self._convert("Module.float", lambda x: _cast(x, np.float32))

    def _convert(self, by: str, fn: Callable[[Any], Any]) -> Self:
        for x in (*self.parameters(), *self.buffers()):
            array = fn(x.data)
            if array is not x.data:
                x.set_(array, by)
        return self

    # Saving and loading

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and persistent buffers, by name, as NumPy arrays."""
        return {key: np.array(x.numpy(), order="C") for key, x in self.named_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Copy values (arrays or Tensors) into the parameters and buffers of the same names.

        Without ``strict`` missing and unexpected keys are returned instead of raised.

        Raises ValueError that lists all missing, unexpected and wrongly shaped keys, TypeError for
        values that are not numbers; then nothing has been changed.
        """
        if not isinstance(state_dict, Mapping):
            kind = type(state_dict).__name__
            raise TypeError(f"load_state_dict: must be a mapping of names to arrays, got {kind}")
        own = dict(self.named_state())
        # Older files lack batch norm's counter, which nothing needs; torch does without it too.
        missing = [
            key for key in own
            if key not in state_dict and not key.endswith("num_batches_tracked")
        ]  # fmt: skip
        unexpected = [key for key in state_dict if key not in own]
        new = {key: _to_numpy(key, state_dict[key]) for key in own if key in state_dict}
        wrong = [f"wrong shape: {key} must be {own[key].shape}, got {array.shape}"
                 for key, array in new.items() if array.shape != own[key].shape]  # fmt: skip
        if strict:
            wrong = [
                *(f"missing: {key} {own[key].shape}" for key in missing),
                *(f"unexpected: {key} {_shape(state_dict[key])}" for key in unexpected),
                *wrong,
            ]
        if wrong:
            lines = "\n  ".join(["", *wrong])
            name = type(self).__name__
            raise ValueError(f"load_state_dict: the entries must be those of {name}, got{lines}")
        for key, array in new.items():
            x = own[key]
            x.data[...] = to_device(array.astype(x.dtype, copy=False), x.device)
            mark_written(x, "load_state_dict")
        return LoadResult(missing, unexpected)

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters and persistent buffers: what is in the state dict, in torch's order."""
        for path, module in self._walk():
            for name, p in module._members(Parameter):
                yield _join(path, name), p
            for name, x in module._own_buffers():
                if module._buffers[name]:
                    yield _join(path, name), x

    # Its text

    def extra_repr(self) -> str:
        """What `repr` shows between the brackets besides the modules inside."""
        return ""

    def __repr__(self) -> str:
        name, extra = type(self).__name__, self.extra_repr()
        children = [f"({path}): {child!r}" for path, child in self._members(Module)]
        if not children:
            return f"{name}({extra})"
        body = "\n".join([extra, *children] if extra else children)
        return f"{name}(\n{indent(body, '  ')}\n)"


def _name_layer(error: Any, model: Module) -> None:
    """Append to the message which layer raised it, with its path in ``model``.

    Runs at every level that the error passes on its way out; the outermost model has the last word.
    """
    if not hasattr(error, "layer"):
        if len(error.args) != 1 or not isinstance(error.args[0], str):
            return
        error.layer, error.message = model, error.args[0]
    layer = error.layer
    text = type(layer).__name__ if list(layer.children()) else repr(layer)
    for path, module in model.named_modules():
        if module is layer:
            where = f'"{path}": {text}' if path else text
            error.args = (f"{error.message} (in layer {where})",)


def find(name: str, value: Any, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Everything of a kind in nested lists, tuples and dicts, with its path."""
    if isinstance(value, kind):
        yield name, value
    elif isinstance(value, list | tuple | dict):
        for key, v in value.items() if isinstance(value, dict) else enumerate(value):
            yield from find(f"{name}.{key}", v, kind)


def _once(named: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Without those that came before under another name."""
    seen = set()
    for name, x in named:
        if id(x) not in seen:
            seen.add(id(x))
            yield name, x


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _added(hooks: list[Callable[..., Any]], hook: Callable[..., Any]) -> Callable[[], None]:
    hooks.append(hook)
    return lambda: hooks.remove(hook) if hook in hooks else None


def _cast(x: Any, dtype: Any) -> Any:
    return x.astype(dtype, copy=False) if x.dtype.kind == "f" else x


def _shape(value: Any) -> tuple[int, ...] | str:
    try:
        return np.shape(value)
    except ValueError:
        return f"a {type(value).__name__} of rows of unequal length"


def _to_numpy(key: str, value: Any) -> np.ndarray:
    array = value.numpy() if isinstance(value, Tensor) else value
    if isinstance(_shape(array), str):
        raise TypeError(f"load_state_dict: {key} must be numbers, got {_shape(array)}")
    array = to_device(array, "cpu") if is_array(array) else np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"load_state_dict: {key} must be numbers, got {array.dtype}")
    return array
