"""Attention against naive loops and torch, its gradients, what it refuses."""

import numpy as np
import pytest

from minicnn import Tensor, grad, manual_seed, nn, no_grad, summary
from minicnn.testing import gradcheck, gradgradcheck
from tests.torch_parity import assert_same_as_torch

RANDOM = np.random.default_rng(3)
MASK = np.array([[False, True, False, False], [True, False, True, False], [False] * 4])  # (L, S)


def layer(embed_dim=6, num_heads=2, bias=True, **options) -> nn.MultiheadAttention:
    """One with biases that are not zero, in double precision."""
    attention = nn.MultiheadAttention(embed_dim, num_heads, bias=bias, **options).double()
    for p in attention.parameters():
        p.data[...] = RANDOM.standard_normal(p.shape) * 0.5
    return attention


def in_torch(torch, ours: nn.MultiheadAttention):
    theirs = torch.nn.MultiheadAttention(
        ours.embed_dim, ours.num_heads, ours.dropout, bool(ours.bias), batch_first=True
    ).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    return theirs


def by_loops(state, q, k, v, heads):
    """Vaswani et al., 2017, equation 1, one query of one head at a time."""
    e = q.shape[-1]
    d = e // heads
    ws, bs = np.split(state["in_proj_weight"], 3), np.split(state["in_proj_bias"], 3)
    q, k, v = (x @ w.T + b for x, w, b in zip((q, k, v), ws, bs, strict=True))
    joined = np.zeros(q.shape)
    for n in range(len(q)):
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            for i in range(q.shape[1]):
                weights = np.exp([q[n, i, part] @ key / np.sqrt(d) for key in k[n, :, part]])
                joined[n, i, part] = weights / weights.sum() @ v[n, :, part]
    return joined @ state["out_proj.weight"].T + state["out_proj.bias"]


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_as_by_loops(heads):
    attention = layer(num_heads=heads)
    q, k, v = (RANDOM.standard_normal((2, length, 6)) for length in (3, 4, 4))
    expected = by_loops(attention.state_dict(), q, k, v, heads)
    y = attention(Tensor(q), Tensor(k), Tensor(v))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)


def test_what_is_left_out_is_the_query_or_the_key():
    attention = layer()
    x, y = (Tensor(RANDOM.standard_normal((2, length, 6))) for length in (3, 4))
    assert np.array_equal(attention(x).numpy(), attention(x, x, x).numpy())
    assert np.array_equal(attention(x, y).numpy(), attention(x, y, y).numpy())


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("crossed", [False, True])
def test_same_as_torch(torch, bias, crossed):
    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.MultiheadAttention(8, 4, bias=bias, batch_first=True)

        def forward(self, q, *others):
            return self.inner(q, *(others or (q, q)), need_weights=False)[0]

    shapes = [(2, 5, 8), (2, 3, 8), (2, 3, 8)] if crossed else [(2, 5, 8)]
    ours = nn.MultiheadAttention(8, 4, bias=bias)
    assert_same_as_torch(ours, Theirs(), *shapes)
    keys = [(key, array.shape) for key, array in ours.state_dict().items()]
    expected = Theirs().inner.state_dict().items()
    assert keys == [(key, tuple(tensor.shape)) for key, tensor in expected]


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_masks_are_torchs(torch, kind):
    ours = layer()
    q, k = RANDOM.standard_normal((2, 3, 6)), RANDOM.standard_normal((2, 4, 6))
    mask = MASK if kind == "bool" else RANDOM.standard_normal((3, 4))
    x, tx = Tensor(q, requires_grad=True), torch.tensor(q, requires_grad=True)
    key, gy = torch.tensor(k), RANDOM.standard_normal(q.shape)
    y = ours(x, Tensor(k), attn_mask=mask)
    ty, _ = in_torch(torch, ours)(tx, key, key, attn_mask=torch.tensor(mask), need_weights=False)
    np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), rtol=1e-9)
    (gx,) = torch.autograd.grad(ty, tx, torch.tensor(gy))
    np.testing.assert_allclose(grad(y, [x], gy)[0].numpy(), gx.numpy(), rtol=1e-9, atol=1e-12)


