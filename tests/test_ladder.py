"""The ladder of docs/convolution.md: all its rungs compute the convolution."""

import numpy as np
import pytest

from benchmarks import harness, ladder
from benchmarks.report import OURS

pytest.importorskip("numba", reason="the ladder's loops are compiled by Numba")


@pytest.fixture
def small(monkeypatch):
    for name, value in {"PAUSE": 0.0, "TURN": 0.0, "ROUNDS": 1, "QUIET": np.inf}.items():
        monkeypatch.setattr(harness, name, value)
    for name, value in {"N": 2, "C": 5, "SIZE": 7}.items():
        monkeypatch.setattr(ladder, name, value)
    monkeypatch.setattr(ladder, "peak", lambda: 1e9)


def test_every_rung_computes_the_convolution(small):
    found = list(ladder.rows())  # raises where they differ
    assert len(found) == 4
    assert all(row.work == 2 * 2 * 7 * 7 * 9 * 5 * 5 and row.samples[OURS] for row in found)


def test_a_wrong_rung_is_found(small, monkeypatch):
    monkeypatch.setattr(ladder, "ours", lambda x, weight: lambda: np.zeros_like(x))
    with pytest.raises(RuntimeError, match="micro-kernel must compute what the others do"):
        list(ladder.rows())


def test_the_peak_is_that_of_a_machine():
    from benchmarks.peak import peak

    assert 1e8 < peak() < 1e13
