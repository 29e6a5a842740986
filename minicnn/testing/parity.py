"""Parity: is a net the same as a reference, and if not, which layer is the first that differs?

The reference is a `torch.nn` module whose parts have the same paths as ours, such as torchvision's
nets, or what such a net computed once (golden.py).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..modes import no_grad
from ..tensor import Tensor
from .golden import Golden, fingerprint, seeded_state

# The largest relative difference that rounding explains. It grows from layer to layer: ResNet-152
# with random weights makes 1e-11 of it in float64, and 3e-3 in float32.
TOLERANCES = {"float64": 1e-8, "float32": 1e-2}

See = Callable[[str, int, Any, np.ndarray], None]


class LayerDifference(NamedTuple):
    """How far one call of a layer is from the reference.

    ``max_abs`` is the largest absolute difference, ``relative`` that in units of the reference's
    largest absolute value; both are inf where the shapes differ. ``call`` counts from 0.
    """

    path: str
    type: str
    shape: tuple[int, ...]
    max_abs: float
    relative: float
    call: int
    expected_shape: tuple[int, ...]


def compare_layers(ours: nn.Module, theirs: Any, x: np.ndarray) -> list[LayerDifference]:
    """Run our net and a `torch.nn.Module` on ``x``, in eval mode, and compare layer by layer.

    Layers and blocks are compared that both have at the same path, in the order of our calls; one
    that is called several times, call by call. Where shapes have gone apart and our net cannot go
    on, the list ends.
    """
    import torch

    expected: dict[tuple[str, int], np.ndarray] = {}

    def keep(path: str, call: int, _: Any, y: np.ndarray) -> None:
        expected[path, call] = y

    def compare(path: str, call: int, kind: str, y: np.ndarray) -> LayerDifference | None:
        want = expected.pop((path, call), None)
        if want is None:
            return None
        distance = float(abs(y - want).max(initial=0)) if y.shape == want.shape else np.inf
        size = float(abs(want).max(initial=0))
        return _difference(path, kind, y.shape, distance, size, call, want.shape)

    theirs.eval()
    try:
        with torch.no_grad(), watching(theirs, keep):
            theirs(torch.from_numpy(x))
    except Exception:
        _run(ours, x, lambda *_: None)  # images that fit neither are refused in our words
        raise
    return _run(ours, x, compare)


def compare_golden(ours: nn.Module, golden: Golden, x: np.ndarray) -> list[LayerDifference]:
    """Compare our net, with the weights of `seed_weights`, with golden values, as `compare_layers`.

    The differences are those of the layers' fingerprints, relative to the mean absolute value; for
    the whole net they are those of the first logits.
    """
    calls: Counter[str] = Counter()
    expected = {}
    for layer in golden.layers:
        expected[layer.path, calls[layer.path]] = layer
        calls[layer.path] += 1

    def compare(path: str, call: int, kind: str, y: np.ndarray) -> LayerDifference | None:
        want = expected.get((path, call))
        if want is None:
            return None
        distance, size = np.inf, want.size
        if y.shape == want.shape and path:
            distance = abs(fingerprint(y)[1] - want.projection)
        elif y.shape == want.shape:
            distance = abs(y[:, : golden.logits.shape[1]] - golden.logits).max()
            size = abs(golden.logits).max()
        return _difference(path, kind, y.shape, float(distance), float(size), call, want.shape)

    return _run(ours, x, compare)


def compare_gradients(
    ours: nn.Module, theirs: Any, x: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """The relative difference |a - b| / |b| of every parameter's gradient, and of the images'.

    Gradients of sum c y with random numbers c, in eval mode, where all parameters learn.
    """
    import torch

    ours.eval()
    theirs.eval()
    mine, his = Tensor(x, requires_grad=True), torch.from_numpy(x).requires_grad_()
    y, expected = ours(mine), theirs(his)
    c = np.random.default_rng(seed).standard_normal(y.shape).astype(x.dtype)
    (y * c).sum().backward()
    (expected * torch.from_numpy(c)).sum().backward()
    found: dict[str, Tensor] = {"images": mine, **dict(ours.named_parameters())}
    return {
        key: _relative_distance(found[key], b)
        for key, b in [("images", his), *theirs.named_parameters()]
        if b.grad is not None  # auxiliary heads have none in eval mode
    }


def _relative_distance(a: Tensor, b: Any) -> float:
    if a.grad is None:
        return np.inf
    want = b.grad.numpy()
    distance, size = float(np.linalg.norm(a.grad.numpy() - want)), float(np.linalg.norm(want))
    return distance / max(size, 1e-300)


def first_difference(
    rows: Iterable[LayerDifference], tolerance: float = TOLERANCES["float64"]
) -> LayerDifference | None:
    """The first layer whose relative difference is more than ``tolerance``, or not a number."""
    return next((row for row in rows if not row.relative <= tolerance), None)


def seed_weights(model: nn.Module, x: np.ndarray, seed: int = 0) -> None:
    """Give a model the weights of `seeded_state`, and batch norms the statistics of ``x``.

    With them activations keep a sane size through a hundred layers. The model is in eval mode
    afterwards.
    """
    shapes = {key: (value.shape, value.dtype) for key, value in model.named_state()}
    model.load_state_dict(seeded_state(shapes, seed))
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    # Shapes that do not fit are for the comparison to report: it knows where they began.
    with suppress(ValueError), no_grad():
        model(Tensor(x))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.eval()
        norm.momentum = momentum


@contextmanager
def watching(net: Any, see: See) -> Iterator[None]:
    """Inside, call ``see(path, call, type, output)`` after every forward of a part of ``net``.

    ``net`` is ours or torch's. The output is a copy in float64, since torch's layers may work in
    place; of several outputs it is the first.
    """
    calls: Counter[str] = Counter()

    def seen(path: str, module: Any, _: Any, output: Any) -> None:
        y = output[0] if isinstance(output, tuple) else output
        if hasattr(y, "numpy"):
            call = calls[path]
            calls[path] += 1
            see(path, call, type(module).__name__, np.array(y.numpy(), np.float64))

    hooks = [m.register_forward_hook(partial(seen, path)) for path, m in net.named_modules()]
    try:
        yield
    finally:
        for hook in hooks:  # ours are functions, torch's are objects
            getattr(hook, "remove", hook)()


def _run(
    ours: nn.Module, x: np.ndarray, compare: Callable[..., LayerDifference | None]
) -> list[LayerDifference]:
    rows: list[LayerDifference] = []

    def see(*call: Any) -> None:
        row = compare(*call)
        if row is not None:
            rows.append(row)

    ours.eval()
    try:
        with no_grad(), watching(ours, see):
            ours(Tensor(x))
    except ValueError:
        if all(row.shape == row.expected_shape for row in rows):
            raise
    return rows


def _difference(
    path: str, kind: str, shape: tuple[int, ...], distance: float, size: float, *rest: Any
) -> LayerDifference:
    nothing = 0.0 if distance == 0 else np.inf
    relative = distance / size if size else nothing
    return LayerDifference(path, kind, shape, distance, relative, *rest)


# The nets of torchvision

_OPERATORS: list[Any] = []  # a torch.library.Library takes its operators along when it dies


def import_torchvision() -> Any:
    """The module torchvision, or None where it or torch is not installed."""
    try:
        import torchvision
    except ImportError:
        return None
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        _declare_operators()
        import torchvision
    return torchvision


def _declare_operators() -> None:
    """Declare two compiled operators, by name alone.

    A torchvision that was built for another torch (for CUDA, where torch is for the CPU) cannot
    load its compiled part, and its import fails because it describes these two. Classifiers are
    Python and need neither.
    """
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _OPERATORS.append(library)


def torchvision_names() -> list[str]:
    """The classifiers of torchvision; none where it or torch is not installed."""
    torchvision = import_torchvision()
    return torchvision.models.list_models(module=torchvision.models) if torchvision else []


def torchvision_net(name: str, state: Mapping[str, np.ndarray], **options: Any) -> Any:
    """torchvision's classifier of that name and options, with the weights ``state``.

    Raises RuntimeError where ``state`` has not the very entries of the net.
    """
    import torch

    models = import_torchvision().models
    # These two draw their weights slowly, and warn that they do.
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    with torch.device("meta"):  # no memory for weights that are replaced at once
        net = models.get_model(name, **options)
    net.load_state_dict({key: torch.from_numpy(a) for key, a in state.items()}, assign=True)
    return net
