"""Every typical bug is rejected and named; right implementations are accepted."""

import pytest

from minicnn.testing.doctor import OPS, diagnose
from minicnn.testing.doctor.bugs import BUGS, bug_of

from . import alternatives_a, alternatives_b, alternatives_c
from .code_mutants import learner

RIGHT = [
    (op, name, forward, backward, settings)
    for part in (alternatives_a, alternatives_b, alternatives_c)
    for op, entries in part.ALTERNATIVES.items()
    for name, forward, backward, settings in entries
]


def names_of(op, tiers):
    """For each mutant of an op what it is called, and the names that are right."""
    for mutant in OPS[op].mutants:
        found = diagnose(op, learner(OPS[op], mutant), tiers=tiers)
        assert not found.ok, f"{op}: {mutant.name} is accepted"
        assert not [note for note in found.notes if "the doctor's test" in note], found.notes
        yield mutant, found.verdict and found.verdict.bug, (mutant.bug, *mutant.also)


def test_the_catalogue_is_large():
    assert len(OPS) >= 18
    assert sum(len(op.mutants) for op in OPS.values()) >= 110
    assert len(RIGHT) >= 40


@pytest.mark.parametrize("op", OPS)
def test_every_bug_is_rejected_and_named(op):
    called = {m.name: (name, right) for m, name, right in names_of(op, (0, 1, 2, 3))}
    wrong = {name: pair for name, pair in called.items() if pair[0] not in pair[1]}
    assert len(wrong) <= 0.05 * len(called), wrong


@pytest.mark.parametrize("op", OPS)
def test_most_bugs_are_named_without_fingerprints(op):
    called = {m.name: (name, right) for m, name, right in names_of(op, (0, 1, 2))}
    wrong = {name: pair for name, pair in called.items() if pair[0] not in pair[1]}
    assert len(wrong) <= 0.15 * len(called), wrong


@pytest.mark.parametrize("op", OPS)
def test_the_reference_is_accepted(op):
    for seed in range(5):
        found = diagnose(op, learner(OPS[op]), seed=seed)
        assert found.ok, found
        assert not found.notes and not found.skipped


def accepted(seeds, forward, backward, op, settings):
    for seed in seeds:
        found = diagnose(op, forward, backward, seed=seed, **settings)
        assert found.ok, f"seed {seed}: {found}"


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: f"{right[0]}: {right[1]}")
def test_other_right_ways_are_accepted(right):
    op, _, forward, backward, settings = right
    accepted(range(4), forward, backward, op, settings)


@pytest.mark.slow
@pytest.mark.parametrize("right", RIGHT, ids=lambda right: f"{right[0]}: {right[1]}")
def test_other_right_ways_are_accepted_over_50_seeds(right):
    op, _, forward, backward, settings = right
    accepted(range(50), forward, backward, op, settings)


def test_every_word_has_a_headline_a_pointer_and_three_hints():
    for key, bug in BUGS.items():
        assert bug.key == key and bug.headline and bug.section and 1 <= bug.lesson <= 24
        assert len(bug.hints) == 3 and all(bug.hints), key
        assert ("{}" in bug.headline) == key.endswith(":"), key


def test_mutants_and_translations_use_words_that_exist():
    for op in OPS.values():
        keys = [m.bug for m in op.mutants] + list(op.names.values())
        for key in keys:
            assert bug_of(key), key
