"""The diagnosis of functions of Tensors, Modules, and ops made with `record`."""

import importlib
import json

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn, ops
from minicnn.tensor import record
from minicnn.testing import gradcheck
from minicnn.testing.doctor import diagnose
from minicnn.testing.doctor.functions import diagnose_function

from ..op_cases import CASES
from ..op_cases.run import differentiable
from ..test_gradcheck import leaf

MODULE = importlib.import_module("minicnn.testing.gradcheck")  # the name is the function's too


def planted(forward, rule, name="planted"):
    """An op of one input with a rule (gy, x) -> gx on arrays."""

    def op(x):
        return record(
            name, forward(x.data), (x,), lambda gy: Tensor(np.array(rule(gy.data, x.data)))
        )

    return op


def squared(rule):
    return planted(np.square, rule)


def bugs(diagnosis):
    return {finding.bug for finding in diagnosis.findings}


# Right ones


@pytest.mark.parametrize("case", [c for c in CASES if differentiable(c)][::6], ids=str)
def test_the_librarys_ops_are_right(case):
    found = diagnose_function(case.example, case.example.tensors(), max_entries=40, directions=4)
    assert found.ok and found.findings == (), str(found)


def test_names_of_inputs_and_parameters():
    def product(x, scale):
        return x * scale

    assert list(diagnose_function(product, (leaf(3), leaf(3))).parts) == ["gx", "gscale"]
    found = diagnose_function(nn.Linear(3, 2), leaf(4, 3))
    assert found.parts == {"gx": "ok", "gweight": "ok", "gbias": "ok"} and found.what == "Linear"
    assert list(diagnose_function(lambda *xs: xs[0] * xs[1], (leaf(3), leaf(3))).parts) == [
        "gx0", "gx1",
    ]  # fmt: skip


def test_diagnose_takes_functions_and_ops():
    assert diagnose(lambda x: x.exp(), leaf(3)).parts == {"gx": "ok"}
    assert diagnose("exp", np.exp, lambda gy, x: gy * np.exp(x)).what == "exp"


def test_a_module_is_checked_on_a_copy():
    minicnn.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5))
    before = {k: v.copy() for k, v in net.state_dict().items()}
    assert diagnose_function(net, leaf(2, 1, 4, 4)).ok
    assert all((before[k] == v).all() for k, v in net.state_dict().items())


def test_several_outputs_and_integers():
    found = diagnose_function(lambda x: (x.exp(), x * x, x.argmax(dim=0)), leaf(3, 2))
    assert found.ok and found.parts == {"gx": "ok"}


def test_kinks_are_notes_and_neighbours_are_checked_instead():
    x = Tensor(np.array([0.0, 1.0, -1.0]), requires_grad=True)
    found = diagnose_function(lambda x: x.relu(), x)
    assert found.ok and "1 of 3 at a kink, such as (0,)" in found.notes[0]
    tied = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    found = diagnose_function(lambda x: ops.max_pool2d(x, 2), tied)
    assert found.ok and found.parts == {"gx": "ok"} and len(found.probes) == 2


def test_inputs_near_the_end_of_the_domain():
    x = Tensor(np.array([1e-9, 1e-5, 2.0]), requires_grad=True)
    assert diagnose_function(lambda x: x.log(), x).ok


# Wrong numbers

WRONG = {
    "ratio:-1": lambda gy, x: -2 * x * gy,
    "ratio:1/2": lambda gy, x: x * gy,
    "zero-gradient": lambda gy, x: 0 * x,
    "ignores-upstream": lambda gy, x: 2 * x,
    "upstream-in-mask": lambda gy, x: 2 * x * gy * (gy > 0),
    "transposed": lambda gy, x: (2 * x * gy).T,
}


@pytest.mark.parametrize("bug", WRONG)
def test_wrong_numbers_are_named(bug):
    found = diagnose_function(squared(WRONG[bug]), leaf(3, 3))
    assert not found.ok and found.parts == {"gx": "WRONG"} and found.verdict.bug == bug
    assert len(found.verdict.probes) == found.verdict.failing == 3
    data = json.loads(found.to_json())
    assert data["ok"] is False and "maps" not in data
    (gx,) = found.maps
    assert gx.wrong.any() and np.allclose(gx.numeric, found.maps[0].numeric)


@pytest.mark.parametrize("shape", [(5, 200), (50, 200)], ids=["mapped", "directions"])
@pytest.mark.parametrize("factor, bug", [(-1, "ratio:-1"), (2, "ratio:2"), (0, "zero-gradient")])
def test_large_inputs(shape, factor, bug):
    sine = planted(np.sin, lambda gy, x: factor * np.cos(x) * gy)
    found = diagnose_function(sine, leaf(*shape), probes=1)
    assert not found.ok and found.verdict.bug == bug
    assert diagnose_function(planted(np.sin, lambda gy, x: np.cos(x) * gy), leaf(*shape)).ok


def test_a_rule_that_forgets_one_of_two_inputs():
    def product(x, y):
        return record("product", x.data * y.data, (x, y), lambda gy: (gy * y, None))

    found = diagnose_function(product, (leaf(3), leaf(3, seed=1)))
    assert found.parts == {"gx": "ok", "gy1": "WRONG"} and found.verdict.bug == "zero-gradient"


# The contract

