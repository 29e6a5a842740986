"""The names of ImageNet's classes."""

from importlib.resources import files


def imagenet_classes() -> list[str]:
    """The 1,000 classes of ImageNet-1K (ILSVRC 2012) in their order, named as torchvision does."""
    text = files(__package__).joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    return text.splitlines()
