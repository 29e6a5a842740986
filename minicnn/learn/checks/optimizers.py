"""Lesson 08: an optimizer of many arrays, step by step against the library's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...optim import Adam
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

SECTION = "A state for every parameter"
STEPS = 10
BUGS = (
    Bug(
        "state-shared", "all parameters use one state", 8, SECTION,
        ("Whose history does the second parameter see?",
         "Each parameter has averages of its own.",
         "Look at which state is handed to the rule, and where the new one is put."),
        ("C87",),
    ),
    Bug(
        "steps-of-parameters", "the step is counted once for every parameter", 8, SECTION,
        ("How large is t after one step of a network with three parameters?",
         "All parameters make their step number t together.",
         "Look at where the counter goes up: inside the loop or before it?"),
        ("C86",),
    ),
    Bug(
        "first-parameter-only", "only the first parameter is updated", 8, SECTION,
        ("How often is the body of your loop run?",
         "Every parameter has a gradient, and makes a step.",
         "Look for what ends the loop early."),
    ),
    Bug(
        "parameter-in-state", "the new parameter is kept as the first row of the state", 8, SECTION,
        ("How many rows has the result of a step, and how many the state?",
         "The parameter is on top of the two averages.",
         "Look at which rows you put back into the state."),
    ),
    Bug(
        "options-ignored", "the options of the optimizer are not used", 8, SECTION,
        ("What changes when the optimizer is made with another learning rate?",
         "The options were stored when the optimizer was made.",
         "Look at the numbers that are handed to the rule."),
    ),
)  # fmt: skip

Arrays = list[np.ndarray]
Gradients = Callable[[Arrays], Arrays]


def _moved(param: np.ndarray, grad: np.ndarray, state: np.ndarray, t: int, **options: Any) -> Any:
    """Adam's step: the change, m, v."""
    (beta1, beta2), lr, eps = options["betas"], options["lr"], options["eps"]
    m, v = beta1 * state[0] + (1 - beta1) * grad, beta2 * state[1] + (1 - beta2) * grad * grad
    root = np.sqrt(v / np.float64(1 - beta2**t))
    return param - lr * (m / np.float64(1 - beta1**t)) / (root + eps), np.stack([m, v])