RULES = {
    "wrong-shape": lambda gy: Tensor(gy.data.sum(axis=0)),
    "wrong-dtype": lambda gy: Tensor(gy.data.astype(np.float32)),
    "wrong-count": lambda gy: (gy, gy),
    "returns-none": lambda gy: (None, None),
    "not-an-array": lambda gy: gy.data,
    "raises": lambda gy: Tensor(np.ones(3) @ np.ones(4)),
    "nan": lambda gy: Tensor(gy.data / 0.0),
    "exits": lambda gy: exit(),
}


@pytest.mark.parametrize("bug", RULES)
def test_rules_that_break_the_contract(bug):
    def op(x):
        return record("broken_op", x.data * 1.0, (x,), RULES[bug])

    found = diagnose_function(op, leaf(3, 4))
    assert not found.ok and bug in bugs(found), str(found)
    (finding,) = [finding for finding in found.findings if finding.bug == bug]
    assert bug in ("nan", "raises", "exits") or "broken_op" in finding.evidence


def test_a_sum_that_is_missing_is_named():
    def add(x, bias):
        return record("my_add", x.data + bias.data, (x, bias), lambda gy: (gy, gy))

    found = diagnose_function(add, (leaf(5, 3), leaf(3)))
    assert found.verdict.bug.startswith("missing-sum:") and found.verdict.where == ("gbias",)
    assert "yours has shape (5, 3), the right one (3,)" in found.verdict.evidence


def test_a_rule_that_changes_gy():
    def rule(gy, x):
        gy *= 2 * x
        return gy

    assert "changes-upstream" in bugs(diagnose_function(squared(rule), leaf(3)))


FUNCTIONS = {
    "raises": lambda x: x.no_such_method(),
    "returns-none": lambda x: None,
    "not-an-array": lambda x: x.data,
    "wrong-dtype": lambda x: x.astype(np.float32),
    "nan": lambda x: x * np.nan,
    "random": lambda x: x * np.random.default_rng().standard_normal(3),
    "exits": lambda x: exit(),
}


@pytest.mark.parametrize("bug", FUNCTIONS)
def test_functions_that_break_the_contract(bug):
    found = diagnose_function(FUNCTIONS[bug], leaf(3))
    assert not found.ok and found.verdict.bug == bug and found.verdict.where == ("forward",)
    assert found.parts["forward"] == "WRONG" and found.parts["gx"] == "not checked"


def test_a_function_that_changes_its_input():
    def double(x):
        x.data *= 2
        return x * 1.0

    assert "changes-input" in bugs(diagnose_function(double, leaf(3)))


def test_a_forward_that_reads_memory_instead_of_values():
    def flat(x):
        y = np.lib.stride_tricks.as_strided(x.data, (x.data.size,), (8,)).copy()
        return record("flat", y, (x,), lambda gy: gy.reshape(x.shape))

    assert "strided-input" in bugs(diagnose_function(flat, leaf(3, 2)))


def test_requests_that_are_wrong_themselves():
    with pytest.raises(ValueError, match="at least one input must require gradients"):
        diagnose_function(lambda x: x, Tensor(np.ones(3)))
    with pytest.raises(TypeError, match="must be float64"):
        diagnose_function(lambda x: x, Tensor(np.ones(3, np.float32), True))


# Which op is at fault


def test_the_op_at_fault_is_named():
    square = planted(np.square, lambda gy, x: -2 * x * gy, "square")
    found = diagnose_function(lambda x, w: (square((x * w).exp()) * x).sum(dim=1),
                              (leaf(3, 4), leaf(3, 4, seed=1)))  # fmt: skip
    assert not found.ok
    (note,) = [n for n in found.notes if "recorded" in n]
    assert note.startswith("op 3 of the 5 recorded, `square`: along a random step its rule gives")


def test_a_chain_that_is_cut_is_named():
    found = diagnose_function(lambda x: Tensor((x * 2).data) * x, leaf(3))
    assert not found.ok and "`mul`: its input 0 depends on" in found.notes[0]


def test_right_ops_are_not_blamed_at_kinks():
    square = planted(np.square, lambda gy, x: x * gy, "square")
    found = diagnose_function(lambda x: square(ops.max_pool2d(x, 2).relu()), leaf(2, 3, 6, 6))
    assert [n.partition(":")[0] for n in found.notes if "recorded" in n] == [
        "op 3 of the 3 recorded, `square`"
    ]


# gradcheck's own message


def test_gradcheck_raises_with_the_verdict():
    with pytest.raises(AssertionError) as caught:
        gradcheck(squared(WRONG["ratio:-1"]), leaf(3, 4))
    first, *rest = str(caught.value).splitlines()
    assert first == "gradcheck of op: WRONG" and "12 of 12 entries WRONG" in rest[0]
    assert "gx: the gradient is off by the factor -1" in rest[1] and 'see lesson 04, "' in rest[3]


def test_a_doctor_that_fails_does_not_hide_the_message(monkeypatch):
    def fail(*_, **__):
        raise KeyError("no such name")

    monkeypatch.setattr(MODULE, "diagnose_function", fail)
    with pytest.raises(AssertionError, match="gradcheck of op: WRONG"):
        gradcheck(squared(WRONG["ratio:-1"]), leaf(3, 4))


def test_the_doctor_costs_nothing_where_all_is_right(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("called")

    monkeypatch.setattr(MODULE, "diagnose_function", fail)
    assert gradcheck(squared(lambda gy, x: 2 * x * gy), leaf(3, 4)).ok
