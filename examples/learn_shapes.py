"""Every family of networks learns: narrow members on drawn shapes, a few hundred steps each.

Four classes (circle, square, triangle, cross) of 32x32 pixels, no image seen twice, tested on 1,000
others. `python examples/learn_shapes.py` trains all, with names as arguments some of them.
"""

import sys
import time
from typing import Any, NamedTuple

from minicnn import data, manual_seed, models, optim, train

BATCH = 32


class Recipe(NamedTuple):
    """``lr`` is the peak of one cycle (Smith, Topin, 2018), with AdamW."""

    options: dict[str, Any]
    lr: float
    steps: int


RECIPES: dict[str, Recipe] = {
    "alexnet_cifar": Recipe({"width_mult": 0.25, "dropout": 0.0}, 0.001, 500),
    "vgg11_bn_cifar": Recipe({"width_mult": 0.125, "dropout": 0.2}, 0.005, 300),
    "googlenet_cifar": Recipe({}, 0.005, 200),
    "inception_v3_cifar": Recipe({}, 0.01, 300),
    "resnet18_cifar": Recipe({"width_mult": 0.125}, 0.01, 250),
    "resnet20": Recipe({"width_mult": 0.25}, 0.01, 250),
    "densenet_cifar": Recipe({"block_config": (3, 3, 3), "growth_rate": 8}, 0.01, 300),
    "squeezenet_cifar": Recipe({"width_mult": 0.5, "dropout": 0.2}, 0.005, 300),
    "mobilenet_v1_cifar": Recipe({"width_mult": 0.25}, 0.01, 300),
    "mobilenet_v2_cifar": Recipe({"width_mult": 0.25, "dropout": 0.0}, 0.01, 300),
    "mobilenet_v3_cifar": Recipe({"width_mult": 0.5}, 0.01, 300),
    "efficientnet_cifar": Recipe({"width_mult": 0.25, "depth_mult": 0.5}, 0.01, 300),
    "vit_tiny_cifar": Recipe(
        {"patch_size": 8, "conv_stem": (32, 64, 64), "num_layers": 2}, 0.003, 600
    ),
}


class Result(NamedTuple):
    parameters: int
    accuracy: float
    seconds: float


def learn(name: str, seed: int = 0) -> Result:
    """Train a model as its recipe says; its accuracy on images that it has not seen."""
    recipe = RECIPES[name]
    seen = data.shapes(recipe.steps * BATCH, seed=1)
    unseen = data.shapes(1000, seed=2)
    manual_seed(seed)
    net = models.create(name, num_classes=len(seen.classes), **recipe.options)
    optimizer = optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=0.01)
    schedule = optim.OneCycleLR(
        optimizer, recipe.lr, total_steps=recipe.steps, cycle_momentum=False
    )
    start = time.perf_counter()
    train.fit(net, seen, optimizer=optimizer, schedule=schedule, batch_size=BATCH, seed=seed,
              progress=False)  # fmt: skip
    seconds = time.perf_counter() - start
    accuracy = train.evaluate(net, unseen).accuracy
    return Result(sum(p.numel() for p in net.parameters()), accuracy, seconds)


def main() -> None:
    print("| model | options | parameters | steps | lr | accuracy | seconds |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name in sys.argv[1:] or RECIPES:
        if name not in RECIPES:
            sys.exit(f"learn_shapes: a name must be one of {', '.join(RECIPES)}, got {name!r}")
        recipe, result = RECIPES[name], learn(name)
        options = ", ".join(f"{key}={value}" for key, value in recipe.options.items())
        print(
            f"| {name} | {options} | {result.parameters:,} | {recipe.steps} | {recipe.lr} | "
            f"{result.accuracy:.1%} | {result.seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
