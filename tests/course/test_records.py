"""The metrics of a lesson's full run: written by it, read in fast mode, shown and drawn."""

import pytest

from minicnn.learn import figures
from minicnn.learn.records import SOURCE, draw, recorded, table
from minicnn.train import Epoch

HISTORY = [Epoch(1, 1.5, 0.5, 1.25, 0.25, 0.1, 30.0), Epoch(2, 1.0, 0.75, 1.0, 0.625, 0.1, 60.0)]


@pytest.fixture
def course(tmp_path, monkeypatch):
    (tmp_path / "30_depth.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("MINICNN_LESSONS", str(tmp_path))
    return tmp_path


def never(*_):
    raise AssertionError("fast mode must not train")


def test_a_full_run_is_kept_and_read_in_fast_mode(course, monkeypatch):
    monkeypatch.setattr(figures, "FAST", True)
    assert recorded("30_depth", "plain", never) == []
    monkeypatch.setattr(figures, "FAST", False)
    kept = recorded("30_depth", "plain", lambda first, epochs: HISTORY[first:epochs], 0, epochs=2)
    assert kept == HISTORY
    assert (course / "30_depth" / "plain.csv").exists()
    monkeypatch.setattr(figures, "FAST", True)
    assert recorded("30_depth", "plain", never, "net") == HISTORY


def test_the_table_says_what_the_last_epoch_measured(monkeypatch):
    monkeypatch.setattr(figures, "FAST", True)
    heads, line, source = table({"plain": HISTORY, "deep": []}).splitlines()
    assert heads.split() == "CIFAR-10 epochs training, % wrong test, % wrong minutes".split()
    assert line.split() == ["plain", "2", "25.0", "37.5", "1.5"]
    assert source == SOURCE
    monkeypatch.setattr(figures, "FAST", False)
    assert SOURCE not in table({"plain": HISTORY}), "the run had images of its own"


def test_the_table_says_that_there_is_none():
    assert table({"plain": []}) == "CIFAR-10: no full run is recorded yet"


def test_the_drawing_has_the_training_errors():
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install matplotlib")
    (line,) = draw({"plain": HISTORY}).axes[0].lines
    assert [*line.get_xdata()] == [1, 2]
    assert [*line.get_ydata()] == [50, 25]
