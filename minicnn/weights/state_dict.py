"""Find the state dict in what a checkpoint holds, and name its arrays."""

from collections.abc import Iterable
from typing import Any

from .rebuild import is_array, short
from .unpickle import Refused


def find(top: Any, key: str | None) -> dict[str, Any]:
    """The arrays by name in ``top``: a state dict, or the dict of a training run around one.

    ``key`` says which entry it is. Raises Refused if there is none, or more than one and no key.
    """
    if not isinstance(top, dict):
        what = "one tensor" if is_array(top) else f"a {type(top).__name__}"
        raise Refused(
            f"the arrays must be in a dict, by name, got {what}; save model.state_dict() instead"
        )
    # One dict may lie in many places, so each is looked through once.
    checked = {id(value): value for value in top.values() if isinstance(value, dict) and value}
    good = {i for i, value in checked.items() if _is_state_dict(value)}
    inside = [name for name, value in top.items() if id(value) in good]
    if key is not None:
        if key not in inside:
            raise Refused(
                f"key={key!r} must name a dict of arrays, got {_some(inside) or 'no such entry'} "
                f"in a file with the entries {_some(top) or 'none'}"
            )
        return top[key]
    if _is_state_dict(top):
        return top
    if len(inside) == 1:
        return top[inside[0]]
    if inside:
        raise Refused(
            f"one entry must be the dict of arrays, got {len(inside)}: {_some(inside)}; "
            f"say which, for instance key={short(inside[0])!r}"
        )
    raise Refused(
        f"the arrays must be in a dict, by name, got the entries {_some(top)} and no dict of "
        "arrays among them; save model.state_dict() instead"
    )


def strip(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The arrays without the beginning ``prefix`` of their names, which all must have."""
    others = [name for name in arrays if not name.startswith(prefix)]
    if others:
        raise Refused(
            f"all names must begin with prefix={prefix!r}, got {len(others)} of {len(arrays)} that "
            f"do not: {_some(others)}; load the file without prefix to see all names"
        )
    return {name.removeprefix(prefix): array for name, array in arrays.items()}


def _is_state_dict(values: dict[Any, Any]) -> bool:
    return all(type(name) is str and is_array(value) for name, value in values.items())


def _some(names: Iterable[Any]) -> str:
    shown = [repr(short(name)) for name in names]
    return ", ".join(shown[:4]) + (f", ... ({len(shown)} in all)" if len(shown) > 4 else "")
