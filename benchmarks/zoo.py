"""The zoo: what one image costs each network, beside torchvision's where that is installed.

One image of the network's usual size, float32, eval mode, nothing recorded; nothing is folded.
"""

from collections.abc import Callable, Iterator

from minicnn import Tensor, models, no_grad
from minicnn.testing.parity import torchvision_names, torchvision_net

from .contestants import images, torch_nets
from .harness import Row, compare
from .report import OURS, TORCH


def rows() -> Iterator[Row]:
    theirs = set(torchvision_names())
    for name in models.list():
        net = models.create(name).eval()
        x = images(1, *models.input_shape(name))

        def ours(net: models.Network = net, x: object = x) -> object:
            with no_grad():
                return net(Tensor(x))

        runs: dict[str, Callable[[], object]] = {OURS: ours}
        if name in theirs:
            peer = torchvision_net(name, net.state_dict()).eval()
            runs[TORCH] = torch_nets().inference(peer, x, False)
        yield compare(name, runs, seconds=2.0)
