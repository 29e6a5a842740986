"""What a file holds, by its first bytes: names lie, and downloads fail."""

from .torch_files import is_object

# (offset, bytes, what it is)
_OTHERS = (
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file: run `git lfs pull`"),
    (0, b"\x1f\x8b", "gzip: unpack it first"),
    (0, b"BZh", "bzip2: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-zip: unpack it first"),
    (257, b"ustar", "a tar archive: unpack it first, or, if PyTorch 0.1 wrote it, load and save it "
     "there again"),
    (0, b"\x89HDF", "HDF5, as Keras writes it: convert it to .safetensors"),
    (0, b"\x93NUMPY", "one array of NumPy: save it by name with np.savez"),
    (0, b"{", "JSON"),
)  # fmt: skip
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")


def recognise(head: bytes) -> str:
    """What a file with this beginning is: "safetensors", "zip" or "stream" (PyTorch before 1.6).

    Raises ValueError for anything else, and says what it looks like.
    """
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    # The length of a safetensors header comes first, and its lowest byte may be a pickle's 0x80.
    if head.startswith(b"\x80") and not (head[8:9] == b"{" and head[4:8] == bytes(4)):
        return "stream"
    if head[8:9] == b"{":
        return "safetensors"
    raise ValueError(_looks_like(head))


def recognise_zip(names: list[str]) -> str:
    """What a zip archive with these entries is: "npz" or "archive" (PyTorch since 1.6)."""
    if any(map(is_object, names)):
        return "archive"
    if all(name.endswith(".npy") for name in names):
        return "npz"
    raise ValueError(f"a zip archive of other files, the first {names[0][:80]!r}: unpack it first")


def _looks_like(head: bytes) -> str:
    if not head:
        return "an empty file"
    if head.lstrip().lower().startswith(_PAGES):
        return "a web page: the download failed, look at the page and fetch the file itself"
    for offset, beginning, what in _OTHERS:
        if head[offset:].startswith(beginning):
            return what
    return f"the beginning {head[:8]!r}, which no known kind of file has"
