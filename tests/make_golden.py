"""Make minicnn/testing/golden.npz: `python -m tests.make_golden [NAME]...` (all names by default).

It needs torch and torchvision. The nets that torchvision lacks are built here from torch.nn, with
the names that our layers have.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from minicnn.testing import golden
from minicnn.testing.parity import import_torchvision, watching

LOGITS = 4  # kept of each image


def main(names: list[str]) -> None:
    """Make the named goldens anew and leave the others in the file as they are."""
    torch.set_num_threads(1)
    known = sources()
    old = {name: golden.load(name) for name in golden.names()} if golden.FILE.exists() else {}
    new = {}
    for name in names or known:
        build, input_shape, reference = known[name]
        new[name] = make(build, input_shape, reference)
        print(f"{name:20} {reference:18} {len(new[name].layers):4} layers", flush=True)
    merged = old | new
    golden.save({name: merged[name] for name in known if name in merged})
    print(f"{golden.FILE}: {len(merged)} nets, {golden.FILE.stat().st_size:,} bytes")


def make(build: Callable[[], Any], input_shape: tuple[int, ...], reference: str) -> golden.Golden:
    """Golden values of a torch net with seeded weights and the statistics of the seeded input."""
    with torch.device("meta"):
        net = build()
    shapes = {key: (tuple(x.shape), str(x.dtype)[6:]) for key, x in net.state_dict().items()}
    state = golden.seeded_state(shapes)
    while state:  # one after the other, for the sake of memory
        key, array = state.popitem()
        x = torch.from_numpy(array)
        x = x.double() if x.is_floating_point() else x
        net.load_state_dict({key: x}, strict=False, assign=True)
    x = torch.from_numpy(golden.seeded_input((2, *input_shape))).double()
    settle(net, x)
    layers: list[golden.GoldenLayer] = []

    def see(path: str, call: int, kind: str, y: np.ndarray) -> None:
        values = golden.fingerprint(y)
        # A container tells nothing new where its output is that of its last part.
        if path and not (layers and layers[-1][2:] == values and has_parts(path)):
            layers.append(golden.GoldenLayer(path, y.shape, *values))

    def has_parts(path: str) -> bool:
        return bool(list(net.get_submodule(path).children()))

    with torch.no_grad(), watching(net, see):
        y = net(x)
    layers.append(golden.GoldenLayer("", tuple(y.shape), 0.0, 0.0))
    return golden.Golden(reference, input_shape, layers, y[:, :LOGITS].numpy())


def settle(net: nn.Module, x: torch.Tensor) -> None:
    """Give all batch norms the statistics of ``x``; the rest of the net is in eval mode."""
    net.eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
            module.momentum = 1.0
    with torch.no_grad():
        net(x)
    net.eval()


Source = tuple[Callable[[], Any], tuple[int, ...], str]

TORCHVISION = """
    alexnet vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn googlenet inception_v3
    resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2
    densenet121 densenet161 densenet169 densenet201 squeezenet1_0 squeezenet1_1
    mobilenet_v2 mobilenet_v3_large mobilenet_v3_small
    efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
    efficientnet_b6 efficientnet_b7 vit_b_16
""".split()
INPUTS = {"inception_v3": (3, 107, 96), "vit_b_16": (3, 224, 224)}  # else (3, 96, 80)


def sources() -> Mapping[str, Source]:
    """How to build each net, the input, and the reference's name."""
    torchvision = import_torchvision()
    known: dict[str, Source] = {}
    for name in TORCHVISION:
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        build = partial(torchvision.models.get_model, name, **options)
        release = torchvision.__version__.split("+")[0]
        known[name] = build, INPUTS.get(name, (3, 96, 80)), f"torchvision {release}"
    reference = f"torch.nn {torch.__version__.split('+')[0]}"
    for name, (build, shape) in OWN.items():
        known[name] = build, shape, reference
    return known


# The nets that torchvision lacks


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., 2016); option A without parameters, or B."""

    def __init__(self, inplanes: int, planes: int, stride: int, option: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.stride, self.new = stride, planes - inplanes
        if option == "B" and self.new:
            conv = nn.Conv2d(inplanes, planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(planes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "downsample"):
            return self.relu(y + self.downsample(x))
        short = torch.zeros_like(y)
        first = self.new // 2
        short[:, first : first + x.shape[1]] = x[:, :, :: self.stride, :: self.stride]
        return self.relu(y + short)


class CifarResNet(nn.Module):
    """Three stages of n blocks with 16, 32 and 64 channels (He et al., 2016, section 4.2)."""

    def __init__(self, n: int, option: str = "A") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = nn.Sequential(*(Block(16, 16, 1, option) for _ in range(n)))
        self.layer2 = nn.Sequential(*(Block(32 - 16 * (not i), 32, 1 + (not i), option)
                                      for i in range(n)))  # fmt: skip
        self.layer3 = nn.Sequential(*(Block(64 - 32 * (not i), 64, 1 + (not i), option)
                                      for i in range(n)))  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(self.avgpool(x).flatten(1))


class MobileNetV1(nn.Module):
    """Table 1 of Howard et al., 2017, with all channels times ``alpha``."""

    PLAN = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
            *[(512, 512, 1)] * 5, (512, 1024, 2), (1024, 1024, 1))  # fmt: skip

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        first = int(32 * alpha)
        stem = nn.Conv2d(3, first, 3, 2, 1, bias=False)
        parts = [nn.Sequential(stem, nn.BatchNorm2d(first), nn.ReLU())]
        for inputs, outputs, stride in self.PLAN:
            i, o = int(inputs * alpha), int(outputs * alpha)
            parts.append(nn.Sequential(
                nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU(),
                nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
            ))  # fmt: skip
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(int(1024 * alpha), 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def lenet5() -> nn.Module:
    """Figure 2 of LeCun et al., 1998, with trainable subsampling and the partial C3 left out."""
    net = nn.Sequential()
    parts = {
        "c1": nn.Conv2d(1, 6, 5, padding=2), "act1": nn.Tanh(), "s2": nn.AvgPool2d(2),
        "c3": nn.Conv2d(6, 16, 5), "act3": nn.Tanh(), "s4": nn.AvgPool2d(2),
        "c5": nn.Conv2d(16, 120, 5), "act5": nn.Tanh(), "flatten": nn.Flatten(),
        "f6": nn.Linear(120, 84), "act6": nn.Tanh(), "output": nn.Linear(84, 10),
    }  # fmt: skip
    for name, part in parts.items():
        net.add_module(name, part)
    return net


OWN: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet5": (lenet5, (1, 28, 28)),
    **{f"resnet{6 * n + 2}": (partial(CifarResNet, n), (3, 32, 32)) for n in (3, 5, 7, 9, 18)},
    "mobilenet_v1": (MobileNetV1, (3, 96, 80)),
    "mobilenet_v1_075": (partial(MobileNetV1, 0.75), (3, 96, 80)),
    "mobilenet_v1_050": (partial(MobileNetV1, 0.5), (3, 96, 80)),
    "mobilenet_v1_025": (partial(MobileNetV1, 0.25), (3, 96, 80)),
}

if __name__ == "__main__":
    main(sys.argv[1:])
