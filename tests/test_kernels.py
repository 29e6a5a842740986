"""Each overlaid kernel against loops written here, and Numba against the reference.

The loops below know one thing, `meetings`: which window meets which pixel with which filter entry.
"""

import inspect

import numpy as np
import pytest

from minicnn.kernels import kernel_set

reference = kernel_set("numpy")
overlay = pytest.importorskip(
    "minicnn.kernels.numba", reason="the overlay needs numba: pip install numba"
)
NAMES = sorted(overlay.__all__)
MODULES = overlay.columns, overlay.depthwise, overlay.norm, overlay.pool
DTYPES = [np.float32, np.float64]


# The kernels as plain loops


def windows(size, kernel, stride, rim, dilation):
    """How many windows fit, by trying one after the other."""
    count = 0
    while count * stride + dilation * (kernel - 1) < size + sum(rim):
        count += 1
    return count


def meetings(x_shape, kernel, stride, padding, dilation=(1, 1)):
    """All (i, j, u, v, p, q): entry (u, v) of window (i, j) lies on pixel (p, q) of the image."""
    size, first = x_shape[2:], [rim[0] for rim in padding]
    counts = [windows(size[a], kernel[a], stride[a], padding[a], dilation[a]) for a in (0, 1)]
    for i, j, u, v in np.ndindex(*counts, *kernel):
        p, q = (
            i * stride[0] + u * dilation[0] - first[0],
            j * stride[1] + v * dilation[1] - first[1],
        )
        if 0 <= p < size[0] and 0 <= q < size[1]:
            yield i, j, u, v, p, q


def out_shape(x_shape, kernel, stride, padding, dilation=(1, 1)):
    return tuple(
        windows(x_shape[2 + a], kernel[a], stride[a], padding[a], dilation[a]) for a in (0, 1)
    )


def im2col(x, kernel, *how):
    columns = np.zeros((len(x), *out_shape(x.shape, kernel, *how), *kernel, x.shape[1]), x.dtype)
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        columns[:, i, j, u, v] = x[:, :, p, q]
    return columns


def col2im(columns, x_shape, *how):
    x = np.zeros(x_shape)
    for i, j, u, v, p, q in meetings(x_shape, columns.shape[3:5], *how):
        x[:, :, p, q] += columns[:, i, j, u, v]
    return x


