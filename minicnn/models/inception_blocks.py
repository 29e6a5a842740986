"""The blocks of Inception v3: branches on the same x, their outputs side by side in channels.

Paper: that of `inception`. The paper does not give the widths; these are those of the published
weights, which `scaled` multiplies. H' = floor((H - 1) / 2) where a block halves the image.
"""

from .. import nn, ops
from ..tensor import Tensor
from .blocks import BasicConv2d


def scaled(width_mult: float, *widths: int) -> list[int]:
    """Channels of a net whose layers are ``width_mult`` times as wide."""
    return [int(width * width_mult) for width in widths]


class InceptionA(nn.Module):
    """1x1, 5x5, two 3x3, pool (figures 4, 5): (N, C, H, W) -> (N, 224 + pool_features, H, W)"""

    def __init__(self, c: int, pool_features: int, width_mult: float = 1.0) -> None:
        super().__init__()
        n48, n64, n96, n_pool = scaled(width_mult, 48, 64, 96, pool_features)
        self.out_channels = n64 + n64 + n96 + n_pool
        self.branch1x1 = BasicConv2d(c, n64, 1)
        self.branch5x5_1 = BasicConv2d(c, n48, 1)
        self.branch5x5_2 = BasicConv2d(n48, n64, 5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(c, n64, 1)
        self.branch3x3dbl_2 = BasicConv2d(n64, n96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(n96, n96, 3, padding=1)
        self.avgpool = nn.AvgPool2d(3, 1, padding=1)
        self.branch_pool = BasicConv2d(c, n_pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        y5 = self.branch5x5_2(self.branch5x5_1(x))
        y33 = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return ops.concat([self.branch1x1(x), y5, y33, self.branch_pool(self.avgpool(x))], 1)


class InceptionB(nn.Module):
    """3x3, two 3x3, max pool, all of stride 2 (figure 10): (N, C, H, W) -> (N, 480 + C, H', W')"""

    def __init__(self, c: int, width_mult: float = 1.0) -> None:
        super().__init__()
        n64, n96, n384 = scaled(width_mult, 64, 96, 384)
        self.out_channels = n384 + n96 + c
        self.branch3x3 = BasicConv2d(c, n384, 3, stride=2)
        self.branch3x3dbl_1 = BasicConv2d(c, n64, 1)
        self.branch3x3dbl_2 = BasicConv2d(n64, n96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(n96, n96, 3, stride=2)
        self.maxpool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y33 = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return ops.concat([self.branch3x3(x), y33, self.maxpool(x)], 1)


class InceptionC(nn.Module):
    """1x1, 7x7 as 1x7 and 7x1, two of them, pool (figure 6): (N, C, H, W) -> (N, 768, H, W)"""

    def __init__(self, c: int, channels_7x7: int, width_mult: float = 1.0) -> None:
        super().__init__()
        n7, n192 = scaled(width_mult, channels_7x7, 192)
        self.out_channels = 4 * n192
        self.branch1x1 = BasicConv2d(c, n192, 1)
        self.branch7x7_1 = BasicConv2d(c, n7, 1)
        self.branch7x7_2 = BasicConv2d(n7, n7, (1, 7), padding=(0, 3))
        self.branch7x7_3 = BasicConv2d(n7, n192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = BasicConv2d(c, n7, 1)
        self.branch7x7dbl_2 = BasicConv2d(n7, n7, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = BasicConv2d(n7, n7, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = BasicConv2d(n7, n7, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = BasicConv2d(n7, n192, (1, 7), padding=(0, 3))
        self.avgpool = nn.AvgPool2d(3, 1, padding=1)
        self.branch_pool = BasicConv2d(c, n192, 1)

    def forward(self, x: Tensor) -> Tensor:
        y7 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        y77 = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        y77 = self.branch7x7dbl_5(self.branch7x7dbl_4(y77))
        return ops.concat([self.branch1x1(x), y7, y77, self.branch_pool(self.avgpool(x))], 1)


class InceptionD(nn.Module):
    """3x3, 7x7 then 3x3, max pool, all of stride 2: (N, C, H, W) -> (N, 512 + C, H', W')"""

    def __init__(self, c: int, width_mult: float = 1.0) -> None:
        super().__init__()
        n192, n320 = scaled(width_mult, 192, 320)
        self.out_channels = n320 + n192 + c
        self.branch3x3_1 = BasicConv2d(c, n192, 1)
        self.branch3x3_2 = BasicConv2d(n192, n320, 3, stride=2)
        self.branch7x7x3_1 = BasicConv2d(c, n192, 1)
        self.branch7x7x3_2 = BasicConv2d(n192, n192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = BasicConv2d(n192, n192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = BasicConv2d(n192, n192, 3, stride=2)
        self.maxpool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y3 = self.branch3x3_2(self.branch3x3_1(x))
        y73 = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return ops.concat([y3, self.branch7x7x3_4(y73), self.maxpool(x)], 1)


class InceptionE(nn.Module):
    """1x1, 1x3 beside 3x1, 3x3 then the same, pool (figure 7): (N, C, H, W) -> (N, 2048, H, W)"""

    def __init__(self, c: int, width_mult: float = 1.0) -> None:
        super().__init__()
        n192, n320, n384, n448 = scaled(width_mult, 192, 320, 384, 448)
        self.out_channels = n320 + 4 * n384 + n192
        self.branch1x1 = BasicConv2d(c, n320, 1)
        self.branch3x3_1 = BasicConv2d(c, n384, 1)
        self.branch3x3_2a = BasicConv2d(n384, n384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = BasicConv2d(n384, n384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = BasicConv2d(c, n448, 1)
        self.branch3x3dbl_2 = BasicConv2d(n448, n384, 3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(n384, n384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = BasicConv2d(n384, n384, (3, 1), padding=(1, 0))
        self.avgpool = nn.AvgPool2d(3, 1, padding=1)
        self.branch_pool = BasicConv2d(c, n192, 1)

    def forward(self, x: Tensor) -> Tensor:
        y3, y33 = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        forks = [self.branch3x3_2a(y3), self.branch3x3_2b(y3)]
        forks += [self.branch3x3dbl_3a(y33), self.branch3x3dbl_3b(y33)]
        return ops.concat([self.branch1x1(x), *forks, self.branch_pool(self.avgpool(x))], 1)
