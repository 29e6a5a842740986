"""What all optimizers share: parameter groups, the loop over parameters, saving and loading."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..inplace import mark_written
from ..kernels import is_array, to_device, together
from ..tensor import Tensor


class Optimizer:
    """Base of the optimizers: an optimizer is one `update` rule and its options.

    ``params`` is an iterable of leaf Tensors (`model.parameters()`), or of dicts that are groups
    with options of their own: `[{"params": a, "lr": 0.1}, {"params": b}]`. Schedules and users may
    change the options in ``param_groups`` between steps. Parameters without a gradient are left
    alone.

    Raises ValueError for no parameters, one parameter twice, tensors that an op made and options
    out of range; TypeError for anything that is not a Tensor.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], **defaults: Any):
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        if isinstance(params, Tensor | dict) or not isinstance(params, Iterable):
            kind = type(params).__name__
            raise self._error("params must be an iterable of Tensors or of dicts", kind, TypeError)
        groups: list[Any] = list(params)
        if not groups or not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        if not self._params():
            raise self._error("there must be at least one parameter", "none")

    def update(self, w: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array ``w`` of one parameter in place, given its gradient ``g``.

        ``state`` is this parameter's memory between steps, empty at first; ``group`` has the
        options. ``g`` must stay as it is, because several parameters may share it.
        """
        raise NotImplementedError(f"{type(self).__name__}: define update(w, g, state, group)")

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        # Our own rules do not look at what they wrote; so kernels may write it at the end, at once.
        with together(type(self).update.__module__.startswith(__package__)):
            for group in self.param_groups:
                for p in group["params"]:
                    if (g := p.grad) is not None:
                        self.update(p.data, g.data, self.state.setdefault(p, {}), group)
                        mark_written(p, f"{type(self).__name__}.step")

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self._params():
            p.grad = None

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Optimize more parameters; options that the group does not give are the defaults."""
        if not isinstance(group, dict) or "params" not in group:
            raise self._error('a group must be a dict with the key "params"', group, TypeError)
        unknown = sorted(group.keys() - self.defaults.keys() - {"params"})
        if unknown:
            raise self._error(f"options must be among {', '.join(self.defaults)}", unknown)
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        self._check_params(params)
        options = {name: _plain(v) for name, v in (self.defaults | group).items()}
        self._check_options({name: options[name] for name in self.defaults})
        self.param_groups.append(options | {"params": params})

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {index: {name: array or int}}, "param_groups": [...]}`, all copies.

        Parameters are numbered in the order in which they were given; the layout is torch's.
        """
        index = {p: i for i, p in enumerate(self._params())}
        state = {index[p]: {k: _copy(v) for k, v in own.items()} for p, own in self.state.items()}
        groups = [g | {"params": [index[p] for p in g["params"]]} for g in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue exactly where the optimizer that gave ``state_dict`` stood.

        Raises ValueError, and changes nothing, if its groups or shapes are not those of this one.
        """
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= state_dict.keys():
            raise self._error('a state dict has the keys "state" and "param_groups"', state_dict)
        groups, saved = state_dict["param_groups"], state_dict["state"]
        by_index = dict(zip(self._saved_indices(groups), self._params(), strict=True))
        kinds = {type(s) for s in saved.values()} if isinstance(saved, dict) else {type(saved)}
        if not isinstance(saved, dict) or not kinds <= {dict}:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise self._error('the saved "state" must be a dict of dicts', names)
        unknown = [i for i in saved if i not in by_index]
        if unknown:
            what = f"the saved state must belong to parameters {list(by_index)} of the saved groups"
            raise self._error(what, unknown)
        self.state = {by_index[i]: self._loaded(i, by_index[i], s) for i, s in saved.items()}
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update({name: v for name, v in group.items() if name != "params"})

    def _saved_indices(self, groups: Any) -> list[int]:
        """The parameters' numbers in saved groups, which must be of the sizes of our own."""
        if not isinstance(groups, list | tuple) or not all(
            isinstance(g, dict) and isinstance(g.get("params"), list | tuple) for g in groups
        ):
            rule = 'the saved groups must be a list of dicts, each with a list "params"'
            raise self._error(rule, repr(groups))
        sizes = [len(g["params"]) for g in groups]
        own_sizes = [len(g["params"]) for g in self.param_groups]
        if sizes != own_sizes:
            raise self._error(f"the saved groups must have {own_sizes} parameters", sizes)
        indices = [i for g in groups for i in g["params"]]
        if not all(isinstance(i, int) for i in indices) or len(set(indices)) < len(indices):
            raise self._error("the saved groups must number each parameter once", indices)
        return indices

    def _loaded(self, index: int, p: Tensor, saved: dict[str, Any]) -> dict[str, Any]:
        """One parameter's saved memory as arrays of its own shape, dtype and device."""
        state: dict[str, Any] = {}
        for name, value in saved.items():
            if name == "step":
                state[name] = int(value)
                continue
            array = np.asarray(value).astype(p.dtype)  # a copy
            if array.shape != p.shape:
                what = f"{name} of parameter {index} must have shape {p.shape}"
                raise self._error(what, array.shape)
            state[name] = to_device(array, p.device)
        return state

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _check_params(self, params: list[Any]) -> None:
        known = {id(p) for p in self._params()}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise self._error(f"parameter {i} must be a Tensor", type(p).__name__, TypeError)
            if not p.is_leaf:
                way_out = "optimize what it was computed from, or detach() it"
                raise self._error(f"parameter {i} must be a leaf", f"a result of an op; {way_out}")
            if id(p) in known:
                raise self._error("each parameter must be given once", f"parameter {i} twice")
            known.add(id(p))

    def _check_options(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            for v in value if isinstance(value, tuple | list) else (value,):
                if not isinstance(v, int | float):
                    raise self._error(f"{name} must be a number", repr(v), TypeError)
                if not 0 <= v < (1 if name == "betas" else float("inf")):
                    bounds = "in [0, 1)" if name == "betas" else "at least 0 and finite"
                    raise self._error(f"{name} must be {bounds}", v)

    def _error(self, rule: str, got: Any, kind: type[Exception] = ValueError) -> Exception:
        return kind(f"{type(self).__name__}: {rule}, got {got}")


def _plain(value: Any) -> Any:
    """A NumPy scalar as a Python number: a float64 scalar would make float32 updates float64."""
    return value.item() if isinstance(value, np.generic) else value


def _copy(value: Any) -> Any:
    return to_device(value, "cpu").copy() if is_array(value) else value
