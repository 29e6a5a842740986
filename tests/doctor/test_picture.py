"""Heat maps: what is drawn where, and the file."""

import numpy as np
import pytest
from PIL import Image

from minicnn.testing.doctor import picture
from minicnn.testing.doctor.maps import GradientMap, load_maps, save_maps
from minicnn.testing.doctor.picture import draw


def gradient(*shape, name="gx", axes=(), factor=1.0):
    right = np.random.default_rng(0).standard_normal(shape)
    given = right.copy()
    given[:1] *= factor
    return GradientMap("a probe", name, axes, given, right, np.asarray(given != right))


def wrong_ones(ax):
    return sum(len(collection.get_paths()) for collection in ax.collections)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (2, 3, 5, 4), (2, 1, 3, 2, 2)])
def test_all_shapes_give_a_picture(tmp_path, shape):
    right = np.full(shape, 2.0)
    one = GradientMap("p", "gx", (), right * 2, right, np.full(shape, True))
    draw([one], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG" and image.width > 800
        assert len(image.convert("RGB").getcolors(10**6) or []) > 3


def test_panels_stand_in_a_grid_of_the_two_axes_before():
    a = np.arange(2 * 3 * 5 * 4.0).reshape(2, 3, 5, 4)
    sheet = picture._sheet(a)
    assert sheet.shape == (2 * 5 + 1, 3 * 4 + 2)
    assert (sheet[6:11, 5:9] == a[1, 1]).all() and (sheet[:5, 10:] == a[0, 2]).all()
    assert sheet.mask[5].all() and sheet.mask[:, 4].all()


def test_numbers_that_are_not_finite_are_grey():
    a = np.array([[1.0, np.nan], [np.inf, -3.0]])
    assert (picture._sheet(a).mask == [[False, True], [True, False]]).all()
    assert picture._scale(a) == 3.0 and picture._scale(np.full(2, np.nan)) == 1.0


def test_one_scale_for_yours_and_right_and_frames_round_what_is_wrong(monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    seen = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: seen.append(figure))
    draw([gradient(4, 3, factor=-5.0, axes=("N", "D"))], tmp_path / "a.png")
    yours, right, difference = [ax for ax in seen[0].axes if ax.get_title()]
    limits = yours.images[0].get_clim()
    assert limits == right.images[0].get_clim() and limits[0] == -limits[1]
    assert limits[1] == 5 * abs(right.images[0].get_array()[0]).max()
    assert (wrong_ones(yours), wrong_ones(difference)) == (0, 3)
    assert difference.get_title() == "gx: yours - right, 3 of 12 wrong"
    assert (yours.get_xlabel(), yours.get_ylabel()) == ("D", "N")


def test_large_gradients_are_cut_short(tmp_path):
    draw([gradient(70, 2, 500, 3, factor=2.0)], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 2_000_000


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.png"):
        draw([gradient(3)], tmp_path / "a.pdf")
    with pytest.raises(ValueError, match="there must be gradients to draw"):
        draw([], tmp_path / "a.png")


def test_maps_survive_a_file(tmp_path):
    maps = (gradient(2, 3, axes=("N", "D"), factor=2.0), gradient(4, name="gbias"))
    save_maps(maps, tmp_path / "maps.npz")
    again = load_maps(tmp_path / "maps.npz")
    for a, b in zip(maps, again, strict=True):
        assert a[:3] == b[:3]
        assert all((x == y).all() for x, y in zip(a[3:], b[3:], strict=True))
    save_maps((), tmp_path / "none.npz")
    assert load_maps(tmp_path / "none.npz") == ()
