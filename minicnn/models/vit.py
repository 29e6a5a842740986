"""Vision Transformer: an image as a sequence of patches, read by attention alone.

Paper: A. Dosovitskiy, L. Beyer, A. Kolesnikov, D. Weissenborn, X. Zhai and others, "An image is
worth 16x16 words: transformers for image recognition at scale", ICLR 2021 (arXiv 2010.11929),
table 1, equations 1-4.

    model       layers   hidden size   MLP size   heads   parameters
    ViT-Base      12         768         3072       12        86M
    ViT-Large     24        1024         4096       16       307M
    ViT-Huge      32        1280         5120       16       632M

A patch of p x p pixels becomes a vector (a convolution of stride p); a learnt vector, the class
token, is put before them, and to each its place's learnt vector is added. What the layers made of
the class token goes to the head.

What differs: the head is one linear layer, which the paper has for fine-tuning; its hidden layer
for training from scratch is left out. The tiny one for 32x32 pixels, which no paper has, cuts its
patches from the maps of two convolutions: so it learns from thousands of images, not millions.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nn, ops
from ..tensor import Tensor
from .blocks import Conv2dNormActivation
from .network import Network

EPS = 1e-6  # of all layer norms


class MLP(nn.Sequential):
    """y = W2 gelu(W1 x + b1) + b2, the same for each place: (N, L, E) -> (N, L, E)"""

    def __init__(self, hidden_dim: int, mlp_dim: int, dropout: float = 0.0) -> None:
        first, second = nn.Linear(hidden_dim, mlp_dim), nn.Linear(mlp_dim, hidden_dim)
        super().__init__(first, nn.GELU(), nn.Dropout(dropout), second, nn.Dropout(dropout))
        for layer in (first, second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)


class EncoderBlock(nn.Module):
    """y = x + attention(norm(x)), then y + mlp(norm(y)): (N, L, E) -> (N, L, E)"""

    def __init__(
        self, num_heads: int, hidden_dim: int, mlp_dim: int, dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.ln_1 = nn.LayerNorm(hidden_dim, EPS)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, attention_dropout)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(hidden_dim, EPS)
        self.mlp = MLP(hidden_dim, mlp_dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.dropout(self.self_attention(self.ln_1(x)))
        return y + self.mlp(self.ln_2(y))


class Encoder(nn.Module):
    """The places' vectors added, all blocks, a norm: (N, L, E) -> (N, L, E) with L = seq_length."""

    def __init__(
        self, seq_length: int, num_layers: int, hidden_dim: int, dropout: float, **options: Any
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(np.zeros((1, seq_length, hidden_dim), np.float32))
        nn.init.normal_(self.pos_embedding, std=0.02)
        self.dropout = nn.Dropout(dropout)
        options |= {"hidden_dim": hidden_dim, "dropout": dropout}
        self.layers = nn.Sequential(
            {f"encoder_layer_{i}": EncoderBlock(**options) for i in range(num_layers)}
        )
        self.ln = nn.LayerNorm(hidden_dim, EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))


class VisionTransformer(Network):
    """(N, C, image_size, image_size) -> (N, num_classes) logits.

    ``dropout`` is that after each layer, ``attention_dropout`` that of attention's weights. Before
    the patches are cut, convolutions of ``conv_stem`` channels may halve the image (Xiao et al.,
    "Early convolutions help transformers see better", 2021); a patch covers as many pixels still.

    Raises ValueError where image_size is no multiple of patch_size, or patch_size none of what the
    stem leaves, and for images of other sizes.
    """

    head_paths = ("heads.head",)

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, image_size: int = 224,
        patch_size: int = 16, num_layers: int = 12, num_heads: int = 12, hidden_dim: int = 768,
        mlp_dim: int = 3072, dropout: float = 0.0, attention_dropout: float = 0.0,
        conv_stem: Sequence[int] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        patch, rest = divmod(patch_size, 2 ** len(conv_stem))
        if patch < 1 or rest or image_size < patch_size or image_size % patch_size:
            raise ValueError(
                "VisionTransformer: image_size must be a multiple of patch_size, and patch_size of "
                f"2^len(conv_stem), got image_size={image_size}, patch_size={patch_size}, "
                f"conv_stem={conv_stem}"
            )
        self.image_size = image_size
        self.class_token = nn.Parameter(np.zeros((1, 1, hidden_dim), np.float32))
        self.conv_stem = nn.Sequential()
        for channels in conv_stem:
            self.conv_stem.append(Conv2dNormActivation(in_channels, channels, 3, 2))
            in_channels = channels
        self.conv_proj = nn.Conv2d(in_channels, hidden_dim, patch, patch)
        self.encoder = Encoder(
            (image_size // patch_size) ** 2 + 1, num_layers, hidden_dim, dropout,
            num_heads=num_heads, mlp_dim=mlp_dim, attention_dropout=attention_dropout,
        )  # fmt: skip
        self.heads = nn.Sequential({"head": nn.Linear(hidden_dim, num_classes)})
        nn.init.trunc_normal_(self.conv_proj.weight, std=1 / math.sqrt(in_channels * patch**2))
        for p in (self.conv_proj.bias, *self.heads.parameters()):
            nn.init.zeros_(p)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv_proj(self.conv_stem(x)).flatten(2).permute(0, 2, 1)
        token = ops.expand(self.class_token, len(x), -1, -1)
        return self.heads(self.encoder(ops.concat([token, patches], 1))[:, 0])


def vit_b_16(**options: Any) -> VisionTransformer:
    """ViT-Base with patches of 16x16 pixels, for images of 224x224."""
    return VisionTransformer(**options)


def vit_tiny_cifar(num_classes: int = 10, **options: Any) -> VisionTransformer:
    """A narrow one of few layers, with patches of 4x4 pixels after convolutions, for 32x32."""
    sizes: dict[str, Any] = {
        "image_size": 32, "patch_size": 4, "num_layers": 3, "num_heads": 4, "hidden_dim": 64,
        "mlp_dim": 128, "conv_stem": (32, 64),
    }  # fmt: skip
    return VisionTransformer(num_classes, **(sizes | options))
