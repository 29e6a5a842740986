"""Two bugs in one array are both named, where they can be told apart."""

import pytest

from minicnn.testing.doctor import diagnose

from .double_bugs import DOUBLE, NOT_BOTH, named


def function(line):
    return line[2] or line[1]


@pytest.mark.parametrize(
    "line", [d for d in DOUBLE if function(d) not in NOT_BOTH],
    ids=lambda d: function(d).__name__,
)  # fmt: skip
def test_both_are_named(line):
    op, forward, backward, place, one, other = line
    found = named(op, forward, backward, place)
    assert found & set(one) and found & set(other), found
    assert found <= {*one, *other, "wrong-shape"}


@pytest.mark.parametrize(
    "line", [d for d in DOUBLE if function(d) in NOT_BOTH], ids=lambda d: function(d).__name__
)
def test_others_are_rejected(line):
    op, forward, backward, place, _, _ = line
    assert diagnose(op, forward, backward).parts[place] == "WRONG"


def test_the_evidence_has_the_numbers():
    op, forward, backward, *_ = DOUBLE[0]
    first, second = diagnose(op, forward, backward).findings
    assert first.evidence == second.evidence and first.tier == second.tier == 3
    assert "gweight[" in first.evidence and "it should be" in first.evidence


def test_one_bug_is_not_taken_for_two():
    """The probes on which the bug of ReLU's mask shows are few: no pair may come before it."""
    found = diagnose(
        "relu", lambda x: (x > 0) * x, lambda gy, x: gy * (x > 0) * (x < 1)
    ).findings  # fmt: skip
    assert len(found) == 1
