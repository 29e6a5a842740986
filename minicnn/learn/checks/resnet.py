"""Lesson 18: the branches of a residual block, its shortcut, and its start as the identity."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ... import nn
from ...testing.doctor import Diagnosis
from .examination import Check, Examination, Functions, Wrong
from .layers import Step, computed, draw, is_module, layers_of, planned, run
from .resnet_bugs import BUGS

__all__ = ["BUGS", "CHECKS"]

CASES = {"as it is": (6, 6, 1), "half the image": (5, 3, 2), "more channels": (3, 4, 1),
         "stride 3": (4, 2, 3)}  # fmt: skip


def branches(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("branches", "basic", "bottleneck")
    for name, (channels, planes, stride) in CASES.items():
        basic = [Step(planes, 3, stride, True), Step(planes, 3)]
        deep = [Step(planes, 1, 1, True), Step(planes, 3, stride, True), Step(4 * planes, 1)]
        for where, plan in (("basic", basic), ("bottleneck", deep)):
            with exam.probe(name):
                module = functions[where](channels, planes, stride)
                _compare(exam, where, module, channels, plan, seed)
    return exam.diagnosis()


def _compare(
    exam: Examination, where: str, module: Any, channels: int, plan: list[Step], seed: int
) -> None:
    """The numbers, with weights drawn anew and even image sizes that stride 2 and 3 both cut."""
    if not is_module(exam, where, module) or not planned(exam, where, module, channels, plan):
        return
    rng = np.random.default_rng(seed)
    draw(module, rng)
    x = rng.standard_normal((3, channels, 7, 8))
    given, known = run(module, x), {}
    for bug, steps in _mistakes(plan):
        value = computed(module, x, steps)
        if bug not in known or (value.shape == given.shape and np.allclose(value, given)):
            known[bug] = value
    exam.equal(where, given, computed(module, x, plan), known)


def _mistakes(plan: Sequence[Step]) -> Iterator[tuple[str, list[Step]]]:
    stride = max(step.stride for step in plan)
    yield "relu-after-branch", [*plan[:-1], plan[-1]._replace(relu=True)]
    yield "relu-between-missing", [step._replace(relu=False) for step in plan]
    for i in range(len(plan) - 1 if len(plan) > 2 else 0):
        one = [step._replace(relu=step.relu and i != j) for j, step in enumerate(plan)]
        yield "relu-missing-once", one
    if stride > 1:
        yield "branch-stride-lost", [step._replace(stride=1) for step in plan]
        yield "branch-stride-every", [step._replace(stride=stride) for step in plan]
        for step in plan:
            moved = [s._replace(stride=stride if s is step else 1) for s in plan]
            if moved != list(plan):
                yield "branch-stride-place", moved


def shortcut(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("shortcut", "identity", "projection")
    for channels, outputs, stride in ((4, 4, 1), (4, 4, 2), (3, 5, 1), (5, 3, 1), (2, 8, 2)):
        with exam.probe(f"{channels} to {outputs} channels, stride {stride}"):
            module = functions["shortcut"](channels, outputs, stride)
            same = channels == outputs and stride == 1
            where = "identity" if same else "projection"
            if not is_module(exam, where, module):
                continue
            x = np.random.default_rng(seed).standard_normal((2, channels, 6, 5))
            if same:
                count = len(list(module.parameters()))
                if exam.require(not count, "shortcut-has-weights", where,
                                f"there are {count} parameters, right is none"):  # fmt: skip
                    exam.equal(where, run(module, x), x, {"relu-after-shortcut": np.maximum(x, 0)})
                continue
            change = "channels" if channels != outputs else "size"
            if exam.require(layers_of(module, nn.Conv2d), f"shortcut-keeps-{change}", where,
                            "there is no convolution"):  # fmt: skip
                plan = [Step(outputs, 1, stride)]
                _compare_projection(exam, module, channels, plan, x, seed)
    return exam.diagnosis()


def _compare_projection(
    exam: Examination, module: Any, channels: int, plan: list[Step], x: np.ndarray, seed: int
) -> None:
    if not planned(exam, "projection", module, channels, plan):
        return
    draw(module, np.random.default_rng(seed))
    known = {"relu-after-shortcut": computed(module, x, [plan[0]._replace(relu=True)])}
    if plan[0].stride > 1:
        known["branch-stride-lost"] = computed(module, x, [plan[0]._replace(stride=1)])
    exam.equal("projection", run(module, x), computed(module, x, plan), known)


def zero_last_gamma(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("zero_last_gamma", "the last weight", "the rest")
    rng = np.random.default_rng(seed)
    for name, branch in (("two convolutions", _branch(3)), ("three convolutions", _branch(3, 1, 3)),
                         ("one", _branch())):  # fmt: skip
        for p in branch.parameters():
            p.data[...] = rng.uniform(0.5, 1.5, p.shape)
        before = {key: value.numpy().copy() for key, value in branch.named_parameters()}
        with exam.probe(name):
            functions["zero_last_gamma"](branch)
            _judge_zeros(exam, branch, before)
    return exam.diagnosis()


def _judge_zeros(exam: Examination, branch: nn.Module, before: dict[str, np.ndarray]) -> None:
    after = {key: value.numpy() for key, value in branch.named_parameters()}
    gammas = [key for key in before if before[key].ndim == 1 and key.endswith("weight")]
    last = gammas[-1]
    moved = [key for key in before if key != last and not np.array_equal(before[key], after[key])]
    for key in moved:
        bug = "another-gamma-zero" if key in gammas else "beta-zero"
        bug = bug if before[key].ndim == 1 else "weights-zero"
        exam.wrong(bug, "the rest", f"{key} has changed; only {last} may")
    if not (after[last] == 0).all() and not moved:
        bug = "gamma-not-zero"
        exam.wrong(bug, "the last weight", f"{last} is {after[last][0]:.4g}, right is 0")


def _branch(*sizes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for size in sizes:
        layers += [nn.Conv2d(4, 4, size, padding=size // 2, bias=False), nn.BatchNorm2d(4)]
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))


def _branch_of(*steps: Any, bias: bool = False, norm: bool = True, end: bool = False) -> Any:
    """A branch of (outputs, size, stride, ReLU after it), each a function of planes and stride."""

    def make(channels: int, planes: int, stride: int) -> nn.Module:
        layers: list[nn.Module] = []
        for outputs, size, moved, relu in steps:
            made, step = outputs * planes, stride if moved else 1
            layers.append(nn.Conv2d(channels, made, size, step, padding=size // 2, bias=bias))
            layers += [nn.BatchNorm2d(made)] if norm else []
            layers += [nn.ReLU()] if relu else []
            channels = made
        return nn.Sequential(*layers, *([nn.ReLU()] if end else []))

    return make


_BASIC = ((1, 3, True, True), (1, 3, False, False))
_DEEP = ((1, 1, False, True), (1, 3, True, True), (4, 1, False, False))


def _wrong(bug: str, basic: Any = None, deep: Any = None, **both: bool) -> Wrong:
    """A mistake in one of the two branches, or in both; the other one is right."""
    basic = _branch_of(*(basic or _BASIC), **both)
    return Wrong(bug, {"basic": basic, "bottleneck": _branch_of(*(deep or _DEEP), **both)})


def _path(project: Any, bias: bool = False, size: int = 1, relu: bool = False, step: int = 9,
          norm: bool = True) -> Any:  # fmt: skip
    def make(channels: int, outputs: int, stride: int) -> nn.Module:
        if not project(channels, outputs, stride):
            return nn.Identity()
        conv = nn.Conv2d(channels, outputs, size, min(stride, step), padding=size // 2, bias=bias)
        after = [nn.BatchNorm2d(outputs)] if norm else []
        return nn.Sequential(conv, *after, *([nn.ReLU()] if relu else []))

    return {"shortcut": make}


def _needed(channels: int, outputs: int, stride: int) -> bool:
    return channels != outputs or stride != 1


def _zeroing(choose: Any, name: str = "weight", kind: Any = nn.BatchNorm2d) -> Any:
    def zero(branch: nn.Module) -> None:
        for layer in choose(layers_of(branch, kind)):
            nn.init.zeros_(getattr(layer, name))

    return {"zero_last_gamma": zero}


CHECKS = {
    "branches": Check(
        branches,
        wrong=(
            _wrong("convolution-bias", bias=True),
            _wrong("norm-count", norm=False),
            _wrong("relu-after-branch", end=True),
            _wrong("relu-after-branch", basic=((1, 3, True, True), (1, 3, False, True))),
            _wrong("relu-between-missing", basic=((1, 3, True, False), (1, 3, False, False))),
            _wrong("relu-between-missing", deep=tuple((*s[:3], False) for s in _DEEP)),
            _wrong("relu-missing-once", deep=((1, 1, False, False), *_DEEP[1:])),
            _wrong("relu-missing-once", deep=(_DEEP[0], (1, 3, True, False), _DEEP[2])),
            _wrong("branch-stride-lost", basic=((1, 3, False, True), (1, 3, False, False))),
            _wrong("branch-stride-every", basic=((1, 3, True, True), (1, 3, True, False))),
            _wrong("branch-stride-place", basic=((1, 3, False, True), (1, 3, True, False))),
            _wrong("branch-stride-place",
                   deep=((1, 1, True, True), (1, 3, False, True), (4, 1, False, False))),
            _wrong("convolution-channels", deep=(*_DEEP[:2], (1, 1, False, False))),
            _wrong("convolution-size", basic=((1, 3, True, True), (1, 1, False, False))),
            _wrong("convolution-count", deep=_BASIC),
            Wrong("not-a-module", {"basic": lambda c, p, s: [nn.Conv2d(c, p, 3)],
                                   "bottleneck": _branch_of(*_DEEP)}),
            Wrong("returns-none", dict.fromkeys(("basic", "bottleneck"), lambda c, p, s: None)),
        ),
    ),
    "shortcut": Check(
        shortcut,
        wrong=(
            Wrong("shortcut-has-weights", _path(lambda *shape: True)),
            Wrong("shortcut-keeps-size", _path(lambda c, o, s: c != o)),
            Wrong("shortcut-keeps-channels", _path(lambda c, o, s: s != 1)),
            Wrong("convolution-bias", _path(_needed, bias=True)),
            Wrong("convolution-size", _path(_needed, size=3)),
            Wrong("norm-count", _path(_needed, norm=False)),
            Wrong("relu-after-shortcut", _path(_needed, relu=True)),
            Wrong("branch-stride-lost", _path(_needed, step=1)),
            Wrong("relu-after-shortcut", {"shortcut": lambda c, o, s: (
                _path(_needed)["shortcut"](c, o, s) if _needed(c, o, s) else nn.ReLU())}),
            Wrong("not-a-module", {"shortcut": lambda c, o, s: lambda x: x}),
            Wrong("returns-none", {"shortcut": lambda c, o, s: None}),
        ),
    ),
    "zero_last_gamma": Check(
        zero_last_gamma,
        wrong=(
            Wrong("another-gamma-zero", _zeroing(lambda norms: norms)),
            Wrong("another-gamma-zero", _zeroing(lambda norms: norms[:1])),
            Wrong("beta-zero", _zeroing(lambda norms: norms[-1:], "bias")),
            Wrong("weights-zero", _zeroing(lambda convs: convs[-1:], kind=nn.Conv2d)),
            Wrong("gamma-not-zero", {"zero_last_gamma": lambda branch: None}),
        ),
    ),
}  # fmt: skip
