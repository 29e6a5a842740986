"""Find the state dict in what a checkpoint holds, and name its arrays."""

from collections.abc import Iterable
from typing import Any, NoReturn

from ..pickles import Refused, kind, short
from .limits import WAY_OUT
from .rebuild import as_array


def find(top: Any, key: str | None) -> dict[str, Any]:
    """The arrays by name in ``top``: a state dict, or the dict of a training run around one.

    ``key`` says which entry it is. Raises Refused if there is none, or more than one and no key.
    """
    if not isinstance(top, dict) or not top:
        what = "an empty one" if isinstance(top, dict) else kind(top)
        raise Refused(f"the arrays must be in a dict, by name, got {what}. {WAY_OUT}")
    if key is None and _is_state_dict(top):
        return _arrays(top)
    # One dict may lie in many places, so each is looked through once.
    checked = {id(value): value for value in top.values() if isinstance(value, dict)}
    good = {i for i, value in checked.items() if _is_state_dict(value)}
    inside = [name for name, value in top.items() if id(value) in good]
    wanted = [name for name in inside if key in (None, name)]
    if len(wanted) == 1:
        return _arrays(top[wanted[0]])
    if key is None and inside:
        raise Refused(
            f"one entry must be the dict of arrays, got {len(inside)}: {_some(inside)}; "
            f"say which, for instance key={short(inside[0])!r}"
        )
    _refuse(top, key, inside)


def strip(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The arrays whose names begin with ``prefix``, which is taken off; the others are left out."""
    kept = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
    if not kept or "" in kept:
        raise Refused(
            f"names must begin with prefix={prefix!r} and go on after it, got {_some(arrays)}; "
            "load the file without prefix to see all names"
        )
    return kept


def _arrays(values: dict[Any, Any]) -> dict[str, Any]:
    found = {name: as_array(value) for name, value in values.items() if type(name) is str}
    return {name: array for name, array in found.items() if array is not None}


def _others(values: dict[Any, Any]) -> dict[Any, Any]:
    """The entries that are no arrays; the `_extra_state` of a module may be anything."""
    return {
        name: value
        for name, value in values.items()
        if type(name) is not str or (as_array(value) is None and not name.endswith("_extra_state"))
    }


def _is_state_dict(values: dict[Any, Any]) -> bool:
    return not _others(values) and bool(_arrays(values))


def _refuse(top: dict[Any, Any], key: str | None, inside: list[Any]) -> NoReturn:
    """Say what is in the way: a few entries among the arrays, or that there are no arrays."""
    dicts = {id(value): (f" of {short(name)!r}", value) for name, value in top.items()
             if isinstance(value, dict) and key in (None, name)}  # fmt: skip
    tops = [("", top)] if key is None else []
    for where, values in [*tops, *dicts.values()]:
        others = _others(values)
        if len(others) < len(_arrays(values)):
            found = [f"{short(name)!r} ({kind(value)})" for name, value in others.items()]
            raise Refused(f"all entries{where} must be arrays, got {_listed(found)}. {WAY_OUT}")
    if key is not None:
        raise Refused(
            f"key={key!r} must name a dict of arrays, got {_some(inside) or 'no such entry'} "
            f"in a file with the entries {_some(top)}"
        )
    raise Refused(
        f"the arrays must be in a dict, by name, got the entries {_some(top)} and no dict of "
        f"arrays among them. {WAY_OUT}"
    )


def _some(names: Iterable[Any]) -> str:
    return _listed([repr(short(name)) for name in names])


def _listed(shown: list[str]) -> str:
    return ", ".join(shown[:4]) + (f", ... ({len(shown)} in all)" if len(shown) > 4 else "")
