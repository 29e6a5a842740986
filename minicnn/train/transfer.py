"""Transfer learning: what learns, how fast, and a head for other classes.

    model = models.create("resnet18", weights="IMAGENET1K_V1")
    replace_head(model, 5)
    freeze(model, "*")
    unfreeze(model, "fc")                                  # learn the head alone
    unfreeze(model, "layer4")                              # later: the last stage too
    optim.SGD(parameter_groups(model, lr=0.01), momentum=0.9)  # early layers learn slower

A pattern is a shell pattern (`fnmatch`) for names such as "layer1.0.conv1.weight", or for the path
of a module, which stands for all that is inside: "layer1" is "layer1.*".
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from .. import nn, random

_CONTAINERS = (nn.Sequential, nn.ModuleList)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def freeze(model: nn.Module, *patterns: str) -> list[str]:
    """Stop learning the parameters whose names fit; returns their names.

    They ask for no gradients, so no optimizer touches them, and nothing is recorded or computed
    backward below the first layer that learns. A module whose parameters are all frozen behaves as
    in use, with all inside it, also after `model.train()`: its batch norms keep their running
    statistics and normalise with them, its dropouts drop nothing.

    Raises ValueError for a pattern that fits nothing, naming what is near.
    """
    return _switch(model, patterns, False)


def unfreeze(model: nn.Module, *patterns: str) -> list[str]:
    """Learn the parameters whose names fit (again); returns their names. Undoes `freeze`."""
    return _switch(model, patterns, True)


def matching(model: nn.Module, patterns: tuple[str, ...]) -> list[str]:
    """The names of parameters and buffers that a pattern fits, in the model's order.

    Raises ValueError for no pattern and for one that fits nothing, TypeError for one that is no
    text.
    """
    if not patterns:
        raise ValueError('freeze: there must be a pattern, got none; "*" stands for everything')
    names = [name for name, _ in (*model.named_parameters(), *model.named_buffers())]
    fitting: set[str] = set()
    for pattern in patterns:
        if not isinstance(pattern, str):
            kind = type(pattern).__name__
            raise TypeError(f"freeze: a pattern must be a text, got {kind}; unpack a list with *")
        found = {name for name in names if any(fnmatchcase(p, pattern) for p in _paths(name))}
        if not found:
            raise _nothing_fits(model, pattern, names)
        fitting |= found
    return [name for name in names if name in fitting]


def replace_head(model: Any, num_classes: int, seed: int = 0) -> Any:
    """Give a model of `minicnn.models` a fresh head for ``num_classes``, drawn from ``seed``.

    The library's random numbers go on as if nothing had been drawn. Returns the model; build its
    optimizer afterwards, since the head has new parameters. A frozen model stays frozen but for
    the head.

    Raises TypeError for a model that does not know its head, ValueError for fewer than one class.
    """
    if not hasattr(model, "replace_head"):
        raise TypeError(
            f"replace_head: the model must be one of minicnn.models, got {type(model).__name__}; "
            "assign the new layer yourself: net.fc = nn.Linear(features, classes)"
        )
    if num_classes < 1:
        raise ValueError(f"replace_head: num_classes must be at least 1, got {num_classes}")
    state = random.get_state()
    random.manual_seed(seed)
    try:
        return model.replace_head(num_classes)
    finally:
        random.set_state(state)


def parameter_groups(
    model: nn.Module, lr: float, decay: float = 0.8, factors: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Groups for an optimizer in which layers learn the slower the earlier they come.

        lr_d = lr decay^d,  d = 0 for the head, 1 for the block before it, ...

    or, with ``factors``, lr times the number at the first pattern that fits a parameter, and ``lr``
    itself for the rest: `{"features.*": 0.1}`. Frozen parameters are in the groups too, so that
    they can be unfrozen later.

    Raises ValueError for a decay outside (0, 1] and for a pattern that fits nothing.
    Paper: Howard, Ruder, "Universal language model fine-tuning for text classification", 2018,
    section 3.2 (decay 1 / 2.6 per layer there).
    """
    if not 0 < decay <= 1:
        raise ValueError(f"parameter_groups: decay must be in (0, 1], got {decay}; 1 for one lr")
    by_lr: dict[float, list[Any]] = {}
    scale = _by_depth(model, decay) if factors is None else _by_pattern(model, factors)
    for name, p in model.named_parameters():
        by_lr.setdefault(lr * scale[name], []).append(p)
    return [{"params": params, "lr": rate} for rate, params in sorted(by_lr.items())]