def test_a_masked_key_has_no_influence():
    """Also with one mask per image and head."""
    attention, q = layer(), Tensor(RANDOM.standard_normal((2, 3, 6)))
    k = RANDOM.standard_normal((2, 4, 6))
    hidden = np.zeros((2, 1, 1, 4), bool)
    hidden[0, :, :, 3] = True
    other = k.copy()
    other[0, 3] += 1
    y, z = (attention(q, Tensor(keys), attn_mask=hidden).numpy() for keys in (k, other))
    assert np.array_equal(y, z)
    y, z = (attention(q, Tensor(keys)).numpy() for keys in (k, other))
    assert not np.allclose(y[0], z[0]) and np.array_equal(y[1], z[1])


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
@pytest.mark.parametrize("mask", [None, MASK])
def test_gradients(check, mask):
    attention = layer(bias=mask is None)
    q, k, v = (
        Tensor(RANDOM.standard_normal((2, length, 6)), requires_grad=True) for length in (3, 4, 4)
    )
    assert check(attention, (q, k, v, mask), max_entries=20, directions=3).ok


def test_first_weights_are_torchs(torch):
    """Glorot's bounds over the whole of in_proj_weight, Linear's for out_proj, biases 0."""
    manual_seed(0)
    torch.manual_seed(0)
    ours = nn.MultiheadAttention(64, 4).state_dict()
    theirs = torch.nn.MultiheadAttention(64, 4).state_dict()
    for key, tensor in theirs.items():
        assert abs(abs(ours[key]).max() - abs(tensor.numpy()).max()) < 1e-3, key
        assert abs(ours[key].std() - tensor.numpy().std()) < 2e-3, key


def test_dropout_drops_weights_of_attention_in_training():
    attention = layer(dropout=0.5)
    x = Tensor(RANDOM.standard_normal((2, 5, 6)))
    with no_grad():
        use = attention.eval()(x).numpy()
        attention.train()
        manual_seed(0)
        first = attention(x).numpy()
        many = np.mean([attention(x).numpy() for _ in range(2000)], 0)
        manual_seed(0)
        assert np.array_equal(attention(x).numpy(), first)
    assert not np.allclose(first, use)
    # out_proj is linear, so the mean over many masks is the value without one
    assert abs(many - use).max() < 0.2 * abs(use).max()


def test_text_and_cost():
    attention = nn.MultiheadAttention(6, 2, bias=False)
    assert repr(attention).startswith("MultiheadAttention(\n  embed_dim=6, num_heads=2, bias=False")
    rows = summary.summarize(attention, (1, 5, 6))
    assert sum(row.multiply_adds for row in rows) == 4 * 5 * 6 * 6 + 2 * 5 * 5 * 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.MultiheadAttention(6, 4), "multiple of num_heads.* embed_dim=6 .*num_heads=4"),
        (lambda: nn.MultiheadAttention(6, 0), "both at least 1, got embed_dim=6 and num_heads=0"),
        (lambda: nn.MultiheadAttention(6, 2, 1.5), r"dropout: p must lie in \[0, 1\], got 1.5"),
        (lambda: layer()(Tensor(np.ones((2, 3, 5)))), r"\(N, L, E\).* with E=6, got \(2, 3, 5\)"),
        (lambda: layer()(Tensor(np.ones((3, 6)))), r"with E=6, got \(3, 6\)"),
        (
            lambda: layer()(*(Tensor(np.ones((2, n, 6))) for n in (3, 4, 5))),
            r"got \(2, 3, 6\), \(2, 4, 6\), \(2, 5, 6\)",
        ),
        (
            lambda: layer()(Tensor(np.ones((2, 3, 6))), Tensor(np.ones((1, 3, 6)))),
            r"got \(2, 3, 6\), \(1, 3, 6\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=f"MultiheadAttention: .*{message}"):
        call()


def test_whole_numbers_are_refused():
    x = Tensor(np.ones((2, 3, 6)))
    with pytest.raises(TypeError, match="MultiheadAttention: x must have floating-point numbers"):
        layer()(np.ones((2, 3, 6), np.int64))
    with pytest.raises(TypeError, match="attn_mask: must be bool or floating-point, got int64"):
        layer()(x, attn_mask=np.ones((3, 3), np.int64))
