"""What the doctor says of functions that break the contract, whatever their style."""

import json
import os
import random
import warnings

import numpy as np
import pytest

from minicnn.testing.doctor import Diagnosis, diagnose


def forward(x):
    return np.maximum(x, 0)


def backward(gy, x):
    return gy * (x > 0)


def verdict(forward, backward=None, op="relu", **settings):
    found = diagnose(op, forward, backward, **settings)
    assert isinstance(found, Diagnosis) and not found.ok
    assert str(found) and json.loads(found.to_json())["ok"] is False
    return found.verdict.bug


def late(x, n=[0]):  # noqa: B006  (the fault: a value kept between calls)
    n[0] += 1
    return np.maximum(x, 0) + n[0]


def quits(gy, x):
    raise SystemExit(3)


def writes(x):
    x[x < 0] = 0
    return x


def writes_upstream(gy, x):
    gy[x <= 0] = 0
    return gy


def sets_errors(x):
    np.seterr(all="ignore")
    return forward(x)


def moves(x):
    os.chdir("/")
    os.environ["MINICNN_TEST"] = "1"
    return forward(x)


def draws(x):
    np.random.seed(0)
    random.random()
    return forward(x)


FAULTS = {
    "raises": (lambda x: x @ x.undefined, backward),
    "returns-none": (lambda x: None, backward),
    "not-an-array": (lambda x: forward(x).tolist(), backward),
    "forward-shape": (lambda x: forward(x).ravel()[:-1], backward),
    "wrong-dtype": (lambda x: forward(x).astype(np.float32), backward),
    "wrong-count": (forward, lambda gy, x: (gy * (x > 0), gy)),
    "wrong-shape": (forward, lambda gy, x: (gy * (x > 0)).ravel()[:-1]),
    "extra-sum:axis 0": (forward, lambda gy, x: (gy * (x > 0)).sum(0)),
    "backward-missing": (forward, None),
    "exits": (forward, quits),
    "changes-input": (writes, backward),
    "changes-upstream": (forward, writes_upstream),
    "changes-global-state": (sets_errors, backward),
    "random": (forward, lambda gy, x: gy * (x > 0) * np.random.default_rng().random(x.shape)),
}


@pytest.mark.parametrize("bug", FAULTS)
def test_faults_against_the_contract(bug):
    assert verdict(*FAULTS[bug]) == bug


def test_backward_that_returns_none():
    assert verdict(forward, lambda gy, x: None) == "returns-none"


@pytest.mark.parametrize("fault", [sets_errors, moves, draws])
def test_settings_of_the_program_are_named_and_put_back(fault):
    before = np.geterr(), os.getcwd(), dict(os.environ), random.getstate()
    assert verdict(fault, backward) == "changes-global-state"
    assert (np.geterr(), os.getcwd(), dict(os.environ), random.getstate()) == before


def test_a_value_kept_between_calls():
    assert verdict(late, backward) in ("random", "constant-off:all", "forward-wrong")


def test_an_error_is_told_with_its_line():
    def broken(gy, x):
        return gy.nothing

    found = diagnose("relu", forward, broken)
    assert found.verdict.bug == "raises"
    assert "AttributeError" in found.verdict.evidence and "gy.nothing" in found.verdict.evidence


def test_printing_is_a_note(capsys):
    def chatty(x):
        print("hello")
        return forward(x)

    found = diagnose("relu", chatty, backward)
    assert found.ok and any("hello" in note for note in found.notes)
    assert capsys.readouterr().out == ""


def test_warnings_do_not_leak():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = diagnose(
            "sigmoid", lambda x: 1 / (1 + np.exp(-x)), lambda gy, x, y: gy * y * (1 - y)
        )
    assert found.verdict.bug == "fp-warning" or "overflow" in found.verdict.headline


STYLES = {
    "inputs again": (forward, backward),
    "output": (forward, lambda gy, y: gy * (y > 0)),
    "cache": (lambda x: (forward(x), x > 0), lambda gy, cache: gy * cache),
    "cache first": (lambda x: (forward(x), x > 0), lambda mask, dout: dout * mask),
    "rule": (lambda x: (forward(x), lambda gy: gy * (x > 0)), None),
    "in a tuple": (forward, lambda gy, x: (backward(gy, x),)),
    "in a list": (forward, lambda gy, x: [backward(gy, x)]),
    "by name": (forward, lambda gy, x: {"gx": backward(gy, x)}),
}


@pytest.mark.parametrize("style", STYLES)
def test_styles(style):
    found = diagnose("relu", *STYLES[style])
    assert found.ok, found


def test_a_dictionary_of_options_under_any_spelling():
    def total(x, options):
        return x.sum(options["dim"], keepdims=options["keepdims"])

    def spread(gy, x, options):
        if options["dim"] is not None and not options["keepdim"]:
            gy = np.expand_dims(gy, options["axis"])
        return np.broadcast_to(gy, x.shape)

    found = diagnose("sum", total, spread)
    assert found.ok, found


def test_options_that_are_not_supported_are_said_to_be_unchecked():
    def max_rows(x, axis):
        return x.max(axis)

    def rule(gy, x, axis):
        gx = np.zeros_like(x)
        at = np.expand_dims(x.argmax(axis), axis)
        np.put_along_axis(gx, at, np.expand_dims(gy, axis), axis)
        return gx

    found = diagnose("max", max_rows, rule)
    assert any("keepdims" in text for text in found.skipped)


def test_two_bugs_are_both_named():
    found = diagnose(
        "linear", lambda x, weight, bias: x @ weight.T + bias,
        lambda gy, x, weight, bias: (np.ones_like(gy) @ weight, gy.T @ x / len(x), gy.sum(0)),
    )  # fmt: skip
    assert {f.bug for f in found.findings} == {"ignores-upstream", "divided-by-batch"}
    assert {w for f in found.findings for w in f.where} == {"gx", "gweight"}


@pytest.mark.parametrize("name", ["ReLU", "relu", "re_lu"])
def test_other_spellings_of_an_op(name):
    assert diagnose(name, forward, backward).what == "relu"


def test_other_names_of_an_op():
    def dense(x, w, b):
        return x @ w.T + b, lambda gy: (gy @ w, gy.T @ x, gy.sum(0))

    assert diagnose("dense", dense).what == "linear"
    with pytest.raises(TypeError, match="must be functions, got 5"):
        diagnose("linear", 5)
    with pytest.raises(TypeError, match="must be functions, got None"):
        diagnose("linear", None)


def test_unknown_ops_and_conventions():
    with pytest.raises(ValueError, match="did you mean .*conv2d"):
        diagnose("conv3d", forward)
    with pytest.raises(ValueError, match="no convention ties"):
        diagnose("relu", forward, backward, ties="last")


def test_hints_do_not_come_unasked():
    found = diagnose("relu", forward, lambda gy, x: gy)
    assert "hint" not in str(found) and found.explain(2).count("hint") == 2