def _switch(model: nn.Module, patterns: tuple[str, ...], learns: bool) -> list[str]:
    chosen = matching(model, patterns)
    parameters = dict(model.named_parameters())
    names = [name for name in chosen if name in parameters]
    for name in names:
        parameters[name].requires_grad_(learns)
    owners = {name.rpartition(".")[0] for name in chosen}
    for path, module in model.named_modules():
        has_parameters, has_buffers = bool(list(module.parameters())), bool(list(module.buffers()))
        if has_parameters or not has_buffers:
            module.frozen = False
        elif path in owners:  # a batch norm without weights changes only where it is named
            module.frozen = not learns
    for module in model.modules():
        ours = list(module.parameters())
        if module is not model and ours and not any(p.requires_grad for p in ours):
            for inner in module.modules():
                inner.frozen = True
    model.train(model.training)
    return names


def _paths(name: str) -> Iterator[str]:
    """a, a.b and a.b.c of "a.b.c" """
    parts = name.split(".")
    return (".".join(parts[: i + 1]) for i in range(len(parts)))


def _nothing_fits(model: nn.Module, pattern: str, names: list[str]) -> ValueError:
    paths = list(dict.fromkeys(path for name in names for path in _paths(name)))
    near = get_close_matches(pattern.strip("*."), paths, 3, cutoff=0.6)
    parts = [name for name, module in model.named_children() if _size(module)]
    hint = ", ".join(dict.fromkeys([*near, *parts[:3], *parts[-3:]]))
    return ValueError(
        f"freeze: a pattern must fit a parameter of {type(model).__name__}, got {pattern!r}; "
        f"near: {hint}"
    )


def _by_pattern(model: nn.Module, factors: Mapping[str, float]) -> dict[str, float]:
    scale = dict.fromkeys((name for name, _ in model.named_parameters()), 1.0)
    for pattern in reversed(list(factors)):  # the first one has the last word
        scale |= dict.fromkeys(matching(model, (pattern,)), factors[pattern])
    return scale


def _by_depth(model: nn.Module, decay: float) -> dict[str, float]:
    """The factor of each parameter; heads, wherever they stand, are at depth 0."""
    heads = tuple(getattr(model, "head_paths", ()))
    numbers = _blocks(model)
    body = {path: i for path, i in numbers.items() if path not in heads}
    last = max(body.values(), default=0) + bool(heads)
    scale = {}
    for name, _ in model.named_parameters():
        # A parameter of the model itself (a class token) belongs to its beginning.
        number = next((body[path] for path in _paths(name) if path in body), 0)
        is_head = any(path in heads for path in _paths(name))
        scale[name] = 1.0 if is_head else decay ** (last - number)
    return scale


def _blocks(model: nn.Module) -> dict[str, int]:
    """The model's layers and blocks that have parameters, numbered from 0 in their order.

    Containers are opened, and so is a module that holds more than half of all parameters, such as
    a transformer's encoder. A norm has the number of the layer before it.
    """
    total = _size(model)
    numbers: dict[str, int] = {}

    def visit(path: str, module: nn.Module) -> None:
        for name, child in module.named_children():
            inside = f"{path}.{name}" if path else name
            large = _size(child) > total / 2 and any(map(_size, child.children()))
            if type(child) in _CONTAINERS or large:
                visit(inside, child)
            elif _size(child):
                last = max(numbers.values(), default=-1)
                numbers[inside] = max(last + (type(child) not in _NORMS), 0)

    visit("", model)
    return numbers


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
