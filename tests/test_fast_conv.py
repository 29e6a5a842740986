"""The compiled convolutions, against plain formulas in float64."""

from itertools import product

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, models, ops
from minicnn.kernels import kernel_set, threads

pytest.importorskip("numba", reason="compiled kernels need numba: pip install numba")

from minicnn.kernels.numba import conv as compiled

reference = kernel_set("numpy")
DTYPES = "float32", "float64"
ONE, TWO, THREE = (1, 1), (2, 2), (3, 3)
NONE, SAME, UNEVEN = ((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (3, 1))
# images, channels in and out, groups, size, kernel, stride, padding, dilation
CASES = [
    *((2, c, o, 1, (5, 6), THREE, ONE, SAME, ONE) for c, o in
      ((1, 1), (3, 5), (5, 3), (7, 17), (17, 33), (33, 7))),
    *((2, c, o, 1, (4, 5), ONE, ONE, NONE, ONE) for c, o in ((1, 3), (7, 33), (33, 17))),
    *((2, 5, 7, 1, (9, 8), kernel, stride, UNEVEN, ONE)
      for kernel, stride in product((ONE, TWO, (3, 5)), (ONE, TWO, THREE, (3, 2)))),
    *((2, 3, 5, 1, (11, 10), kernel, stride, UNEVEN, dilation)
      for kernel in (TWO, (3, 2)) for stride in (ONE, TWO, (2, 3)) for dilation in (TWO, (3, 4))),
    *((2, 6, 12, groups, (5, 7), THREE, stride, SAME, dilation)
      for groups in (2, 3, 6) for stride in (ONE, TWO) for dilation in (ONE, TWO)),
    (3, 34, 66, 2, (4, 4), ONE, ONE, NONE, ONE),
    (2, 9, 15, 3, (6, 6), ONE, TWO, NONE, ONE),
    (2, 3, 5, 1, (2, 3), (5, 4), ONE, ((2, 2), (1, 2)), ONE),  # a kernel larger than the image
    (1, 3, 5, 1, (2, 2), THREE, TWO, ((5, 5), (4, 6)), TWO),  # windows in the padding alone
    (2, 3, 5, 1, (3, 3), ONE, ONE, ((4, 0), (0, 5)), ONE),  # rows and columns without a pixel
    (1, 5, 3, 1, (9, 9), TWO, (4, 5), NONE, ONE),  # pixels that no window meets
    (2, 5, 7, 1, (1, 1), THREE, ONE, SAME, ONE),
    (3, 5, 7, 1, (1, 1), ONE, ONE, NONE, ONE),
    (70, 5, 9, 1, (2, 2), THREE, ONE, SAME, ONE),  # many small images
    (70, 9, 5, 1, (3, 2), TWO, TWO, SAME, ONE),
    (1, 3, 20, 1, (40, 70), THREE, TWO, SAME, ONE),  # one image: its rows are divided
    (9, 20, 3, 1, (17, 16), THREE, ONE, SAME, ONE),  # images are divided
    (1, 40, 70, 1, (3, 3), THREE, ONE, SAME, ONE),  # more weights than pixels: these are divided
    (1, 16, 24, 1, (70, 75), THREE, ONE, SAME, ONE),  # several bands of rows
]  # fmt: skip
LARGE = [
    (2, 720, 40, 1, (5, 4), THREE, ONE, SAME, ONE),  # panels of weights are cut between rows
    (3, 700, 33, 1, (5, 6), THREE, TWO, UNEVEN, TWO),
    (1, 333, 500, 1, (2, 3), THREE, ONE, SAME, ONE),
    (400, 300, 500, 1, (1, 1), ONE, ONE, NONE, ONE),
]


def windows(size, kernel, stride, padding, dilation):
    return tuple(
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def arrays(n, c, o, groups, size, kernel, *how, dtype="float64"):
    """x, weight, bias, gy in channels-last memory, and the rest of the arguments."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return random.standard_normal(shape).astype(dtype)

    x, gy = normal(n, *size, c), normal(n, *windows(size, kernel, *how), o)
    x, gy = (a.transpose(0, 3, 1, 2) for a in (x, gy))
    return x, normal(o, c // groups, *kernel), normal(o), gy, (*how, groups)


def formulas(x, weight, bias, gy, how):
    """y, gx, gw in float64: all that one tap adds to them, tap after tap."""
    (sh, sw), ((top, bottom), (left, right)), (dh, dw), groups = how
    x, weight, bias, gy = (a.astype(float) for a in (x, weight, bias, gy))
    (n, c, h, w), (oh, ow), o = x.shape, gy.shape[2:], len(weight)
    wide = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    wide = wide.reshape(n, groups, c // groups, *wide.shape[2:])
    gy, filters = (
        gy.reshape(n, groups, o // groups, oh, ow),
        weight.reshape(groups, o // groups, *weight.shape[1:]),
    )
    y, gx, gw = np.zeros_like(gy), np.zeros_like(wide), np.zeros_like(filters)
    for u, v in np.ndindex(*weight.shape[2:]):
        rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
        columns = slice(v * dw, v * dw + (ow - 1) * sw + 1, sw)
        pixels, tap = wide[..., rows, columns], filters[..., u, v]
        y += np.einsum("ngcij,goc->ngoij", pixels, tap, optimize=True)
        gx[..., rows, columns] += np.einsum("ngoij,goc->ngcij", gy, tap, optimize=True)
        gw[..., u, v] = np.einsum("ngcij,ngoij->goc", pixels, gy, optimize=True)
    gx = gx.reshape(n, c, *gx.shape[3:])[:, :, top : top + h, left : left + w]
    return y.reshape(n, o, oh, ow) + bias[:, None, None], gx, gw.reshape(weight.shape)


def computed(x, weight, bias, gy, how):
    return (
        compiled.conv2d(x, weight, bias, *how),
        compiled.conv2d_input_grad(gy, weight, x.shape, *how),
        compiled.conv2d_weight_grad(gy, x, weight.shape, *how),
    )


def assert_close(ours, right, size, dtype):
    """Up to the rounding of each addition; ``size`` is the sum of what is added, without signs."""
    assert ours.shape == right.shape and ours.dtype == dtype
    error = 4 * np.finfo(dtype).eps * np.sqrt(1000) * (size + 1)
    assert np.all(np.abs(ours - right) <= error)


@pytest.fixture
def number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", threads._chosen)
    return threads.set_num_threads


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [*CASES, *LARGE], ids=str)
def test_against_formulas(case, dtype, number_of_threads):
    *given, how = arrays(*case, dtype=dtype)
    kept = [a.copy() for a in given]
    right, sizes = formulas(*given, how), formulas(*map(np.abs, given), how)
    for count in (1, 2, 3):
        number_of_threads(count)
        for ours, again, *others in zip(
            computed(*given, how), computed(*given, how), right, sizes, strict=True
        ):
            assert_close(ours, *others, dtype)
            assert ours.tobytes() == again.tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(given, kept, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nothing", [0, 1, 2], ids=["images", "channels in", "channels out"])
def test_nothing_in_nothing_out(nothing, dtype):
    case = [2, 4, 6, 1, (3, 3), TWO, ONE, SAME, ONE]
    case[nothing] = 0
    *given, how = arrays(*case, dtype=dtype)
    for ours, right in zip(computed(*given, how), formulas(*given, how), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours, right.astype(dtype))


def layouts(a):
    """The same numbers: channels first, each second one, backwards, read-only, unaligned."""
    wide, loose = np.repeat(a, 2, -1), np.zeros(a.nbytes + 1, np.uint8)[1:]
    loose = loose.view(a.dtype).reshape(a.shape)
    loose[...] = a
    frozen = a.copy("K")
    frozen.flags.writeable = False
    last = a.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    return a.copy("C"), last, wide[..., ::2], np.flip(np.flip(a).copy()), frozen, loose


@pytest.mark.parametrize("case", [CASES[3], CASES[15], CASES[6]], ids=str)
def test_memory_order_changes_no_bit(case):
    x, weight, bias, gy, how = arrays(*case)
    right = computed(x, weight, bias, gy, how)
    for a, b, c in zip(*map(layouts, (x, weight, gy)), strict=True):
        for ours, answer in zip(computed(a, b, bias, c, how), right, strict=True):
            np.testing.assert_array_equal(ours, answer)


LIMITS = None, (0, np.inf), (-0.25, 0.5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case", [CASES[4], CASES[8], CASES[13], CASES[36], *CASES[48:50], CASES[54], LARGE[0]], ids=str
)
def test_residual_and_limits(case, dtype):
    """Also where no tap reaches a pixel, and where weights are found as they were packed."""
    *given, how = arrays(*case, dtype=dtype)
    (x, weight, bias, gy), memory = given, {}
    y, size = formulas(*given, how)[0], formulas(*map(np.abs, given), how)[0]
    for residual, limits in product((None, gy), LIMITS):
        ours = compiled.conv2d_limited(x, weight, bias, *how, residual, limits, memory)
        right = y + (0 if residual is None else residual)
        right = right if limits is None else np.clip(right, *limits)
        assert_close(ours, right, size + abs(gy), dtype)
        without = compiled.conv2d_limited(x, weight, None, *how, residual, limits, {})
        np.testing.assert_allclose(
            without, compiled.conv2d_limited(x, weight, 0 * bias, *how, residual, limits, {})
        )


def test_other_weights_are_packed_anew():
    x, weight, bias, _, how = arrays(*CASES[0])
    memory = {}
    for w in (weight, 2 * weight, weight):
        ours = compiled.conv2d_limited(x, w, bias, *how, None, None, memory)
        assert np.array_equal(ours, compiled.conv2d(x, w, bias, *how))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["x", "weight", "gy"])
@pytest.mark.parametrize("case", [CASES[4], CASES[7], CASES[17], CASES[29], CASES[53]], ids=str)
def test_nan_and_infinity_come_out_as_in_the_reference(case, which, value):
    """Also beside the zeros of the padding and of whole vectors: 0 * inf is NaN."""
    x, weight, bias, gy, how = arrays(*case)
    {"x": x, "weight": weight, "gy": gy}[which][-1, -1, 0, -1] = value
    weight[0, 0, -1, -1] = x[0, 0, -1, 0] = 0
    with np.errstate(invalid="ignore"):
        right = (
            reference.conv2d(x, weight, bias, *how),
            reference.conv2d_input_grad(gy, weight, x.shape, *how),
            reference.conv2d_weight_grad(gy, x, weight.shape, *how),
        )
        ours = computed(x, weight, bias, gy, how)
    for one, other in zip(ours, right, strict=True):
        np.testing.assert_allclose(one, other, 1e-9, 1e-9)
    assert not all(np.isfinite(a).all() for a in right)


# A whole network


def gradients_of(net, x, labels):
    net.zero_grad()
    ops.cross_entropy(net(Tensor(x)), labels).backward()
    return {name: p.grad.data.copy() for name, p in net.named_parameters()}


def torch_gradients(torch, net, x, labels):
    """The same of torch in float32: a forward pass written with its functions."""
    f, t = torch.nn.functional, torch.from_numpy
    weights = {
        k: t(np.array(v)).requires_grad_(v.dtype.kind == "f" and "running" not in k)
        for k, v in net.state_dict().items()
    }

    def norm(h, name):
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return f.batch_norm(h, None, None, scale, shift, True)

    h = norm(f.conv2d(t(x), weights["conv1.weight"], None, 1, 1), "bn1").relu()
    for stage, block in product((1, 2, 3), range(3)):
        at, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
        y = f.conv2d(h, weights[f"{at}.conv1.weight"], None, stride, 1)
        y = f.conv2d(norm(y, f"{at}.bn1").relu(), weights[f"{at}.conv2.weight"], None, 1, 1)
        if stride == 2:
            more = h.shape[1] // 2
            h = f.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        h = (norm(y, f"{at}.bn2") + h).relu()
    logits = f.linear(h.mean((2, 3)), weights["fc.weight"], weights["fc.bias"])
    f.cross_entropy(logits, t(labels)).backward()
    return {name: w.grad.numpy() for name, w in weights.items() if w.grad is not None}


def test_gradients_of_a_network_are_as_exact_as_those_of_torch():
    """The layer that is furthest from float64, in the usual batch of five.

    Usual, because a sum that rounds to the other side of ReLU's corner changes a gradient by a
    thousandth, here or there. And a tenth more is chance too.
    """
    torch = pytest.importorskip("torch", reason="compares rounding: pip install torch")
    worst = []
    for seed in range(5):
        random = np.random.default_rng(seed)
        minicnn.manual_seed(seed)
        net = models.create("resnet20")
        x, labels = random.standard_normal((4, 3, 32, 32)), random.integers(0, 10, 4)
        small = x.astype("float32")
        found = gradients_of(net, small, labels), torch_gradients(torch, net, small, labels)
        right = gradients_of(net.double(), small.astype(float), labels)
        worst.append([max(distance(f[k], g) for k, g in right.items()) for f in found])
        assert all(f.keys() == right.keys() for f in found)
    ours, theirs = np.median(worst, 0)
    assert ours <= 1.1 * theirs < 1e-4


def distance(found, right):
    return np.linalg.norm(found - right) / np.linalg.norm(right)
