"""One small call of every public op, for checks that go over all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import ops
from ..modes import no_grad
from ..tensor import Tensor
from .gradcheck import gradcheck, gradgradcheck
from .report import Report

Array = np.ndarray


@dataclass(frozen=True)
class Example:
    """A call of one op.

    ``inputs`` are given in order, the last ones by name where ``keywords`` names them, and then
    what is in ``after``. Those whose position is in ``fixed`` (running statistics) and integers get
    no gradient. ``as_list``: the op takes a list of tensors.
    """

    op: str
    inputs: tuple[Array, ...]
    options: dict[str, Any] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    after: tuple[Any, ...] = ()
    fixed: tuple[int, ...] = ()
    as_list: bool = False

    @property
    def __name__(self) -> str:
        return self.op

    def arguments(self, xs: Iterable[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments, with ``xs`` for the inputs."""
        xs = list(xs)
        split = len(xs) - len(self.keywords)
        named = dict(zip(self.keywords, xs[split:], strict=True))
        args = [xs] if self.as_list else xs[:split]
        return [*args, *self.after], self.options | named

    def __call__(self, *xs: Tensor) -> Any:
        args, named = self.arguments(xs)
        return getattr(ops, self.op)(*args, **named)

    def tensors(self, dtype: Any = np.float64) -> list[Tensor]:
        """The inputs as leaves; the floating-point ones in ``dtype``."""
        return [
            Tensor(a.copy(order="K").astype(dtype, copy=False), i not in self.fixed)
            if a.dtype.kind == "f" else Tensor(a)
            for i, a in enumerate(self.inputs)
        ]  # fmt: skip


def examples() -> dict[str, Example]:
    """An example of every public op, by name."""
    groups = (_elementwise, _reductions, _shapes, _products, _pools, _norms, _losses)
    return {e.op: e for group in groups for e in group(np.random.default_rng(0))}


Checked = tuple[str, Report | None, Report | None]


def check_ops(names: Iterable[str] | None = None) -> Iterator[Checked]:
    """Yield (op, gradcheck, gradgradcheck) for each op, all by default; None without gradient.

    Raises ValueError for a name that is no op.
    """
    known = examples()
    for name in known if names is None else names:
        if name not in known:
            raise ValueError(f"gradcheck: no op is called {name!r}; see minicnn.ops.__all__")
        example = known[name]
        if not _has_gradient(example):
            yield name, None, None
            continue
        xs = example.tensors()
        first = gradcheck(example, xs, raise_exception=False)
        yield name, first, gradgradcheck(example, xs, raise_exception=False)


def _has_gradient(example: Example) -> bool:
    with no_grad():
        y = example(*example.tensors())
    return any(part.dtype.kind == "f" for part in (y if isinstance(y, tuple) else (y,)))


def _elementwise(rng: np.random.Generator) -> Iterator[Example]:
    x, y = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    row, positive = rng.standard_normal(4), 0.5 + rng.random((3, 4))
    for name in ("abs", "elu", "erf", "exp", "gelu", "hardsigmoid", "hardswish", "leaky_relu",
                 "neg", "relu", "sigmoid", "silu", "softplus", "tanh"):  # fmt: skip
        yield Example(name, (x,))
    for name in ("log", "sqrt"):
        yield Example(name, (positive,))
    for name in ("add", "sub", "mul", "maximum", "minimum", "equal", "not_equal", "greater",
                 "greater_equal", "less", "less_equal"):  # fmt: skip
        yield Example(name, (x, row))
    yield Example("div", (x, positive))
    yield Example("pow", (positive, y))
    yield Example("where", (x > 0, x, y))
    yield Example("clip", (x,), {"min": -0.5, "max": 0.8})
    yield Example("hardtanh", (x,), {"min_val": -0.5, "max_val": 0.8})
    yield Example("relu6", (4 * x,))
    yield Example("astype", (x,), {"dtype": np.float64})
    for name in ("dropout", "drop_path"):
        yield Example(name, (x,), {"p": 0.4})
    yield Example("dropout2d", (rng.standard_normal((2, 3, 2, 2)),), {"p": 0.4})


