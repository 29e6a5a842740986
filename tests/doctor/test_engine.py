"""`diagnose_engine`: every planted bug found and named, no right engine accused."""

import json
import sys

import numpy as np
import pytest

from minicnn import Tensor
from minicnn.testing.doctor import diagnose_engine
from minicnn.testing.doctor.engine import programs

from . import engine_memory_mutants, engine_mutants  # they fill the catalogue
from .engine_catalogue import MUTANTS, replaced
from .engines import Array, Scalar
from .right_engines import RIGHT, Closures, Pairs, tape

PLANTED = [
    pytest.param(mutant, base, id=f"{mutant.name}, {base.__name__}")
    for mutant in MUTANTS
    for base in mutant.bases
]


def bugs(engine, **settings):
    return [finding.bug for finding in diagnose_engine(engine, **settings).findings]


@pytest.mark.parametrize(("mutant", "base"), PLANTED)
def test_every_planted_bug_is_named(mutant, base):
    found = diagnose_engine(mutant.build(base), strict=mutant.strict)
    assert [finding.bug for finding in found.findings] == list(mutant.bugs), str(found)
    assert not found.ok
    assert json.loads(found.to_json())["ok"] is False
    for finding in found.findings:
        assert finding.evidence and finding.pointer and len(finding.hints) == 3


def test_the_catalogue_is_large_enough():
    assert len(MUTANTS) >= 50
    assert len({bug for mutant in MUTANTS for bug in mutant.bugs}) >= 30


@pytest.mark.parametrize("name", RIGHT)
def test_right_engines_are_accepted(name):
    for seed in range(2):
        found = diagnose_engine(RIGHT[name](), seed=seed)
        assert found.ok, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_right_engines_are_accepted_on_50_seeds(name):
    for seed in range(50):
        found = diagnose_engine(RIGHT[name](), seed=seed)
        assert found.ok, str(found)


@pytest.mark.parametrize("engine", [Scalar, Array, Pairs, tape(Array)])
def test_strict_accepts_what_is_right_in_everything(engine):
    assert bugs(engine, strict=True) == []


def test_what_small_engines_leave_undone_is_a_note():
    found = diagnose_engine(Closures)
    assert found.ok
    assert len(found.notes) == 3
    assert "recursion limit" in found.notes[2]
    strict = ["engine-stale-intermediates", "engine-late-read", "engine-deep-chain"]
    assert bugs(Closures, strict=True) == strict


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_library_itself_is_accepted(dtype):
    found = diagnose_engine(lambda x: Tensor(np.asarray(x, dtype), requires_grad=True))
    assert found.ok, str(found)
    assert found.parts["broadcasting"] == "ok"
    assert diagnose_engine(Tensor).ok  # requires_grad is passed where it is taken


TWO_BUGS = {
    "assigns, breadth first": (
        engine_mutants.breadth_first(engine_mutants.overwrites(Scalar)),
        ["engine-overwrites", "engine-breadth-first"],
    ),
    "wrong rule, breadth first": (
        replaced(engine_mutants.breadth_first(Scalar), mul_rule=engine_mutants.own_value),
        ["engine-rule:mul", "engine-breadth-first"],
    ),
    "no seed, breadth first": (
        engine_mutants.breadth_first(engine_mutants.no_seed(Scalar)),
        ["engine-no-seed", "engine-breadth-first"],
    ),
    "wrong seed, assigns": (
        engine_mutants.overwrites(engine_mutants.seed_two(Scalar)),
        ["engine-seed", "engine-overwrites"],
    ),
    "shared gradients, breadth first": (
        engine_mutants.breadth_first(engine_memory_mutants.shared_gradients(Array)),
        ["engine-shared-gradients", "engine-breadth-first"],
    ),
    "clears leaves, broadcasting": (
        engine_memory_mutants.not_summed(engine_memory_mutants.clears_leaves(Array)),
        ["engine-clears-leaves", "engine-broadcast-not-summed"],
    ),
}


@pytest.mark.parametrize("name", TWO_BUGS)
def test_two_bugs_at_once_are_both_named(name):
    engine, expected = TWO_BUGS[name]
    assert bugs(engine) == expected


def test_an_engine_without_some_ops_is_checked_with_the_others():
    found = diagnose_engine(Pairs)
    assert found.ok
    assert any(line.startswith("exp: ") for line in found.skipped)
    assert any("single numbers" in line for line in found.skipped)


def test_names_can_be_given():
    class Odd(Scalar):
        backward = None

        def go(self):
            super().backward()

    assert bugs(Odd) == ["engine-interface"]
    assert bugs(Odd, backward="go") == []


def test_printing_is_a_note_and_nothing_gets_out(capsys):
    def backward(self):
        print("visiting")
        Scalar.backward(self)

    found = diagnose_engine(replaced(Scalar, backward=backward))
    assert found.ok
    assert any("'visiting'" in note for note in found.notes)
    assert capsys.readouterr().out == ""


def test_the_profiler_of_the_caller_is_kept():
    def profiler(frame, event, argument):
        return None

    sys.setprofile(profiler)
    try:
        bugs(engine_mutants.per_path(Scalar))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_evidence_carries_the_numbers():
    (finding,) = diagnose_engine(engine_mutants.breadth_first(Scalar)).findings
    assert "m = a * b; y = m + m * c * d at a = 1.137" in finding.evidence
    assert "your da is 0.7698, right is 0.9849" in finding.evidence


def test_right_gradients_are_the_closed_formulas():
    values = {"a": 0.7, "b": 1.3}
    found = programs.gradients("m = a * b; y = tanh(m) / a", values)
    slope = 1 - np.tanh(0.91) ** 2
    assert np.isclose(found["a"], slope * 1.3 / 0.7 - np.tanh(0.91) / 0.49, rtol=1e-14)
    assert np.isclose(found["b"], slope, rtol=1e-14)


def test_only_the_parts_that_are_asked_for():
    found = diagnose_engine(Scalar, only=("start", "rules"))
    assert found.parts == {"start": "ok", "rules": "ok"}
