"""Automatic changes of the reference rules: each is rejected, or makes no difference."""

import re

import pytest

from minicnn.testing.doctor import OPS

from .code_mutants import code_mutants, judged
from .survivors import REASONS

FEW = 8  # per op; all of them with -m slow


def survivors(op, most=None):
    """The keys of an op's changes that the doctor accepts."""
    mutants = list(code_mutants(OPS[op]))
    step = max(1, len(mutants) // most) if most else 1
    return [m.key for m in mutants[::step] if judged(m).ok]


def unexplained(keys):
    return [key for key in keys if not any(re.search(pattern, key) for pattern in REASONS)]


def test_there_are_many():
    assert sum(1 for op in OPS.values() for _ in code_mutants(op)) >= 300


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", OPS)
def test_some_changes_of_each_op_are_rejected(op):
    assert not unexplained(survivors(op, FEW))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_all_changes_are_rejected_and_every_reason_is_needed():
    keys = [key for op in OPS for key in survivors(op)]
    assert not unexplained(keys)
    assert not [p for p in REASONS if not any(re.search(p, key) for key in keys)]
