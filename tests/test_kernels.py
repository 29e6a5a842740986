"""Each overlaid kernel against plain loops, and Numba against the reference."""

import inspect
import re
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from minicnn.kernels import kernel_set
from tests import kernel_loops
from tests.kernel_loops import draw, extreme, max_pool2d, normal, normalize, normalize_grad

reference = kernel_set("numpy")
overlay = pytest.importorskip(
    "minicnn.kernels.numba", reason="the overlay needs numba: pip install numba"
)
MODULES = [
    m for m in vars(overlay).values()
    if isinstance(m, ModuleType) and m.__name__.startswith(overlay.__name__)
]  # fmt: skip
NAMES = sorted(draw(np.random.default_rng(0)))
DTYPES = [np.float32, np.float64]
HERE = Path(__file__).parent


def each_float(args, change):
    return tuple(
        change(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args
    )


def results(kernels, name, args):
    """The kernel's result as a tuple, with NumPy's warnings about infinities off."""
    with np.errstate(all="ignore"):
        result = getattr(kernels, name)(*args)
    return result if isinstance(result, tuple) else (result,)


def assert_close(got, want, tolerance, what=""):
    for g, w in zip(got, want, strict=True):
        assert np.shape(g) == np.shape(w), what
        if w is None:
            continue
        scale = max(1, np.abs(w[np.isfinite(w)]).max(initial=0))
        np.testing.assert_allclose(g, w, tolerance, tolerance * scale, err_msg=what)


def check_against_reference(draws, numbers=normal):
    rng = np.random.default_rng(0)
    for _ in range(draws):
        for name, args in draw(rng, numbers=numbers).items():
            for dtype in DTYPES:
                cast = each_float(args, lambda a, dtype=dtype: a.astype(dtype))
                got, want = (results(kernels, name, cast) for kernels in (overlay, reference))
                assert_close(got, want, 1e-12 if dtype == np.float64 else 2e-5, name)
                assert [np.asarray(g).dtype for g in got] == [np.asarray(w).dtype for w in want]


# The overlay computes what the reference computes


def test_the_overlay_has_the_names_and_arguments_of_the_reference():
    for name in overlay.__all__:
        ours, theirs = (
            [
                (p.name, p.kind, p.default)
                for p in inspect.signature(getattr(k, name)).parameters.values()
            ]
            for k in (overlay, reference)
        )
        assert ours == theirs, name
        assert getattr(kernel_set("numba"), name) is getattr(overlay, name)
    assert vars(kernel_set("numba")).keys() == vars(reference).keys()
    written = {n for m in MODULES for n, f in vars(m).items() if hasattr(f, "__wrapped__")}
    assert {n for n in written if n in vars(reference)} == set(overlay.__all__)


def test_every_overlaid_kernel_is_tested():
    """Those with windows and norms here, the others in files of their own."""
    others = set(overlay.__all__) - set(NAMES)
    files = [p for word in ("fast", "fold", "depth") for p in HERE.glob(f"test_{word}*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    assert not {n for n in others if not re.search(rf"\b{n.removesuffix('_grad')}\b", text)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernels", [reference, overlay], ids=["reference", "numba"])
def test_kernel_equals_plain_loops(kernels, name):
    rng = np.random.default_rng(1)
    for _ in range(6):
        args = draw(rng)[name]
        got, want = results(kernels, name, args), getattr(kernel_loops, name)(*args)
        assert_close(got, want if isinstance(want, tuple) else (want,), 1e-10)


def test_overlay_equals_reference_on_odd_shapes():
    check_against_reference(60)


def test_overlay_treats_ties_infinities_and_nan_as_the_reference():
    check_against_reference(60, extreme)


@pytest.mark.parametrize("kernels", [reference, overlay], ids=["reference", "numba"])
def test_max_pool_winners(kernels):
    nan, inf = np.nan, np.inf
    rows = [[1, 3, 3, 2], [nan, 5, nan, 1], [-inf, -inf, -inf, -inf], [inf, 1, inf, nan]]
    x = np.array(rows, np.float32).reshape(4, 1, 2, 2).repeat(3, 1)
    y, place = kernels.max_pool2d(x, (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))
    np.testing.assert_array_equal(y[:, 1, 0, 0], [3, nan, -inf, nan])
    assert place[:, 1, 0, 0].tolist() == [1, 2, 0, 3]  # of several NaN the last, as in torch
    nothing = (np.full((1, 2, 5, 4), -inf), (3, 2), (1, 1), ((1, 1), (1, 0)), (2, 2))
    assert_close(kernels.max_pool2d(*nothing), max_pool2d(*nothing), 0)


@pytest.mark.parametrize("kernels", [reference, overlay], ids=["reference", "numba"])
def test_max_pool_values_and_winners_equal_torch(kernels):
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    x = np.random.default_rng(7).choice([0, 1, 2, np.inf, -np.inf, np.nan], (3, 4, 9, 8))
    for kernel, stride, pad, dilation in ((2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 2), (4, 3, 2, 1)):
        how = [(kernel, kernel), (stride, stride), ((pad, pad), (pad, pad)), (dilation, dilation)]
        want = torch.nn.functional.max_pool2d(
            torch.tensor(x), kernel, stride, pad, dilation, return_indices=True
        )
        y, winner = kernels.max_pool2d(x, *how)
        np.testing.assert_array_equal(y, want[0].numpy())
        np.testing.assert_array_equal(reference.take_pixels(x, winner, *how), y)
        place = np.arange(72.0).reshape(1, 1, 9, 8).repeat(12, 1).reshape(3, 4, 9, 8)
        np.testing.assert_array_equal(reference.take_pixels(place, winner, *how), want[1].numpy())


def layouts(a):
    """The same values: channels-last, reversed strides, every second one, read-only, unaligned."""
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    frozen, loose = a.copy(), np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    frozen.flags.writeable, loose[...] = False, a
    second = min(1, a.ndim - 1)
    last = np.moveaxis(np.moveaxis(a, second, -1).copy(), -1, second)
    return last, np.flip(np.flip(a).copy()), wide[..., ::2], frozen, loose, np.asfortranarray(a)


@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_changes_no_bit(name):
    rng = np.random.default_rng(2)
    for _ in range(4):
        args = draw(rng, channels=(2, 6))[name]
        want = results(overlay, name, args)
        for k in range(6):
            moved = tuple(layouts(a)[k] if isinstance(a, np.ndarray) else a for a in args)
            for g, w in zip(results(overlay, name, moved), want, strict=True):
                np.testing.assert_array_equal(g, w, strict=w is not None)
                if np.ndim(g) == 4 and not name.endswith(("im2col", "weight_grad")):
                    assert g.strides[1] == g.itemsize or g.shape[1] == 1, "channels come last"


def test_the_same_compilation_serves_every_layout():
    drawn, counts = draw(np.random.default_rng(2), channels=(2, 6)), []
    for number in (1, 6):
        for (name, args), k in product(drawn.items(), range(number)):
            moved = (layouts(a)[k] if isinstance(a, np.ndarray) else a for a in args)
            results(overlay, name, moved)
        counts.append(compilations())
    assert counts[0] == counts[1] and sum(map(bool, counts[0].values())) >= 14


def compilations():
    """How often each compiled function was compiled, also those inside what starts threads."""
    named = {f for m in MODULES for f in vars(m).values() if callable(f)}
    loops = named | {getattr(f, "__wrapped__", None) for f in named}  # inside what starts threads
    return {f: len(f.signatures) for f in loops if hasattr(f, "signatures")}


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_batch_of_no_images(dtype):
    for name, args in draw(np.random.default_rng(3), n=0).items():
        args = each_float(args, lambda a: a.astype(dtype))
        for g, w in zip(*(results(k, name, args) for k in (overlay, reference)), strict=True):
            np.testing.assert_array_equal(g, w, strict=w is not None)


@pytest.mark.parametrize("dtypes", ["ii", "ee", "fd", "df"])
def test_other_dtypes_are_left_to_the_reference(dtypes):
    x, weight = np.arange(72.0).reshape(2, 4, 3, 3), np.arange(16.0).reshape(4, 1, 2, 2)
    args = (x.astype(dtypes[0]), weight.astype(dtypes[1]), (1, 1), ((0, 1), (0, 0)), (1, 1))
    got, want = (k.depthwise_conv2d(*args) for k in (overlay, reference))
    np.testing.assert_array_equal(got, want, strict=True)


def test_other_axes_and_parameter_shapes_are_left_to_the_reference():
    x, gy = np.random.default_rng(4).standard_normal((2, 3, 4, 2, 3))
    one, whole = np.array([2.0]), np.arange(24.0).reshape(4, 2, 3)
    for weight, bias, axes in (
        (None, None, (2, 3)),
        (whole, whole, (1, 2, 3)),
        (one, None, (0, 2, 3)),
        (None, whole, (0, 2, 3)),
        (whole[:, :1, :1], None, (0, 2, 3)),
    ):
        got, want = (
            results(k, "normalize", (x, weight, bias, axes, 0.1)) for k in (overlay, reference)
        )
        assert_close(got, want, 1e-12)
        args = (gy, x, weight, *want[1:], axes, 0.1)
        assert_close(*(results(k, "normalize_grad", args) for k in (overlay, reference)), 1e-12)


@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 5), (2, 3, 2, 2, 2)])
def test_batch_norm_of_any_number_of_axes(shape):
    rng, axes = np.random.default_rng(5), (0, *range(2, len(shape)))
    x, gy, weight = rng.standard_normal(shape), rng.standard_normal(shape), rng.random(shape[1])
    args = (x, weight.reshape(-1, *(1,) * (len(shape) - 2)), None, axes, 0.1)
    want = normalize(*args)
    assert_close(overlay.normalize(*args), want, 1e-12)
    args = (gy, *args[:2], *want[1:], axes, 0.1)
    assert_close(overlay.normalize_grad(*args), normalize_grad(*args), 1e-12)


