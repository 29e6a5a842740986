"""A picture of what networks cost and what they reach."""

from collections.abc import Iterable, Mapping
from typing import Any


def draw(families: Mapping[str, Iterable[Any]]) -> Any:
    """A matplotlib figure: ImageNet accuracy against multiply-adds, a line per family.

    ``families`` has `minicnn.models.ModelInfo` by name; those for other images are left out.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes = (fig := Figure(figsize=(6, 3), layout="constrained")).subplots()
    for name, infos in families.items():
        known = [(i.multiply_adds / 1e6, i.top1) for i in infos if i.dataset == "ImageNet-1K"]
        axes.semilogx(*zip(*sorted(known), strict=True), "o-", label=name)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.minorticks_off()
    axes.set(xlabel="million multiply-adds", ylabel="ImageNet, % right", xlim=(30, 50_000))
    axes.legend(frameon=False, fontsize=8)
    return fig
