"""The library's own tests of an op, with a learner's function in the place of the library's.

The rows of the op table: values against their references, gradients against the library's and,
along random directions, against differences of the references; the optimizers against PyTorch.
"""

from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from click.testing import CliRunner

from minicnn import Tensor, nn, ops, optim, use_kernels
from minicnn.cli import main
from minicnn.learn.hooks import swap
from minicnn.learn.stub import solution
from tests import test_optim
from tests.op_cases import CASES
from tests.op_cases.run import (
    assert_equal,
    cotangent,
    differentiable,
    gradients,
    has_gradient,
    leaves_of,
    outputs,
    values_and_gradients,
)  # fmt: skip

from . import exam
from .code_mutants import load

# Ops whose rows run through a place that is not the exercise's own op.
ROWS = {
    "autograd.topological": ("var", "layer_norm", "huber_loss"), "sum_to": ("add", "div"),
    "product_rule": ("mul",), "max_backward": ("max",), "getitem_backward": ("getitem",),
    "smooth_labels": ("cross_entropy",), "depthwise_part": ("depthwise_conv2d",),
    "im2col": ("conv2d",), "col2im": ("conv2d",),
    "dense_weight": ("conv2d",),
    "focal_forward": ("cross_entropy",), "focal_backward": ("cross_entropy",),
}  # fmt: skip
# A typical mistake of each exercise that has a place: what the solution says, and what instead.
MISTAKES = {
    "02.1": ("if uses[parent] == 0:", "if parent not in order:"),
    "02.3": ("a.grad += b_data", "a.grad += a_data"),
    "03.1": ("sum(axis=in_front)", "mean(axis=in_front)"),
    "03.2": ("kept) / n", "kept)"),
    "03.3": (" / wins.sum(axis=axis, keepdims=True)", ""),
    "03.4": ("np.add.at(gx, key, gy)", "gx[key] = gy"),
    "05.1": ("weight.T + bias", "weight.T"),
    "05.2": ("gy.sum(axis=0)", "gy.mean(axis=0)"),
    "06.1": ("x > 0", "x > 0.5"),
    "06.2": ("1 + ", "2 + "),
    "06.3": ("(1 - y)", "(1 + y)"),
    "06.4": ("1 - ", "1 + "),
    "07.1": ("axis=-1", "axis=0"),
    "07.2": (".mean()", ".sum()"),
    "07.3": (" -= 1", " -= 0.9"),
    "07.4": ("smoothing / classes", "smoothing"),
    "08.1": ("momentum * state + grad", "momentum * state - grad"),
    "08.2": ("(1 - beta2**t)", "(1 - beta2)"),
    "08.3": ("new[0] -=", "new[0] +="),
    "10.2": ("y + bias[:, None, None]", "y"),
    "10.3": ("gpadded[here] +=", "gpadded[here] ="),
    "11.1": ("columns[:, :, u, v]", "columns[:, :, kh - 1 - u, v]"),
    "11.2": ("+ bias", "- bias"),
    "11.3": ("+=", "="),
    "11.4": ("gy.sum((0, 2, 3))", "gy.mean((0, 2, 3))"),
    "12.1": ("x[n, i + u,", "x[n, i,"),
    "13.1": (".max(axis=(2, 3))", ".min(axis=(2, 3))"),
    "13.2": ("gx[:, :, rows, columns] +=", "gx[:, :, rows, columns] ="),
    "13.3": ("/ pixels", ""),
    "13.4": ("(height * width)", "height"),
    "14.2": (" + eps)", ")"),
    "14.3": (" - g.mean(axes, keepdims=True)", ""),
    "15.1": ("mask / (1 - p)", "mask"),
    "15.2": ("mask / (1 - p)", "mask"),
    "17.2": ("ga, gb", "gb, ga"),
    "20.1": ("np.eye(groups)", "np.eye(groups)[::-1]"),
    "21.2": ("/ np.sqrt(q.shape[-1])", ""),
    "21.3": ("- (gp * p)", "- gp"),
    "21.4": (" - g.mean(-1, keepdims=True)", ""),
    "23.2": ("- np.log", "+ np.log"),
    "23.3": ("/ w.sum()", ""),
}  # fmt: skip
HOOKED = [e for e in exam.EXERCISES if e.hook]
hooked = pytest.mark.parametrize("exercise", HOOKED, ids=exam.label)

hooked_with_needs = pytest.mark.parametrize(
    "exercise", [e for e in HOOKED if e.needs], ids=exam.label
)  # fmt: skip


class Counted:
    """A function that knows how often it was called."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *given, **options):
        self.calls += 1
        return self.function(*given, **options)


@contextmanager
def in_place(exercise, functions):
    """The learner's function in the library, on the kernels that everybody can read."""
    counted = Counted(functions[exercise.functions[-1]])
    with use_kernels("numpy"), np.errstate(all="ignore"), swap(exercise.hook, counted):
        yield counted


def rows(exercise):
    """A batch of no samples is no exercise's business."""
    names = ROWS.get(exercise.hook, (exercise.op,))
    return [c for c in CASES if c.op in names and all(a.size for a in c.example.inputs)]


def has_layer(exercise):
    return exercise.hook.startswith("attention")


def reference(case, arrays):
    """What the row's own reference says: naive loops or a formula."""
    args, named = replace(case.example, inputs=tuple(arrays)).arguments(a.copy() for a in arrays)
    y = case.reference(*args, **named)
    return [np.asarray(part) for part in (y if isinstance(y, tuple) else (y,))]


def slopes(case, arrays, number, direction, h=1e-6):
    """d(sum of gy y) along a direction of one input, by differences of the reference."""
    found = 0.0
    for sign in (1, -1):
        moved = [a + sign * h * direction if i == number else a for i, a in enumerate(arrays)]
        for y in reference(case, moved):
            if y.dtype.kind == "f":
                found += sign * float((cotangent(y) * y).sum())
    return found / (2 * h)