def depthwise_conv2d(x, weight, *how):
    (o, _, *kernel), m = weight.shape, weight.shape[0] // x.shape[1]
    y = np.zeros((len(x), o, *out_shape(x.shape, kernel, *how)))
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        for f in range(o):
            y[:, f, i, j] += x[:, f // m, p, q] * weight[f, 0, u, v]
    return y


def depthwise_conv2d_input_grad(gy, weight, x_shape, *how):
    (o, _, *kernel), m = weight.shape, weight.shape[0] // x_shape[1]
    gx = np.zeros(x_shape)
    for i, j, u, v, p, q in meetings(x_shape, kernel, *how):
        for f in range(o):
            gx[:, f // m, p, q] += gy[:, f, i, j] * weight[f, 0, u, v]
    return gx


def depthwise_conv2d_weight_grad(gy, x, weight_shape, *how):
    (o, _, *kernel), m = weight_shape, weight_shape[0] // x.shape[1]
    gw = np.zeros(weight_shape)
    for i, j, u, v, p, q in meetings(x.shape, kernel, *how):
        for f in range(o):
            gw[f, 0, u, v] += gy[:, f, i, j] @ x[:, f // m, p, q]
    return gw


def max_pool2d(x, kernel, *how):
    y = np.full((*x.shape[:2], *out_shape(x.shape, kernel, *how)), -np.inf, x.dtype)
    place = np.full(y.shape, -1)
    for i, j, _, _, p, q in meetings(x.shape, kernel, *how):
        for b, c in np.ndindex(*x.shape[:2]):
            value = x[b, c, p, q]
            if place[b, c, i, j] < 0 or value > y[b, c, i, j] or np.isnan(value):
                y[b, c, i, j], place[b, c, i, j] = value, p * x.shape[3] + q
    return y, place


def put_pixels(gy, place, x_shape):
    gx = np.zeros(x_shape)
    for b, c, i, j in np.ndindex(gy.shape):
        gx[b, c, place[b, c, i, j] // x_shape[3], place[b, c, i, j] % x_shape[3]] += gy[b, c, i, j]
    return gx


def sum_pool2d(x, kernel, *how):
    y = np.zeros((*x.shape[:2], *out_shape(x.shape, kernel, *how)))
    for i, j, _, _, p, q in meetings(x.shape, kernel, *how):
        y[:, :, i, j] += x[:, :, p, q]
    return y


def sum_pool2d_input_grad(gy, x_shape, kernel, *how):
    gx = np.zeros(x_shape)
    for i, j, _, _, p, q in meetings(x_shape, kernel, *how):
        gx[:, :, p, q] += gy[:, :, i, j]
    return gx


def normalize(x, weight, bias, axes, eps):
    x = x.astype(complex if np.iscomplexobj(x) else np.float64)
    mean = x.sum(axes, keepdims=True) / (x.size / x.shape[1])
    var = ((x - mean) ** 2).sum(axes, keepdims=True) / (x.size / x.shape[1])
    y = (x - mean) / np.sqrt(var + eps) * (1 if weight is None else weight)
    return y + (0 if bias is None else bias), mean, var


def normalize_grad(gy, x, weight, mean, var, axes, eps):
    """The derivatives of sum(gy y) by x and weight, by imaginary steps, which cancel nothing."""

    def by_steps(value, y_of):
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            step = np.zeros(value.shape, complex)
            step[index] = 1e-30j
            gradient[index] = (gy * y_of(value + step)).sum().imag / 1e-30
        return gradient

    gx = by_steps(x, lambda x: normalize(x, weight, None, axes, eps)[0])
    if weight is not None:
        return gx, by_steps(weight, lambda weight: normalize(x, weight, None, axes, eps)[0])
    return gx, None


# Random arguments


def normal(rng, shape):
    return rng.standard_normal(shape)


def extreme(rng, shape):
    """Small whole numbers (so, ties) with some infinities and NaN."""
    return rng.choice(
        [-1, 0, 1, 2, np.inf, -np.inf, np.nan], shape, p=[0.24] * 4 + [0.02, 0.01, 0.01]
    )


def geometry(rng, x_shape):
    """Kernel, stride, padding, dilation, such that every window has a pixel."""
    while True:
        kernel, stride, dilation = (tuple(map(int, rng.integers(1, k, 2))) for k in (5, 4, 3))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (2, 2)))
        oh, ow = out_shape(x_shape, kernel, stride, padding, dilation)
        met = {meeting[:2] for meeting in meetings(x_shape, kernel, stride, padding, dilation)}
        if len(met) == oh * ow > 0:
            return kernel, stride, padding, dilation


def draw(rng, n=None, numbers=normal, channels=(1, 6)):
    """Arguments of every overlaid kernel for one random geometry, by name (float64)."""
    n = int(rng.integers(1, 4)) if n is None else n
    c, m, h, w = map(int, (rng.integers(*channels), rng.integers(1, 3), *rng.integers(1, 9, 2)))
    x_shape = (n, c, h, w)
    kernel, *how = geometry(rng, x_shape)
    oh, ow = out_shape(x_shape, kernel, *how)
    pooled = out_shape(x_shape, kernel, *how[:2])
    x, weight = numbers(rng, x_shape), numbers(rng, (c * m, 1, *kernel))
    gy, per_channel = numbers(rng, (n, c * m, oh, ow)), rng.standard_normal((2, c, 1, 1))
    axes, mean, var = (0, 2, 3), numbers(rng, (1, c, 1, 1)), rng.random((1, c, 1, 1))
    if numbers is normal and n:
        _, mean, var = normalize(x, None, None, axes, 0)
    return {
        "im2col": (x, kernel, *how),
        "col2im": (numbers(rng, (n, oh, ow, *kernel, c)), x_shape, *how),
        "depthwise_conv2d": (x, weight, *how),
        "depthwise_conv2d_input_grad": (gy, weight, x_shape, *how),
        "depthwise_conv2d_weight_grad": (gy, x, weight.shape, *how),
        "max_pool2d": (x, kernel, *how),
        "put_pixels": (gy[:, :c], rng.integers(0, h * w, (n, c, oh, ow)), x_shape),
        "sum_pool2d": (x, kernel, *how[:2]),
        "sum_pool2d_input_grad": (numbers(rng, (n, c, *pooled)), x_shape, kernel, *how[:2]),
        "normalize": (x, *per_channel, axes, 0.01),
        "normalize_grad": (numbers(rng, x_shape), x, per_channel[0], mean, var, axes, 0.01),
    }


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
    for name in NAMES:
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
    assert {n for n in written if n in vars(reference)} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernels", [reference, overlay], ids=["reference", "numba"])
def test_kernel_equals_plain_loops(kernels, name):
    rng = np.random.default_rng(1)
    for _ in range(6):
        args = draw(rng)[name]
        got, want = results(kernels, name, args), globals()[name](*args)
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
        for g, w in zip(kernels.max_pool2d(x, *how), want, strict=True):
            np.testing.assert_array_equal(g, w.numpy())


def layouts(a):
    """The same values: channels-last, reversed strides, every second one, read-only, unaligned."""
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    frozen, loose = a.copy(), np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    frozen.flags.writeable, loose[...] = False, a
    last = np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1)
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
                np.testing.assert_array_equal(g, w, strict=True)
                if name not in ("im2col", "depthwise_conv2d_weight_grad"):
                    assert g.strides[1] == g.itemsize or g.shape[1] == 1, "channels come last"


def test_one_compilation_per_dtype_serves_every_layout():
    for name, args in draw(np.random.default_rng(2), channels=(2, 6)).items():
        for k in range(6):
            moved = (layouts(a)[k] if isinstance(a, np.ndarray) else a for a in args)
            results(overlay, name, moved)
    loops = [f for m in MODULES for f in vars(m).values() if hasattr(f, "signatures")]
    counts = [len(f.signatures) for f in loops]
    assert sum(map(bool, counts)) >= 14 and max(counts) <= len(DTYPES)


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_batch_of_no_images(dtype):
    for name, args in draw(np.random.default_rng(3), n=0).items():
        args = each_float(args, lambda a: a.astype(dtype))
        for g, w in zip(*(results(k, name, args) for k in (overlay, reference)), strict=True):
            np.testing.assert_array_equal(g, w, strict=True)


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
    gy = np.ones((1, 2, 1, 1001), np.float32)
    gy[..., 0] = 2**24  # in float32, 2^24 + 1 is 2^24
    how = ((1, 1), ((0, 0), (0, 0)), (1, 1))
    gw = overlay.depthwise_conv2d_weight_grad(gy, np.ones_like(gy), (2, 1, 1, 1), *how)
    assert gw.ravel().tolist() == [2**24 + 1000] * 2


def test_put_pixels_refuses_a_place_outside_the_image():
    with pytest.raises(IndexError):
        overlay.put_pixels(np.ones((1, 2, 1, 1)), np.full((1, 2, 1, 1), 4), (1, 2, 2, 2))
