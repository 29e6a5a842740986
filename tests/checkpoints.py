"""PyTorch's files written by hand, opcode by opcode: what no program would write included.

Source: CPython's Lib/pickletools.py for the opcodes, torch/serialization.py for the files.
"""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def several(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def numbers(*values: int) -> bytes:
    return several(*map(number, values))


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + several(*arguments) + b"R"


def mapping(**values: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def storage(key="0", count=6, kind="FloatStorage", location="cpu", view=None) -> bytes:
    parts = [text("storage"), name("torch", kind), text(key), text(location), number(count)]
    return several(*parts, *([] if view is None else [view])) + b"Q"


def tensor(kept: bytes, shape=(2, 3), strides=(3, 1), offset=0) -> bytes:
    """A tensor in a storage, as `torch.save` writes it since 0.4."""
    parts = [kept, number(offset), numbers(*shape), numbers(*strides), b"\x89", b"}"]
    return call(name("torch._utils", "_rebuild_tensor_v2"), *parts)


def archive(body: bytes, storages=None, compression=zipfile.ZIP_STORED, root="r", **more) -> bytes:
    """The zip format; ``storages`` are the bytes by key, ``more`` further entries."""
    if storages is None:
        storages = {"0": np.arange(6, dtype="<f4").tobytes()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr(f"{root}/data.pkl", b"\x80\x02" + body + b".")
        for key, data in storages.items():
            file.writestr(f"{root}/data/{key}", data)
        for key, data in more.items():
            file.writestr(f"{root}/{key}", data)
    return buffer.getvalue()


def stream(body: bytes, storages=None, version=1001) -> bytes:
    """The format before PyTorch 1.6; ``storages`` are (number of elements, bytes) by key."""
    if storages is None:
        storages = {"0": (6, np.arange(6, dtype="<f4").tobytes())}
    heads = [MAGIC, version, {"little_endian": True}]
    parts = [pickle.dumps(head, protocol=2) for head in heads]
    parts += [b"\x80\x02" + body + b".", pickle.dumps(list(storages), protocol=2)]
    parts += [struct.pack("<q", count) + data for count, data in storages.values()]
    return b"".join(parts)


def put(folder: Path, data: bytes, suffix: str = ".pth") -> Path:
    path = folder / f"checkpoint{suffix}"
    path.write_bytes(data)
    return path
