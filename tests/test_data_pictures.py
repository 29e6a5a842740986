"""Image files of every kind and every damage; Pillow writes them, the pixels are worked out."""

import os

import numpy as np
import pytest
from PIL import Image

from minicnn.data.pictures import MOST_PIXELS, open_image, to_mode

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 9, 3), np.uint8)


def grey_of(rgb):
    """ITU-R BT.601, rounded."""
    return np.round(rgb @ [0.299, 0.587, 0.114])


def test_plain_files(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(COLOURS).save(path)
    colour, grey = open_image(path), open_image(str(path), channels=1)
    assert (colour.mode, grey.mode) == ("RGB", "L")
    assert np.array_equal(np.asarray(colour), COLOURS)
    assert np.abs(np.asarray(grey) - grey_of(COLOURS)).max() <= 1
    grey.save(tmp_path / "grey.png")
    again = np.asarray(open_image(tmp_path / "grey.png"))
    assert np.array_equal(again, np.repeat(np.asarray(grey)[..., None], 3, 2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright(tmp_path, orientation):
    """What the camera's note says is undone: the eight cases as NumPy turns and mirrors."""
    undo = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, -1)[:, ::-1][::-1, ::-1], 8: lambda a: np.rot90(a),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    opened = np.asarray(open_image(tmp_path / "a.png"))
    assert np.array_equal(opened, undo[orientation](COLOURS))


def test_transparent_is_white(tmp_path):
    alpha = np.full((2, 2, 1), 128, np.uint8)
    alpha[0] = [[0], [255]]
    pixels = np.concatenate([np.full((2, 2, 3), 40, np.uint8), alpha], axis=2)
    Image.fromarray(pixels).save(tmp_path / "rgba.png")
    Image.fromarray(pixels).convert("LA").save(tmp_path / "la.png")
    for name in ("rgba.png", "la.png"):
        for channels in (1, 3):
            opened = np.asarray(open_image(tmp_path / name, channels)).reshape(2, 2, -1)
            assert opened[0, 0].tolist() == [255] * channels
            assert opened[0, 1].tolist() == [40] * channels
            assert abs(int(opened[1, 0, 0]) - (255 * 127 + 40 * 128) / 255) <= 1


def test_palette_with_and_without_a_transparent_colour(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50, 0, 255, 0])
    image.save(tmp_path / "p.png")
    image.save(tmp_path / "t.gif", transparency=1)
    image.save(tmp_path / "t.png", transparency=b"\xff\x00\xff")
    plain = np.asarray(open_image(tmp_path / "p.png"))
    assert plain.tolist() == [[[10, 20, 30], [200, 100, 50]], [[0, 255, 0], [200, 100, 50]]]
    for name in ("t.gif", "t.png"):
        clear = np.asarray(open_image(tmp_path / name))
        assert clear.tolist() == [[[10, 20, 30], [255] * 3], [[0, 255, 0], [255] * 3]]


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    r, g, b = np.asarray(open_image(tmp_path / "red.jpg")).reshape(-1, 3).mean(axis=0)
    assert r > 240 and max(g, b) < 15


def test_more_than_eight_bits_are_scaled(tmp_path):
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.tif")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "b.tif")
    Image.fromarray((values / 65535).astype(np.float32)).save(tmp_path / "c.tif")
    for name in ("a.png", "a.tif", "b.tif", "c.tif"):
        for channels in (1, 3):
            opened = np.asarray(open_image(tmp_path / name, channels))
            assert opened.dtype == np.uint8
            assert np.abs(opened.reshape(5, -1)[:, 0] - values[0] / 257).max() < 1, name


def test_numbers_that_are_no_colours(tmp_path):
    for name, values in (("big", [[0.0, 7000.0]]), ("nan", [[np.nan, 0.5]]), ("low", [[-1.0, 0]])):
        Image.fromarray(np.array(values, np.float32)).save(tmp_path / f"{name}.tif")
        with pytest.raises(ValueError, match=f"{name}.tif.*values must lie in 0..65535"):
            open_image(tmp_path / f"{name}.tif")


def test_one_bit_one_pixel_and_animated(tmp_path):
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "bits.png")
    assert np.array_equal(np.asarray(open_image(tmp_path / "bits.png", 1)), np.eye(4) * 255)
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert np.asarray(open_image(tmp_path / "dot.png")).tolist() == [[[1, 2, 3]]]
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue", "lime")]
    for name in ("a.gif", "a.png", "a.webp"):
        lossless = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **lossless)
        opened = np.asarray(open_image(tmp_path / name))
        assert np.array_equal(opened, np.broadcast_to([255, 0, 0], (4, 5, 3))), name


def refused(path, match, error=ValueError):
    with pytest.raises(error, match=match) as caught:
        open_image(path)
    assert str(path) in str(caught.value) and ";" in str(caught.value)


def test_what_is_no_image(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "dir.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "text.jpg", "must be a whole image file")
    refused(tmp_path / "empty.jpg", "an empty file")
    refused(tmp_path / "dir.jpg", "got a folder")
    refused(tmp_path / "link.jpg", "a broken link to .*gone.jpg")
    refused(tmp_path / "pipe.jpg", "a device or pipe")
    refused(tmp_path / "none.jpg", "no such file", FileNotFoundError)


@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "webp", "gif", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_short(tmp_path, kind, share):
    noise = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"a.{kind}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path, "must be a whole image file")


@pytest.mark.parametrize("kind", ["jpg", "png", "gif", "bmp", "tif", "webp"])
def test_random_damage_never_raises_anything_else(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(COLOURS).save(path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(60):
        broken = whole.copy()
        places = RNG.integers(0, len(broken), 4)
        broken[places] = RNG.integers(0, 256, 4)
        path.write_bytes(broken.tobytes())
        try:
            assert open_image(path).mode == "RGB"
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("side", [9500, 60_000])
def test_decompression_bomb(tmp_path, side):
    """Only the header promises pixels: were they decoded, the file would count as cut short."""
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x"))
    refused(path, f"at most {MOST_PIXELS:,} pixels")


@pytest.mark.usefixtures("no_rights")
def test_unreadable(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    refused(tmp_path / "a.png", "must be readable")


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    refused(tmp_path / "a.eps", "must be a whole image file")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_note_of_the_camera_does_no_harm(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff junk")
    assert open_image(tmp_path / "a.jpg").size == (9, 6)


def test_channels(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"open_image: channels must be 1 \(grey\) or 3"):
        open_image(tmp_path / "a.png", channels=4)
    assert to_mode(Image.new("1", (2, 2), 1), 1).getpixel((0, 0)) == 255
