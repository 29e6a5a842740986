"""What the lessons of part two draw from measurements, and say of other data than CIFAR-10."""

from types import SimpleNamespace

import numpy as np
import pytest

from minicnn.learn import costs, figures, log, panels, roofline
from minicnn.learn.records import table
from minicnn.train import Epoch

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install matplotlib")


def points(axes):
    return [np.column_stack(line.get_data()).tolist() for line in axes.lines]


def test_costs_are_drawn_for_imagenet_alone_and_in_order():
    def info(cost, top1, dataset="ImageNet-1K"):
        return SimpleNamespace(multiply_adds=cost, top1=top1, dataset=dataset)

    found = [info(3e8, 72.0), info(1e8, 60.0), info(2e8, 99.0, "CIFAR-10")]
    assert points(costs.draw({"net": found}).axes[0]) == [[[100, 60.0], [300, 72.0]]]


def test_curves_begin_at_1_and_a_panel_without_any_is_left_out():
    fig = panels.accuracies({"step": {"a": np.array([0.2, 0.4])}, "epoch": {"b": []}})
    (axes,) = fig.axes
    assert axes.get_xlabel() == "step"
    assert points(axes) == [[[1, 0.2], [2, 0.4]]]


def test_images_stand_under_their_names():
    red = np.zeros((3, 2, 2))
    red[0] = 1.5  # more than can be shown
    fig = panels.images({"red": red, "black": red * 0})
    assert [axes.get_title() for axes in fig.axes] == ["red", "black"]
    assert fig.axes[0].images[0].get_array()[0, 0].tolist() == [1, 0, 0]


def test_the_roofline_has_each_layer_below_its_limit():
    found = {"machine": "m", "peak": 100.0, "bandwidth": 10.0, "full 3x3": 90.0,
             "pointwise": 80.0, "depthwise 3x3": 15.0}  # fmt: skip
    fig = roofline.draw(lambda p, c, o, t, g, peak, bandwidth: min(peak, 2 * bandwidth), found)
    *layers, roof = points(fig.axes[0])
    assert roof == [[1, 10], [10, 100], [1024, 100]]
    assert layers[::2] == [[[2, 90], [2, 20]], [[2, 80], [2, 20]], [[2, 15], [2, 20]]]


def test_the_roofline_of_lesson_20_is_logged():
    (found,) = log.read("20_efficient")
    assert set(found) == {"machine", "peak", "bandwidth", *roofline.LAYERS}


def test_other_data_than_cifar_has_its_name_and_no_note(monkeypatch):
    monkeypatch.setattr(figures, "FAST", True)
    lines = table({"net": [Epoch(1, 1.0, 0.5, 1.0, 0.5, 0.1, 60.0)]}, "flowers").splitlines()
    assert len(lines) == 2 and lines[0].startswith("flowers ")
    assert table({"net": []}, "flowers") == "flowers: no full run is recorded yet"