@pytest.mark.parametrize("kernels", [reference, overlay], ids=["reference", "numba"])
def test_mean_and_variance_of_a_batch_keep_their_digits_in_float32(kernels):
    x = 1000 + np.random.default_rng(6).standard_normal((50, 40, 40, 2)).astype(np.float32)
    x = x.transpose(0, 3, 1, 2)
    _, mean, var = kernels.normalize(x, None, None, (0, 2, 3), 1e-5)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 2, 3), keepdims=True), 1e-7)
    np.testing.assert_allclose(var, wide.var((0, 2, 3), keepdims=True), 1e-5)


def test_the_depthwise_weight_gradient_keeps_its_digits_in_float32():
    """Numbers of one row of an image are added in the dtype, and these sums in float64."""
    gy = np.ones((2, 2, 1, 1000), np.float32)
    gy[0] = 0
    gy[0, ..., 0] = 2**24  # in float32, 2^24 + 1 is 2^24
    how = ((1, 1), ((0, 0), (0, 0)), (1, 1))
    gw = overlay.depthwise_conv2d_weight_grad(gy, np.ones_like(gy), (2, 1, 1, 1), *how)
    assert gw.ravel().tolist() == [2**24 + 1000] * 2


def test_put_pixels_refuses_a_winner_outside_the_image():
    how = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))
    with pytest.raises(IndexError):
        overlay.put_pixels(np.ones((1, 2, 1, 1)), np.full((1, 2, 1, 1), 4), (1, 2, 2, 2), *how)
