"""`diagnose_engine`: every planted bug found and named, no right engine accused."""

import json

import numpy as np
import pytest

from minicnn import Tensor
from minicnn.testing.doctor import diagnose_engine

from . import engine_memory_mutants, engine_mutants  # noqa: F401  (they fill the catalogue)
from .engine_catalogue import MUTANTS
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


def test_only_the_parts_that_are_asked_for():
    found = diagnose_engine(Scalar, only=("start", "rules"))
    assert found.parts == {"start": "ok", "rules": "ok"}
