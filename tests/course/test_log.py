"""What a full run of a lesson leaves is read again as it was written."""

import numpy as np
import pytest

from minicnn import data, get_num_threads
from minicnn.learn import few_images, log

ROWS = [{"net": "ViT", "images": 50000, "test": 0.625}, {"net": "CNN", "images": 1, "test": 1e-05}]


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "find_course", lambda: type("Course", (), {"folder": tmp_path}))
    return tmp_path


def test_rows_come_back_with_numbers_as_numbers(lessons):
    assert log.read("21_vit") == []
    log.write("21_vit", [{"net": "old", "images": 0, "test": 0.0}])
    log.write("21_vit", ROWS)
    found = log.read("21_vit")
    assert found == ROWS
    assert [type(value) for value in found[0].values()] == [str, int, float]


def test_a_comparison_trains_each_net_on_each_size_and_keeps_what_it_found(lessons):
    sets = data.shapes(40, 2, 16, seed=1), data.shapes(30, 2, 16, seed=2)
    nets = {"a": lambda: few_images.small_cnn(2), "b": lambda: few_images.small_cnn(2)}
    threads = get_num_threads()
    rows, learned = few_images.compare(nets, *sets, (10, 40), steps=3, lesson="21_vit")
    assert [(row["net"], row["images"]) for row in rows] == [
        ("a", 10), ("b", 10), ("a", 40), ("b", 40)
    ]  # fmt: skip
    assert log.read("21_vit") == rows
    assert rows[2]["test"] == rows[3]["test"], "one net, one seed: one result"
    share = (few_images.scores(learned["a"], sets[1].images).argmax(1) == sets[1].labels).mean()
    assert np.isclose(rows[2]["test"], share, atol=5e-4)
    assert few_images.table({"shapes": rows}).count("shapes") == 4
    assert get_num_threads() == threads