class Reference:
    """Adam with one bug, which is named after the vocabulary; "" for none."""

    bug = ""

    def __init__(
        self, params: Any, lr: float = 0.001, betas: Any = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self.params, self.t = list(params), 0
        usual = {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8}
        given = {"lr": lr, "betas": betas, "eps": eps}
        self.options: dict[str, Any] = usual if self.bug == "options-ignored" else given
        self.states = [np.zeros((2, *p.shape)) for p in self.params]

    def step(self, grads: Arrays) -> None:
        late = self.bug == "bias-correction-t"
        self.t += self.bug != "steps-of-parameters" and not late
        for i, (param, grad) in enumerate(zip(self.params, grads, strict=True)):
            self.t += self.bug == "steps-of-parameters"
            which = 0 if self.bug == "state-shared" else i
            new, state = _moved(param, grad, self.states[which], self.t, **self.options)
            if self.bug == "parameter-in-state":
                state = np.stack([new, state[0]])
            if self.bug != "state-not-updated":
                self.states[which] = state
            if self.bug != "parameter-not-updated":
                param[...] = new
            if self.bug == "first-parameter-only":
                break
        self.t += late


def _with(name: str) -> type[Reference]:
    return type("Adam", (Reference,), {"bug": name})


KNOWN = {
    bug: _with(bug)
    for bug in (
        "state-shared", "steps-of-parameters", "first-parameter-only", "options-ignored",
        "bias-correction-t", "state-not-updated", "parameter-not-updated", "parameter-in-state",
    )
}  # fmt: skip


def _valley(params: Arrays) -> Arrays:
    """A quadratic in each entry, steeper from one to the next."""
    return [(1 + np.arange(p.size).reshape(p.shape)) * (p - i) for i, p in enumerate(params)]


def _rosenbrock(params: Arrays) -> Arrays:
    (w,) = params
    miss = w[1] - w[0] ** 2
    return [np.array([-2 * (1 - w[0]) - 400 * w[0] * miss, 200 * miss])]


def _trace(make: Any, start: Arrays, gradients: Gradients, options: dict[str, Any]) -> np.ndarray:
    """All parameters after every step, in one row per step. Raises what the optimizer raises."""
    params = [p.copy() for p in start]
    optimizer, points = make(params, **options), []
    for _ in range(STEPS):
        optimizer.step(gradients(params))
        points.append(np.concatenate([p.ravel() for p in params]))
    return np.array(points)


class _Library:
    """The library's Adam with the lesson's interface."""

    def __init__(self, params: Arrays, **options: Any) -> None:
        self.tensors = [Tensor(p, requires_grad=True) for p in params]
        self.params, self.optimizer = params, Adam(self.tensors, **options)

    def step(self, grads: Arrays) -> None:
        for tensor, grad in zip(self.tensors, grads, strict=True):
            tensor.grad = Tensor(grad)
        self.optimizer.step()
        for param, tensor in zip(self.params, self.tensors, strict=True):
            param[...] = tensor.numpy()


def step(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("Adam.step", "parameters")
    rng = np.random.default_rng(seed)
    options = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6}
    same, other = [(2, 3)] * 3, [(2, 3), (4,), (1,)]
    for name, shapes, gradients in (
        ("three of one shape", same, _valley),
        ("Rosenbrock", [(2,)], _rosenbrock),
        ("three shapes", other, _valley),
    ):
        start = [rng.standard_normal(s) + 2 for s in shapes]
        with exam.probe(name):
            if name == "three shapes" and not exam.diagnosis().ok:
                continue  # one bug, one evidence: a shared state cannot fit all shapes
            _judge(exam, functions["Adam.step"], start, gradients, options)
    return exam.diagnosis()


def _judge(
    exam: Examination, make: Any, start: Arrays, gradients: Gradients, options: dict[str, Any]
) -> None:
    changed = []

    def watched(params: Arrays) -> Arrays:
        given = gradients(params)
        changed.append((given, [g.copy() for g in given]))
        return given

    found = _trace(make, start, watched, options)
    right = _trace(_Library, start, gradients, options)
    if not np.allclose(found, right, rtol=1e-9):
        with np.errstate(all="ignore"):
            traces = {b: _trace(wrong, start, gradients, options) for b, wrong in KNOWN.items()}
        names = [b for b, t in traces.items() if np.allclose(found, t, rtol=1e-9, equal_nan=True)]
        evidence = _first_difference(found, right)
        for bug in names or ["result-wrong"]:
            exam.wrong(bug, "parameters", evidence)
    for after, before in changed:
        for a, b in zip(after, before, strict=True):
            exam.unchanged(b, a, "grads")


def _first_difference(found: np.ndarray, right: np.ndarray) -> str:
    off = ~np.isclose(found, right, rtol=1e-9)
    t, i = np.argwhere(off)[0]
    return f"step {t + 1}: number {i} is {found[t, i]:.6g}, right is {right[t, i]:.6g}"


class _Scaled(Reference):
    """Scales the gradients where they are."""

    def step(self, grads: Arrays) -> None:
        super().step(grads)
        for grad in grads:
            grad *= 0.5


class _Rebound(Reference):
    """Puts new arrays into its own list; the caller's stay as they were."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.params = [p.copy() for p in self.params]


CHECKS = {
    "Adam.step": Check(
        step,
        wrong=(
            *(Wrong(bug, {"Adam.step": wrong}) for bug, wrong in KNOWN.items()),
            Wrong("changes-input", {"Adam.step": _Scaled}),
            Wrong("parameter-not-updated", {"Adam.step": _Rebound}),
        ),
    )
}
