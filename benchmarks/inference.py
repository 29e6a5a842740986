"""One batch of 224x224 images in use: eval mode, nothing recorded, batch norms folded; float32.

torch runs in inference_mode. Its batch norms are not folded, as its users have them, but for the
columns that say so (torch.nn.utils.fusion.fuse_conv_bn_eval).
"""

from collections.abc import Iterator

from .contestants import inferences
from .harness import Row, compare

WORKLOADS = (
    ("resnet50", 1), ("resnet50", 8), ("vgg16", 1), ("vgg16", 8), ("alexnet", 1), ("alexnet", 8),
    ("mobilenet_v2", 1), ("mobilenet_v2", 16), ("efficientnet_b0", 1),
)  # fmt: skip


def rows() -> Iterator[Row]:
    for name, batch in WORKLOADS:
        yield compare(f"{name} b{batch}", inferences(name, batch))
