"""Modules made of modules."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

from .blocks import in_turn
from .module import Module


class _Numbered(Module):
    """Modules one after the other, as attributes named 0, 1, ... or as they were named."""

    def _layers(self) -> dict[str, Module]:
        return {name: m for name, m in vars(self).items() if isinstance(m, Module)}

    def _add(self, name: str, module: Any) -> None:
        who = type(self).__name__
        if not isinstance(module, Module):
            kind = type(module).__name__
            way_out = "; unpack it with *" if isinstance(module, list | tuple) else ""
            raise TypeError(f"{who}: item {name} must be a Module, got {kind}{way_out}")
        if not name or "." in name or hasattr(self, name):
            raise ValueError(f"{who}: a name must be new, without dots, no method, got {name!r}")
        setattr(self, name, module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self._add(str(len(self)), module)
        return self

    def __len__(self) -> int:
        return len(self._layers())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers().values())

    def __getitem__(self, i: int | slice) -> Any:
        """A module, or for a slice a container of the same modules."""
        return list(self)[i]

    def __setitem__(self, i: int, module: Module) -> None:
        setattr(self, list(self._layers())[i], module)


class Sequential(_Numbered):
    """y = last(... second(first(x))). Takes modules, or one dict of names and modules."""

    def __init__(self, *layers: Module | dict[str, Module]) -> None:
        super().__init__()
        is_named = len(layers) == 1 and isinstance(layers[0], dict)
        named: Any = layers[0] if is_named else dict(enumerate(layers))
        for name, layer in named.items():
            self._add(str(name), layer)

    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):
            return Sequential(dict(list(self._layers().items())[i]))
        return super().__getitem__(i)

    def forward(self, x: Any) -> Any:
        return in_turn(list(self), x)


class ModuleList(_Numbered):
    """A list whose modules are found; a plain list as an attribute does the same."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def __getitem__(self, i: int | slice) -> Any:
        found = super().__getitem__(i)
        return ModuleList(found) if isinstance(i, slice) else found
