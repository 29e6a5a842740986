"""Image files, whatever their kind, as upright 8-bit pictures."""

import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

# A file of a few kilobytes can promise gigabytes of pixels. Pillow's own limit, 89 megapixels.
MOST_PIXELS = 1024**3 // 4 // 3

EXTENSIONS = (
    ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
# Formats that Pillow reads by itself. EPS is not among them: it would start another program.
_FORMATS = (
    "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP",
)  # fmt: skip
_WHOLE = "must be a whole image file (PNG, JPEG, ...)"


def open_image(path: str | PathLike[str], channels: int = 3) -> Any:
    """Read an image file as an upright Pillow image: mode RGB, or L (grey) for 1 channel.

    EXIF says which way is up; what is transparent becomes white; of an animation the first frame
    is taken; 16-bit values are scaled to 8 bits.

    Raises FileNotFoundError if there is no file, ValueError, naming the file, if it cannot be read,
    is no image, is damaged, or has more than `MOST_PIXELS` pixels (seen before they are decoded).
    """
    path = Path(path)
    _check_channels(channels)
    _check_file(path)
    from PIL import Image

    Image.init()
    formats = [name for name in _FORMATS if name in Image.OPEN]
    try:
        with path.open("rb") as file, Image.open(file, formats=formats) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return to_mode(_upright(image), channels)
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow raise almost anything
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> ValueError:
    """What is wrong with an image file, in words."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, PermissionError):
        rule, advice = "must be readable, got Permission denied", "give yourself read permission"
    elif isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        rule = f"an image must have at most {MOST_PIXELS:,} pixels, got more"
        advice = "scale it down with an image program if it is real"
    elif isinstance(error, UnidentifiedImageError):
        rule = f"{_WHOLE}, got something else or one whose beginning is damaged"
        advice = "open it in an image viewer to see what it is"
    else:
        rule = f"{_WHOLE}, got a damaged one ({_first_line(error)})"
        advice = "copy it again from where it came from"
    return ValueError(f"{path}: {rule}; {advice}")


def to_mode(image: Any, channels: int = 3) -> Any:
    """A Pillow image of any mode as RGB, or as L (grey) for 1 channel.

    Raises ValueError for other numbers of channels, and for pixels that are no colours.
    """
    _check_channels(channels)
    image = _bytes(image)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        from PIL import Image

        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if channels == 1 and image.mode in ("L", "1"):
        return image.convert("L")
    image = image.convert("RGB")
    return image.convert("L") if channels == 1 else image


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise ValueError(
            f"open_image: channels must be 1 (grey) or 3 (RGB), got {channels!r}; "
            "choose one of them"
        )


def _check_file(path: Path) -> None:
    """Refuse what cannot be an image file before anything is opened: opening a pipe would hang."""
    where = f"{path}: must be an image file, got"
    try:
        if path.is_file():
            if path.stat().st_size == 0:
                raise ValueError(f"{where} an empty file; copy it again from where it came from")
            return
        found = "a folder; name a file in it" if path.is_dir() else "a device or pipe; save a file"
        if path.is_symlink() and not path.exists():
            found = f"a broken link to {os.readlink(path)}; put that file back or delete the link"
        elif not path.exists():
            raise FileNotFoundError(f"{where} no such file; check the path")
    except PermissionError as error:
        raise ValueError(
            f"{path}: must be readable, got {error.strerror}; give yourself permission to enter "
            "its folder"
        ) from error
    raise ValueError(f"{where} {found}")


def _upright(image: Any) -> Any:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged notes of the camera do not make the picture unusable
        return image


def _bytes(image: Any) -> Any:
    """Scale pixels of more than 8 bits to 8; `convert` would cut them off at 255."""
    if not image.mode.startswith(("I", "F")):
        return image
    from PIL import Image

    pixels = np.asarray(image)
    if image.mode == "F" and 0 <= pixels.min() and pixels.max() <= 1:
        return Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(
            "values must lie in 0..65535, or in 0..1 for fractions, got "
            f"{pixels.min()}..{pixels.max()}"
        )
    grey = Image.fromarray((pixels >> 8).astype(np.uint8))
    key = image.info.get("transparency")
    if key is not None:  # one 16-bit value that stands for "transparent"
        grey.paste(255, mask=Image.fromarray(pixels == key))
    return grey


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
