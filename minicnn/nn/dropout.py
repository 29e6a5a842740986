"""Random zeros, in training only. The masks come from `minicnn.random`, so a seed repeats them."""

from .. import ops
from .layer import OpLayer


class Dropout(OpLayer):
    """Dropout(p=0.5): each value 0 with probability p, else divided by 1 - p.

    Paper: Srivastava et al., "Dropout", 2014, section 4.
    """

    op = ops.dropout


class Dropout2d(OpLayer):
    """Dropout2d(p=0.5): dropout of whole channels of (N, C, H, W). Tompson et al., 2015."""

    op = ops.dropout2d


class DropPath(OpLayer):
    """DropPath(p=0.5): dropout of whole samples of (N, ...). Huang et al., 2016, section 3."""

    op = ops.drop_path
