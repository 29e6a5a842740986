"""Optimizer.load_state_dict with what is no state of this optimizer."""

import numpy as np
import pytest

from minicnn import Tensor, nn, optim


def stepped_adam(steps):
    adam = optim.Adam([nn.Parameter(np.ones(2)), nn.Parameter(np.ones(3))], lr=0.1 * steps)
    for _ in range(steps):
        for p in adam._params():
            p.grad = Tensor(np.ones(p.shape))
        adam.step()
    return adam


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": []}, '"state" must be a dict of dicts, got list'),
        ({"state": None}, '"state" must be a dict of dicts, got NoneType'),
        ({"state": {0: 5}}, '"state" must be a dict of dicts, got int'),
        ({"state": {7: {"step": 1}}}, r"belong to parameters \[0, 1\] .*, got \[7\]"),
        ({"state": {"0": {"step": 1}}}, r"belong to parameters \[0, 1\] .*, got \['0'\]"),
        ({"param_groups": [{"lr": 0.5}]}, 'list of dicts, each with a list "params", got'),
        ({"param_groups": [{"params": 2}]}, 'list of dicts, each with a list "params", got'),
        ({"param_groups": [5]}, r"list of dicts, .* got \[5\]"),
        ({"param_groups": None}, "list of dicts, .* got None"),
        ({"param_groups": []}, r"must have \[2\] parameters, got \[\]"),
        ({"param_groups": [{"params": [0, 0]}]}, r"each parameter once, got \[0, 0\]"),
        ({"param_groups": [{"params": [0, []]}]}, r"each parameter once, got \[0, \[\]\]"),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(change, message):
    target, state = stepped_adam(2), stepped_adam(1).state_dict()
    with pytest.raises(ValueError, match=f"Adam: the saved .*{message}"):
        target.load_state_dict(state | change)
    expected, own = stepped_adam(2).state_dict(), target.state_dict()
    assert own["param_groups"] == expected["param_groups"]
    for i in (0, 1):
        assert own["state"][i]["step"] == 2
        np.testing.assert_array_equal(own["state"][i]["exp_avg"], expected["state"][i]["exp_avg"])