def _reductions(rng: np.random.Generator) -> Iterator[Example]:
    x = rng.standard_normal((2, 3, 4))
    for name in ("sum", "mean", "var", "max", "min", "argmax", "softmax", "log_softmax",
                 "logsumexp"):  # fmt: skip
        yield Example(name, (x,), {"dim": 1})


def _shapes(rng: np.random.Generator) -> Iterator[Example]:
    x, y = rng.standard_normal((2, 1, 3)), rng.standard_normal((2, 1, 3))
    yield Example("reshape", (x,), after=((3, 2),))
    yield Example("permute", (x,), after=((2, 0, 1),))
    yield Example("transpose", (x,), {"dim0": 0, "dim1": 2})
    yield Example("flatten", (x,), {"start_dim": 1})
    yield Example("squeeze", (x,), {"dim": 1})
    yield Example("unsqueeze", (x,), {"dim": 1})
    yield Example("expand", (x,), after=((2, 4, 3),))
    yield Example("concat", (x, y), {"dim": 1}, as_list=True)
    yield Example("stack", (x, y), {"dim": 1}, as_list=True)
    yield Example("split", (x,), {"split_size": 2, "dim": 2})
    yield Example("pad", (x,), {"pad": (1, 2, 0, 1), "value": 0.5})
    yield Example("crop", (x,), {"pad": (1, 0)})
    yield Example("gather", (x, np.array([[[2, 0]], [[1, 1]]])), {"dim": 2}, ("index",))
    yield Example("getitem", (x,), {"key": (..., [2, 0, 2])})


def _products(rng: np.random.Generator) -> Iterator[Example]:
    x, bias = rng.standard_normal((2, 4, 5, 3)), rng.standard_normal(4)
    rows = rng.standard_normal((3, 5))
    yield Example("matmul", (rng.standard_normal((2, 3)), rng.standard_normal((3, 4))))
    yield Example("linear", (rows, rng.standard_normal((4, 5)), bias))
    weight = rng.standard_normal((4, 2, 3, 2))
    yield Example("conv2d", (x, weight, bias), {"stride": (2, 1), "padding": 1, "groups": 2})
    stamp = rng.standard_normal((4, 1, 3, 2))
    yield Example("conv_transpose2d", (x, stamp, bias[:2]), {"stride": 2, "groups": 2})
    yield Example("depthwise_conv2d", (x, stamp, bias), {"padding": "same"})


def _pools(rng: np.random.Generator) -> Iterator[Example]:
    x = rng.standard_normal((2, 2, 5, 4))
    for name in ("max_pool2d", "avg_pool2d"):
        yield Example(name, (x,), {"kernel_size": (3, 2), "stride": 2, "padding": 1})
    for name in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        yield Example(name, (x,), {"output_size": (2, 3)})
    for name in ("global_avg_pool2d", "global_max_pool2d"):
        yield Example(name, (x,))


def _norms(rng: np.random.Generator) -> Iterator[Example]:
    x = rng.standard_normal((3, 4, 2, 2))
    weight, bias = rng.standard_normal(4), rng.standard_normal(4)
    running = (rng.standard_normal(4), 0.5 + rng.random(4))
    pair = ("weight", "bias")
    yield Example("batch_norm", (x, *running, weight, bias), {"training": True}, fixed=(1, 2))
    last = (rng.standard_normal((2, 2)), rng.standard_normal((2, 2)))
    yield Example("layer_norm", (x, *last), {"normalized_shape": (2, 2)}, pair)
    yield Example("group_norm", (x, weight, bias), {"num_groups": 2}, pair)
    yield Example("local_response_norm", (x,), {"size": 3, "alpha": 0.5})


def _losses(rng: np.random.Generator) -> Iterator[Example]:
    x, target = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    probability, truth = 0.1 + 0.8 * rng.random((4, 3)), rng.random((4, 3))
    labels = np.array([0, 2, 1, 2])
    for name in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"):
        yield Example(name, (x, target))
    for name in ("cross_entropy", "nll_loss", "focal_loss"):
        yield Example(name, (x, labels))
    yield Example("binary_cross_entropy", (probability, truth))
    for name in ("binary_cross_entropy_with_logits", "sigmoid_focal_loss"):
        yield Example(name, (x, truth))
