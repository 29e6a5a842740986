"""Every family has a narrow member that learns to tell shapes apart, in a few hundred steps."""

import pytest

from examples.learn_shapes import RECIPES, learn
from minicnn import models


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_learns(name):
    assert learn(name).accuracy >= 0.95


def test_every_family_is_there():
    """Every class of networks has a recipe, but for those made for digits, which learn digits."""
    with_recipe = {type(models.create(name, **RECIPES[name].options)) for name in RECIPES}
    families = {cls for cls in vars(models).values() if isinstance(cls, type)}
    nets = {cls for cls in families if issubclass(cls, models.Network)}
    assert nets - with_recipe <= {models.Network, models.MnistCNN, models.LeNet5}
