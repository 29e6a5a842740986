"""What the arguments of layers must be, by their names, and what their inputs must be."""

from typing import Any

from ..ops.conv import pair
from ..tensor import Tensor, TensorLike, as_tensor

COUNTS = (
    "in_channels", "out_channels", "groups", "depth_multiplier", "in_features", "out_features",
    "num_features", "num_groups", "num_channels", "normalized_shape", "size",
)  # fmt: skip
SIZES = {"kernel_size": 1, "stride": 1, "dilation": 1, "output_size": 1, "padding": 0}
PARTS = ("p", "momentum", "label_smoothing")
CHOICES = {
    "reduction": ("mean", "sum", "none"),
    "approximate": ("none", "tanh"),
    "padding_mode": ("zeros",),
}


def check(who: str, **options: Any) -> None:
    """Raise ValueError, naming layer and argument, for a value that its name does not allow.

    Counts are whole numbers of at least 1, sizes whole numbers or pairs of them, parts lie in
    [0, 1]. None stands for "not given", and names without a rule are not looked at.
    """
    for name, value in options.items():
        rule = None
        if value is None:
            continue
        if name in COUNTS and (not isinstance(value, int) or value < 1):
            rule = "be a whole number of at least 1"
        elif name in SIZES:
            pair(f"{who}: {name}", value, SIZES[name])
        elif name in PARTS and not 0 <= value <= 1:
            rule = "lie in [0, 1]"
        elif name in CHOICES and value not in CHOICES[name]:
            rule = f"be one of {', '.join(CHOICES[name])}"
        elif name == "eps" and not value >= 0:
            rule = "be at least 0"
        if rule:
            raise ValueError(f"{who}: {name} must {rule}, got {value!r}")


def check_divides(who: str, groups: int, **channels: int) -> None:
    """Raise ValueError unless the groups divide the channels."""
    check(who, groups=groups)
    for name, n in channels.items():
        check(who, **{name: n})
        if n % groups:
            raise ValueError(f"{who}: {name} must be a multiple of the groups {groups}, got {n}")


def floating(who: str, x: TensorLike) -> Tensor:
    """x as a Tensor. Raises TypeError for integers, such as images that come as bytes."""
    x = as_tensor(x)
    if x.dtype.kind != "f":
        raise TypeError(
            f"{who}: x must have floating-point numbers, got {x.dtype}; for images of 0 ... 255 "
            "write x.astype(np.float32) / 255.0"
        )
    return x