def check_row(case, library):
    """Values, gradients and slopes of one row as the library computes them now."""
    arrays = [x.data for x in case.example.tensors()]
    ys = [y.data for y in outputs(case.example, case.example.tensors())]
    wanted = reference(case, arrays)
    assert_equal(ys, [w.astype(y.dtype) for y, w in zip(ys, wanted, strict=True)])
    if not has_gradient(case):
        return
    xs = leaves_of(case, [a.copy() for a in arrays])
    found = gradients(case.example, xs)
    assert_equal([*ys, *found], library)
    if not differentiable(case) or case.kinks:
        return
    rng = np.random.default_rng(8)
    numbers = [i for i, x in enumerate(xs) if x.requires_grad]
    for number, g in zip(numbers, found, strict=True):
        direction = rng.standard_normal(g.shape)
        along = slopes(case, arrays, number, direction)
        scale = 1 + float(abs(g * direction).sum())
        assert abs(along - float((g * direction).sum())) <= 2e-5 * scale, str(case)


def steps_as_torch(name):
    """The optimizer's own tests that need no state between them."""
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    for optimizer, options in test_optim.OPTIMIZERS:
        if optimizer == name:
            ours, theirs = test_optim.our_parameters(), test_optim.torch_parameters(torch)
            options = options or {"lr": 0.01}
            test_optim.run_ours(getattr(optim, name)(ours, **options), ours, 20)
            right = getattr(torch.optim, name)(theirs, **options)
            test_optim.run_torch(torch, right, theirs, 20)
            test_optim.assert_equal(ours, theirs)


def attention():
    """Output and gradients of two heads of attention, which is a layer and has no row."""
    rng = np.random.default_rng(9)
    layer = nn.MultiheadAttention(6, 2).double()
    for p in layer.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    x = Tensor(rng.standard_normal((2, 5, 6)), requires_grad=True)
    with use_kernels("numpy"):
        y = layer(x)
    y.backward(rng.standard_normal(y.shape))
    return [y.data, x.grad.data, *(p.grad.data for p in layer.parameters())]


def run_tests(exercise, functions):
    """All tests of the library that the exercise's place has; the number of calls."""
    library = [values_and_gradients(case, kernels="numpy") for case in rows(exercise)]
    layer = attention() if has_layer(exercise) else []
    with in_place(exercise, functions) as counted:
        if layer:
            assert_equal(attention(), layer)
        if exercise.hook.startswith("optim."):
            steps_as_torch(exercise.hook.removeprefix("optim."))
        for case, right in zip(rows(exercise), library, strict=True):
            check_row(case, right)
    return counted.calls


@hooked
def test_the_librarys_tests_pass_with_the_solution_in_it(exercise):
    assert rows(exercise) or exercise.hook.startswith(("optim.", "attention"))
    assert run_tests(exercise, exam.right(exercise)), "it was never called"


@hooked
def test_the_librarys_tests_fail_with_a_mistake_in_it(exercise):
    if exercise.hook.startswith("optim.") and find_spec("torch") is None:
        pytest.skip("parity with torch needs torch: pip install torch")
    old, new = MISTAKES[exercise.id]
    text = solution(exam.lesson_of(exercise))
    place = text.index(f"def {exercise.functions[-1]}(")
    for _ in range(2):  # behind the docstring
        place = text.index('"""', place) + 3
    assert old in text[place:]
    wrong = text[:place] + text[place:].replace(old, new, 1)
    with pytest.raises(AssertionError, match="Not equal to tolerance|assert"):
        run_tests(exercise, load(wrong, exercise))


def test_calls_beyond_an_exercise_stay_the_librarys():
    """Padding "same" and ceil_mode are not taught; a learner's network may use them."""
    x = Tensor(np.random.default_rng(0).standard_normal((2, 2, 5, 5)))
    weight = Tensor(np.random.default_rng(1).standard_normal((3, 2, 3, 3)))
    with use_kernels("numpy"):
        wanted = ops.conv2d(x, weight, padding="same"), ops.max_pool2d(x, 2, ceil_mode=True)
        for key in ("conv2d.forward", "max_pool2d.forward"):
            with swap(key, Counted(None)):
                assert (ops.conv2d(x, weight, padding="same").data == wanted[0].data).all()
                assert (ops.max_pool2d(x, 2, ceil_mode=True).data == wanted[1].data).all()


def test_calls_by_name_and_with_usual_options_reach_the_function():
    x = Tensor(np.random.default_rng(0).standard_normal((2, 2, 5, 5)))
    function = Counted(exam.right(exam.COURSE.exercise("13.1"))["max_pool2d_forward"])
    wanted = ops.max_pool2d(x, 2)
    with swap("max_pool2d.forward", function):
        for y in (ops.max_pool2d(x, 2), ops.max_pool2d(x=x, kernel_size=(2, 2), stride=2)):
            assert np.allclose(y.data, wanted.data, rtol=1e-12)
    assert function.calls == 2


@pytest.mark.slow
@hooked_with_needs
def test_a_training_with_what_an_exercise_needs_comes_by_its_place(exercise, tmp_path):
    def calls(*options):
        function, out = Counted(exam.right(exercise)[exercise.functions[-1]]), tmp_path / "run"
        command = ["train", "--data", "digits", "--epochs", "1", "--out"]
        with swap(exercise.hook, function):
            done = CliRunner().invoke(main, [*command, str(out / str(len(options))), *options])
        assert done.exit_code == 0, done.output
        return function.calls

    assert calls(*exercise.needs.split()) and not calls()
