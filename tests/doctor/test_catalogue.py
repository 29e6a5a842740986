"""Every typical bug is rejected and named; right implementations are accepted."""

import pytest

from minicnn.testing.doctor import OPS, diagnose
from minicnn.testing.doctor.bugs import BUGS, bug_of

from . import alternatives_a, alternatives_b, alternatives_c
from .code_mutants import judgements, learner, rightly_named

RIGHT = [
    (op, name, forward, backward, settings)
    for part in (alternatives_a, alternatives_b, alternatives_c)
    for op, entries in part.ALTERNATIVES.items()
    for name, forward, backward, settings in entries
]


def test_the_catalogue_is_large():
    assert len(OPS) >= 18
    assert sum(len(op.mutants) for op in OPS.values()) >= 110
    assert len(RIGHT) >= 40


@pytest.mark.parametrize("op", OPS)
def test_every_bug_is_rejected_and_named(op):
    """At least 95 % of them, and 85 % without the fingerprints."""
    seen = {m: judgements(OPS[op], m) for m in OPS[op].mutants}
    assert not [m.name for m, (whole, _) in seen.items() if whole.ok]
    for _, notes in ((m, d.notes) for m, pair in seen.items() for d in pair):
        assert not [note for note in notes if "the doctor's test" in note]
    for number, share in enumerate((0.95, 0.85)):
        wrong = {m.name: pair[number].verdict for m, pair in seen.items()
                 if not rightly_named(m, pair[number])}  # fmt: skip
        assert len(wrong) <= (1 - share) * len(seen), wrong


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
