"""Attention: every place of a sequence gathers from all places what it asks for."""

from itertools import repeat

import numpy as np

from .. import ops
from ..tensor import Tensor, TensorLike, as_tensor
from .checks import check, floating
from .init import xavier_uniform_, zeros_
from .layer import Layer
from .linear import Linear
from .module import Parameter


class MultiheadAttention(Layer):
    """Joined over h heads: softmax(q_h k_h^T / sqrt(d)) v_h, then y = out_proj(all heads)

    q, k, v are linear maps of query, key and value, whose weights lie one under the other in
    ``in_proj_weight`` (3 E, E); each head has d = E / num_heads of their numbers. The softmax runs
    over the keys: each row of weights sums to 1. In training, ``dropout`` is the share of these
    weights that is dropped. in_proj_weight starts as Glorot's uniform, biases as 0.

    (N, L, E), (N, S, E), (N, S, E) -> (N, L, E). Key and value are the query where they are left
    out (self-attention); value is the key where it alone is. ``attn_mask`` (L, S), or any shape
    that broadcasts to (N, num_heads, L, S): True where a query must not look at a key, or numbers
    to add to q k^T / sqrt(d). As torch's with batch_first=True, but returns y alone.

    Raises ValueError for shapes that do not fit, TypeError for whole numbers.
    Paper: Vaswani et al., "Attention is all you need", 2017, equation 1 and section 3.2.2.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        check("MultiheadAttention: dropout", p=dropout)
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                "MultiheadAttention: embed_dim must be a multiple of num_heads, both at least 1, "
                f"got embed_dim={embed_dim} and num_heads={num_heads}"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.dropout, self.bias = dropout, bias
        self.in_proj_weight = Parameter(np.zeros((3 * embed_dim, embed_dim), np.float32))
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, np.float32)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        xavier_uniform_(self.in_proj_weight)
        if self.out_proj.bias is not None:
            zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor | None = None, value: Tensor | None = None,
        attn_mask: TensorLike | None = None,
    ) -> Tensor:  # fmt: skip
        key = query if key is None else key
        value = key if value is None else value
        inputs = [floating("MultiheadAttention", x) for x in (query, key, value)]
        self._check(*(x.shape for x in inputs))
        weights, bias = ops.split(self.in_proj_weight, self.embed_dim), self.in_proj_bias
        biases = repeat(None) if bias is None else ops.split(bias, self.embed_dim)
        q, k, v = map(self._into_heads, map(ops.linear, inputs, weights, biases))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if attn_mask is not None:
            scores = _masked(scores, as_tensor(attn_mask))
        shares = ops.dropout(ops.softmax(scores, -1), self.dropout, self.training)
        return self.out_proj((shares @ v).permute(0, 2, 1, 3).flatten(2))

    def _into_heads(self, x: Tensor) -> Tensor:
        """(N, L, E) -> (N, num_heads, L, d)"""
        n, length, e = x.shape
        return x.reshape(n, length, self.num_heads, e // self.num_heads).permute(0, 2, 1, 3)

    def _check(self, q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...]) -> None:
        fit = len(q) == len(k) == 3 and q[2] == k[2] == self.embed_dim
        if not fit or k != v or q[0] != k[0]:
            raise ValueError(
                "MultiheadAttention: query, key and value must be (N, L, E), (N, S, E), (N, S, E) "
                f"with E={self.embed_dim}, got {q}, {k}, {v}"
            )


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    if mask.dtype.kind not in "bf":
        raise TypeError(f"attn_mask: must be bool or floating-point, got {mask.dtype}; write != 0")
    if mask.dtype.kind == "b":
        return ops.where(mask, -np.inf, scores)
    return scores + mask.astype(scores.dtype)
