"""The op table notices every backward that is broken on purpose; the breaking itself is sound."""

import ast
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn, no_grad, ops, optim, override
from minicnn.kernels import kernel_set
from minicnn.train import random_shift

from . import mutate_backwards as proof
from .op_cases.run import NO_GRADIENT, outputs

RULES = proof.rules()


def unchanged(rule):
    return proof.each(rule, lambda i, gx: gx)


@pytest.mark.parametrize("op", sorted(set(ops.__all__) - NO_GRADIENT))
def test_every_break_of_an_op_is_rejected_by_its_own_rows(op):
    ((_, verdicts),) = proof.break_ops([op])
    assert len(verdicts) >= 5
    assert not any(verdicts.values()), verdicts


@pytest.mark.parametrize("rule", [*RULES, *proof.EXTRA])
def test_every_break_of_a_rule_is_rejected(rule):
    ((_, verdicts),) = proof.break_rules([rule])
    assert len(verdicts) >= 4
    assert not any(verdicts.values()), verdicts


@pytest.mark.parametrize("op", sorted(set(ops.__all__) - NO_GRADIENT))
def test_an_op_that_is_wrapped_and_not_broken_passes(op):
    row = next(case for case in proof.ROWS if case.op == op and not case.kinks)
    call = proof.broken_op(row.example, unchanged)
    assert not proof.rejects(row, call, 1) and not proof.rejects(row, call, 2)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_wrapped_and_not_broken_passes(rule):
    row, _ = RULES[rule][0]
    with proof.broken_rule(rule, unchanged):
        assert not proof.rejects(row, row.example, 1) and not proof.rejects(row, row.example, 2)


def test_the_extra_checks_pass_unbroken():
    assert all(is_right() for is_right in proof.EXTRA.values())


def test_a_survivor_is_reported(monkeypatch, capsys):
    monkeypatch.setattr(proof, "mutations", lambda inputs, cut: [("nothing", unchanged)])
    assert proof.main(["tanh"]) == 1
    assert "nothing SURVIVES" in capsys.readouterr().out


def test_the_proof_passes_and_says_so(capsys):
    assert proof.main(["tanh", "relu"]) == 0
    out = capsys.readouterr().out
    assert "sign rejected" in out and "no break survives" in out


def test_record_is_restored():
    with pytest.raises(ZeroDivisionError), proof.broken_rule("mul", unchanged):
        raise ZeroDivisionError
    assert all(module.record is proof.true_record for module in proof.MODULES)


def test_every_rule_in_the_source_is_broken():
    """Names that the ops pass to `record`; `to` moves between devices and needs a GPU."""
    package = Path(minicnn.__file__).parent
    names = set()
    for path in [package / "tensor.py", *(package / "ops").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record":
                if isinstance(node.args[0], ast.Constant):
                    names.add(node.args[0].value)
    assert len(names) > 30
    assert names - {"to"} <= set(RULES) | set(proof.EXTRA)


def factor(y):
    return y * 1.01


def last(y):
    y = np.array(y)
    if y.size:
        y[(-1,) * y.ndim] = 0
    return y


def differs(case):
    """Whether the row's values are not those of its reference."""
    args, named = case.example.arguments(case.example.inputs)
    wanted = case.reference(*args, **named)
    got = outputs(case.example, case.example.tensors())
    pairs = zip(got, wanted if isinstance(wanted, tuple) else (wanted,), strict=True)
    return not all(np.allclose(y.data, w, 1e-8, 1e-10) for y, w in pairs)


# Part of the name of the ops that show a kernel, where it is not the first word of its name.
FAMILY = {
    "im2col": "conv", "col2im": "conv", "normalize": "norm", "take": "pool", "put": "pool",
    "sum": "pool",
}  # fmt: skip


def after_a_step(rule, **settings):
    w = nn.Parameter(np.arange(1.0, 7.0).reshape(2, 3))
    w.grad = Tensor(np.ones((2, 3)))
    getattr(optim, rule)([w], 0.1, **settings).step()
    return w.data


def clipped():
    w = nn.Parameter(np.ones(3))
    w.grad = Tensor(np.arange(1.0, 4.0))
    optim.clip_grad_norm_([w], 1.0)
    return w.grad.data


def fused(layer):
    with no_grad():
        return minicnn.fuse(layer, (1, 2, 3, 3))(Tensor(np.ones((1, 2, 3, 3)))).data


# Kernels that no op uses, and who does.
USERS = {
    "adagrad_step": lambda: after_a_step("Adagrad"),
    "adam_step": lambda: after_a_step("Adam"),
    "rmsprop_step": lambda: after_a_step("RMSprop"),
    "sgd_step": lambda: after_a_step("SGD", momentum=0.5),
    "sum_of_squares": clipped,
    "shift_images": lambda: random_shift(np.ones((2, 1, 3, 3)), 1, np.random.default_rng(0)),
    "conv2d_limited": lambda: fused(nn.Conv2d(2, 2, 3).double()),
    "depthwise_conv2d_limited": lambda: fused(nn.DepthwiseConv2d(2, 3).double()),
}


@pytest.mark.parametrize("kernel", USERS)
def test_a_broken_kernel_that_no_op_uses_changes_the_result(kernel):
    """Whether results are right is seen by tests of their own; here, that they come from it."""

    def broken(*args):
        y = getattr(kernel_set("numpy"), kernel)(*args)
        if y is None:  # changes its first argument
            args[0][...] *= 1.01
        return None if y is None else y * 1.01

    minicnn.manual_seed(0)
    right = USERS[kernel]()
    minicnn.manual_seed(0)
    with override(**{kernel: broken}):
        assert not np.allclose(USERS[kernel](), right)


@pytest.mark.parametrize("wrong", [factor, last])
@pytest.mark.parametrize("kernel", sorted(set(vars(kernel_set("numpy"))) - set(USERS)))
def test_a_broken_kernel_is_noticed(kernel, wrong):
    right, word = getattr(kernel_set("numpy"), kernel), kernel.split("_")[0]

    def broken(*args):
        y = right(*args)
        return (wrong(y[0]), *y[1:]) if isinstance(y, tuple) else wrong(y)

    rows = [case for case in proof.ROWS if FAMILY.get(word, word) in case.op]
    with override(**{kernel: broken}):
        assert any(map(differs, rows)) or any(
            proof.rejects(case, case.example, order) for order in (1, 2) for case in rows
        )
