"""Which layer made the first number that is not finite."""

from collections.abc import Iterable
from typing import Any

from ..kernels import array_module
from ..modes import no_grad
from ..nn import Module
from ..tensor import Tensor


def explain_bad_loss(model: Module, x: Tensor, value: float, where: str, lr: float) -> str:
    """Run the batch ``x`` again, look at every layer's numbers, and say what is wrong.

    ``where`` names the epoch and the step, ``value`` is the loss that came out.
    """
    cause = _first_cause(model, x)
    return f"fit: the loss must be finite, got {value} in {where}; {cause}\n{_way_out(lr)}"


def check_parameters(model: Module, where: str, lr: float) -> None:
    """Raise FloatingPointError if a parameter is no longer finite.

    The last step of a training has no next loss that would show it.
    """
    bad = [name for name, p in model.named_parameters() if not _finite([p])]
    if bad:
        raise FloatingPointError(
            f"fit: the parameters must be finite, got NaN or Inf in {bad[0]} ({len(bad)} "
            f"parameters in all) after {where}\n{_way_out(lr)}"
        )


def _way_out(lr: float) -> str:
    return f"Lower the learning rate (now {lr:.3g}) or clip the gradients"


def _first_cause(model: Module, x: Tensor) -> str:
    if not _finite([x]):
        return "the images of this batch already hold NaN or Inf"
    findings: list[str] = []

    def look(path: str, layer: Module, inputs: tuple[Any, ...], y: Any) -> None:
        bad = [name for name, p in layer.named_parameters() if not _finite([p])]
        if bad:
            what = f"whose {' and '.join(bad)} an earlier step had already made NaN or Inf"
        elif not _finite(inputs):
            what = "whose input came in as NaN or Inf from an op between the layers"
        elif not _finite([y]):
            what = "whose output is NaN or Inf for finite input" + _sizes(layer)
        else:
            return
        text = type(layer).__name__ if any(layer.children()) else repr(layer)
        findings.append(
            f'the first layer at fault is "{path or "the model itself"}": {text}, {what}'
        )

    # The hook of a module runs after those of the modules inside it.
    removers = [
        m.register_forward_hook(lambda m, inputs, y, path=path: look(path, m, inputs, y))
        for path, m in model.named_modules()
    ]
    try:
        with no_grad():
            model(x)
    finally:
        for remove in removers:
            remove()
    return findings[0] if findings else "all outputs are finite, so the loss itself made it"


def _sizes(layer: Module) -> str:
    """How large the parameters are: too large ones are the usual cause."""
    largest = [float(abs(p.data).max()) for p in layer.parameters()]
    return f" and parameters up to {max(largest):.2g}" if largest else ""


def _finite(values: Iterable[Any]) -> bool:
    return all(
        bool(array_module(v.data).isfinite(v.data).all()) for v in values if isinstance(v, Tensor)
    )
