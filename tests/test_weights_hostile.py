"""Checkpoints that mean harm or are damaged: a ValueError at once, and nothing ever runs."""

import gzip
import importlib
import io
import pickle
import pickletools
import struct
import sys
import warnings
import zipfile

import numpy as np
import pytest

from minicnn import weights
from tests.checkpoints import (
    archive,
    call,
    mapping,
    name,
    number,
    numbers,
    put,
    several,
    storage,
    stream,
    tensor,
    text,
)  # fmt: skip

ONE = tensor(storage())
BOTH = pytest.mark.parametrize("write", [archive, stream], ids=["zip", "old"])


FORBIDDEN = {
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "exec",
    "compile", "import", "os.mkdir", "os.remove", "os.rename", "os.putenv", "shutil.rmtree",
    "socket.connect", "pickle.find_class", "builtins.input",
}  # fmt: skip
# Imported when they are needed, which is all that a load may import.
for lazy in ("encodings.cp437", "encodings.ascii", "safetensors.numpy"):
    importlib.import_module(lazy)
loading, effects = [], []


def audit(event, arguments):
    if loading and event in FORBIDDEN:
        effects.append((event, str(arguments)))


sys.addaudithook(audit)  # sees what Python does from here on, in this process


def load(tmp_path, data: bytes):
    """Load a file with these bytes; the load must read that file and do nothing else."""
    path = put(tmp_path, data)
    loading.append(path)
    try:
        return weights.load(path)
    finally:
        loading.clear()
        assert not effects


MARK = "touch_nothing"
COMMAND = several(text(f"import os; os.mkdir({MARK!r})"))
CODE = {
    "os.system": name("os", "system") + COMMAND + b"R",
    "posix.system": name("posix", "system") + COMMAND + b"R",
    "builtins.exec": name("builtins", "exec") + COMMAND + b"R",
    "builtins.eval": name("__builtin__", "eval") + COMMAND + b"R",
    "builtins.getattr": name("builtins", "getattr") + several(text("x"), text("upper")) + b"R",
    "subprocess.Popen": name("subprocess", "Popen") + b")\x81",
    "runpy._run_code": name("runpy", "_run_code") + b"0}",
    "pickle.loads": text("pickle") + text("loads") + b"\x93" + COMMAND + b"R",
    "shutil.rmtree": text("shutil") + b"q\0" + text("rmtree") + b"q\x010" + b"0h\0h\1\x93)R",
    "os.mkdir": b"(" + text("x") + b"ios\nmkdir\n",
    "functools.partial": b"(" + name("functools", "partial") + text("x") + b"o",
    "ctypes.CDLL": name("ctypes", "CDLL") + b")}\x92",
    "torch._utils.os.system": name("torch._utils", "os.system") + COMMAND + b"R",
    "torch._utils._rebuild_tensor_v2.__globals__": name(
        "torch._utils", "_rebuild_tensor_v2.__globals__"
    ),
    "torch.storage._load_from_bytes": name("torch.storage", "_load_from_bytes") + COMMAND + b"R",
    "torch.hub.load": name("torch.hub", "load") + COMMAND + b"R",
    "collections.OrderedDict.__class__": name("collections", "OrderedDict.__class__"),
    "pytorch_lightning.callbacks.ModelCheckpoint": name(
        "pytorch_lightning.callbacks", "ModelCheckpoint"
    ),
    "a\\x07\\udc80.b": text("a\x07") + b"\x8c\x03\xed\xb2\x80" + b"0" + b"C\0" + b"0"
    + b"0X\x05\0\0\0a\x07\xed\xb2\x80" + text("b") + b"\x93",
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("code", CODE)
def test_code_is_refused_by_its_name(tmp_path, monkeypatch, write, code):
    monkeypatch.chdir(tmp_path)
    for body in (CODE[code], mapping(w=ONE, evil=CODE[code]), mapping(evil=CODE[code], w=ONE)):
        with pytest.raises(ValueError, match="nothing was run") as caught:
            load(tmp_path, write(body))
        assert f"must hold tensors only, got {code}, a name that is not one" in str(caught.value)
        assert "torch.save(model.state_dict(), ...)" in str(caught.value)
        str(caught.value).encode()
    assert not (tmp_path / MARK).exists()


def test_code_in_every_part_of_the_old_format(tmp_path):
    evil, whole = b"\x80\x02" + CODE["os.system"] + b".", stream(mapping(w=ONE))
    parts, ends = io.BytesIO(whole), [0]
    for _ in range(4):
        list(pickletools.genops(parts))
        ends.append(parts.tell())
    for end in ends:
        with pytest.raises(ValueError, match="got os.system, a name"):
            load(tmp_path, whole[:end] + evil + whole[end:])


OLD = name("torch", "FloatTensor")
WRONG = {
    "an unknown instruction": (b"\xff", "unknown instruction"),
    "an extension": (b"\x82\1", "got the instruction EXT1"),
    "a buffer": (b"\x97", "got the instruction NEXT_BUFFER"),
    "a persistent name": (b"P1\n", "got the instruction PERSID"),
    "no such memo": (b"h\7", "damaged"),
    "an empty stack": (b"0000", "damaged"),
    "a missing mark": (b"t", "damaged"),
    "a tuple of too few": (b"N\x87", "than there are"),
    "a call of a number": (b"K\1)R", "cannot be called"),
    "a call of an array": (ONE + b")R", "cannot be called"),
    "a call of a type": (name("torch", "float32") + b")R", "cannot be called"),
    "a call without a tuple": (name("collections", "OrderedDict") + b"]R", "cannot be called"),
    "a call with too many": (call(name("collections", "OrderedDict"), b"N", b"N"), "damaged"),
    "a name that is a number": (b"K\1K\2\x93", "no text"),
    "the state of a list": (b"]}b", "has none"),
    "the state of a tensor": (ONE + b"}b", "has none"),
    "items into a list": (b"]NNs", "no dict"),
    "an odd item": (b"}(Nu", "no dict"),
    "an item onto a tuple": (b")Na", "no list"),
    "the state of no old tensor": (OLD + b")R}b", "state of no tensor"),
    "two values for an old tensor": (OLD + b")R" + b"(NNtb", "state of no tensor"),
    "an old tensor of a number": (OLD + b"K\1\x85R", "without a tensor"),
    "an old tensor of itself": (OLD + b")Rq\7(h\7NNNNtb", "without a tensor"),
    "an old tensor without a storage": (OLD + b")R(NNNNtb", "without a storage"),
    "a negative text": (b"T\xff\xff\xff\xff", "negative length"),
    "a negative number": (b"\x8b\xff\xff\xff\xff", "negative length"),
    "a text longer than the file": (b"X\xff\xff\xff\x1f", "end early|must fit into"),
    "a text of 2**63": (b"\x8d" + struct.pack("<Q", 2**63), "must fit into"),
    "bytes of 2**64 - 1": (b"\x8e" + b"\xff" * 8, "must fit into"),
    "a number of 4 MB": (b"\x8b" + struct.pack("<i", 2**22) + b"\1" * 2**22, "too large"),
    "a long line": (b"I" + b"1" * 5000 + b"\n", "too long"),
    "a text that is none": (b"X\2\0\0\0\xff\xff", "codec"),
    "an escape": (b"c\\d\n\\x\n", "got \\\\d.\\\\x, a name"),
    "another codec": (call(name("_codecs", "encode"), text("a"), text("rot13")), "unknown enc"),
}


@pytest.mark.parametrize("what", WRONG)
@BOTH
def test_pickled_data_that_make_no_sense(tmp_path, write, what):
    body, message = WRONG[what]
    with pytest.raises(ValueError, match=message):
        load(tmp_path, write(body + b"0" + mapping(w=ONE)))


BESIDE = {
    "a tuple as key": b"}K\1K\2\x86Ns",
    "a list as key": b"}]Ns",
    "a huge key": b"}" + number(2**64) + b"Ns",
    "a tuple in a set": b"\x8f()\x90",
    "a tuple in a frozen set": b"()\x91",
    "a tuple in a called set": call(name("__builtin__", "set"), b"])a"),
    "a complex number": call(name("builtins", "complex"), b"K\1", b"K\2"),
    "a number of NumPy": call(
        name("numpy.core.multiarray", "scalar"), call(name("numpy", "dtype"), text("f8")), b"C\0"
    ),
    "a device": call(name("torch", "device"), text("cuda"), b"K\0"),
    "attributes": name("argparse", "Namespace") + b")\x81}" + text("lr") + b"K\1sb",
    "a dict with a factory": call(name("collections", "defaultdict"), name("builtins", "list"))
    + b"K\1]s",
    "a number as key": b"}" + call(name("builtins", "float")) + b"Ns",
}  # fmt: skip


@pytest.mark.parametrize("what", BESIDE)
@BOTH
def test_values_beside_the_tensors_are_left_out(tmp_path, write, what):
    body = mapping(state_dict=mapping(w=ONE), other=BESIDE[what])
    assert load(tmp_path, write(body))["w"].shape == (2, 3)


V2, V3 = name("torch._utils", "_rebuild_tensor_v2"), name("torch._utils", "_rebuild_tensor_v3")
FLOATS = [name("torch", "FloatStorage"), text("0"), text("cpu")]
NEGATED = mapping(neg=b"\x88")
NO_TENSOR = {
    "offset": tensor(storage(), (2, 2), (3, 1), 2),
    "negative offset": tensor(storage(), offset=-1),
    "size": tensor(storage(), (3, 3)),
    "negative size": tensor(storage(), (-2, -3)),
    "one negative size": tensor(storage(), (-2, 3)),
    "stride": tensor(storage(), (2, 3), (4, 1)),
    "negative stride": tensor(storage(), (2, 3), (-3, 1), 3),
    "wrapping stride": tensor(storage(), (3, 2), (2**63, 1)),
    "wrapping product": tensor(storage(), (2**62, 4), (4, 1)),
    "wrapping sum": tensor(storage(), (5, 2), (2**62, 1)),
    "wrapping bytes": tensor(storage(), (2,), (2**62,)),
    "huge number": tensor(storage(), (2**200, 0)),
    "missing stride": tensor(storage(), (2, 3), (3,)),
    "65 axes": tensor(storage(), (1,) * 65, (1,) * 65),
    "a million axes": tensor(storage(), (1,) * 10**5, (1,) * 10**5),
    "more than the file": tensor(storage(count=7), (7,), (1,)),
    "less than the file": tensor(storage(count=5), (5,), (1,)),
    "another type": tensor(storage(kind="DoubleStorage"), (6,), (1,)),
    "negative count": tensor(storage(count=-6)),
    "huge count": tensor(storage(count=2**61), (2**61,), (1,)),
    "expanded": tensor(storage(), (10**12,), (0,)),
    "expanded twice": tensor(storage(), (10**6, 10**6), (0, 0)),
    "missing storage": tensor(storage(key="1")),
    "path": tensor(storage(key="../../../../etc/passwd")),
    "texts": call(V2, storage(), text("0"), text("a"), text("b"), b"\x89", b"}"),
    "floats": call(V2, storage(), b"G" + bytes(8), numbers(1), numbers(1), b"\x89", b"}"),
    "bools": call(V2, storage(), b"\x89", several(b"\x88"), numbers(1), b"\x89", b"}"),
    "no storage": call(V2, b"N", b"K\0", numbers(1), numbers(1), b"\x89", b"}"),
    "its own list": call(V2, storage(), b"K\0", b"]q\1h\1a", numbers(1), b"\x89", b"}"),
    "no type": call(V3, storage(), b"K\0", numbers(1), numbers(1), b"\x89", b"}", b"N"),
    "negated": call(V2, storage(), b"K\0", numbers(6), numbers(1), b"\x89", b"}", NEGATED),
    "negated of a type": call(V3, storage(), b"K\0", numbers(6), numbers(1), b"\x89", b"}",
                              name("torch", "float32"), NEGATED),
    "no arguments": V2 + b")R",
    "wrong identity": several(text("module"), *FLOATS, number(6)) + b"Q",
    "identity of a text": text("storage") + b"Q",
    "identity of two": several(text("storage"), FLOATS[0]) + b"Q",
    "identity without a class": several(text("storage"), b"N", *FLOATS[1:], number(6)) + b"Q",
    "identity without a key": several(text("storage"), FLOATS[0], b"]", b"N", number(6)) + b"Q",
    "identity with a text": several(text("storage"), *FLOATS, text("6")) + b"Q",
    "wrong view": several(text("storage"), *FLOATS, number(6), text("v")) + b"Q",
    "parameter": call(name("torch._utils", "_rebuild_parameter"), b"N", b"\x88", b"}"),
    "never filled": OLD + b")R",
    "attributes": call(name("torch._tensor", "_rebuild_from_type_v2"), b"N", b"N", b")", b"}"),
}  # fmt: skip


@pytest.mark.parametrize("what", NO_TENSOR)
@BOTH
def test_tensors_that_cannot_be(tmp_path, write, what):
    with pytest.raises(ValueError, match="must|hold|refer|missing|cannot hold|damaged"):
        load(tmp_path, write(mapping(w=NO_TENSOR[what])))


@BOTH
def test_tensors_that_may_be(tmp_path, write):
    """The border of what the test before refuses."""
    good = {
        "all": tensor(storage(), (6,), (1,)),
        "last": tensor(storage(), (1,), (1,), 5),
        "expanded": tensor(storage(), (1000, 2), (0, 3)),
        "overlapping": tensor(storage(), (4, 3), (1, 1)),
        "any stride": tensor(storage(), (1, 2, 1), (2**62, 3, 2**62)),
        "empty": tensor(storage(), (0, 2**40), (2**62, 1), 99),
        "64 axes": tensor(storage(), (1,) * 64, (1,) * 64),
    }
    loaded = load(tmp_path, write(mapping(**good)))
    assert loaded["last"].tolist() == [5] and loaded["any stride"].ravel().tolist() == [0, 3]
    assert loaded["expanded"][999].tolist() == [0, 3] and loaded["empty"].shape == (0, 2**40)
    assert loaded["overlapping"].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]


def test_one_dict_of_arrays_at_many_places_is_looked_through_once(tmp_path):
    inner = b"}q\1(" + b"".join(text(str(i)) + b"h\0" for i in range(10**4)) + b"u0"
    outer = b"}(" + b"".join(text(str(i)) + b"h\1" for i in range(10**4)) + b"u"
    with pytest.raises(ValueError, match=r"got 10000: '0', '1', '2', '3', \.\.\. \(10000 in all"):
        load(tmp_path, archive(ONE + b"q\0" + b"0" + inner + outer))


def lying_zip(data: bytes, entry: bytes, **fields: int) -> bytes:
    """Change numbers of one entry in the zip archive's directory at the end."""
    where = data.rindex(entry) - 46
    assert data[where : where + 4] == b"PK\1\2"
    places = {"method": (10, "<H"), "crc": (16, "<I"), "packed": (20, "<I"), "size": (24, "<I"),
              "flags": (8, "<H"), "offset": (42, "<I")}  # fmt: skip
    changed = bytearray(data)
    for field, value in fields.items():
        struct.pack_into(places[field][1], changed, where + places[field][0], value)
    return bytes(changed)


@pytest.mark.parametrize("entry", [b"r/data/0", b"r/data.pkl"])
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "fields",
    [
        {"size": 2**32 - 2},
        {"size": 2**32 - 2, "packed": 2**32 - 2},
        {"size": 25, "packed": 25},
        {"packed": 3, "size": 3},
        {"crc": 7},
        {"method": "the other"},
        {"method": 14},
        {"method": 99},
        {"flags": 1},
        {"offset": 2**31},
        {"offset": 5},
    ],
)
def test_a_zip_archive_that_lies(tmp_path, kind, entry, fields):
    if fields == {"method": "the other"}:
        fields = {"method": {zipfile.ZIP_STORED: 8, zipfile.ZIP_DEFLATED: 0}[kind]}
    with pytest.raises(ValueError, match="whole, undamaged|Bad CRC"):
        load(tmp_path, lying_zip(archive(mapping(w=ONE), None, kind), entry, **fields))


def test_the_names_of_a_zip_archive(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twice = archive(mapping(w=ONE), **{"data/0": b"x"})
    with pytest.raises(ValueError, match="same name"):
        load(tmp_path, twice)
    for root in ("..", "/abs", "C:"):
        loaded = load(tmp_path, archive(mapping(w=ONE), root=root)) if root != "/abs" else {}
        assert not (tmp_path.parent / "data").exists() and set(loaded) <= {"w"}


def test_other_pickles_and_packed_files(tmp_path):
    with pytest.raises(ValueError, match="must be a PyTorch checkpoint, got other pickled data .a"):
        load(tmp_path, pickle.dumps({"w": 1}))
    packed = gzip.compress(archive(mapping(w=ONE)))
    with pytest.raises(ValueError, match="gzip: unpack it first"):
        load(tmp_path, packed)


SMALL = mapping(w=ONE, v=tensor(storage(), (3,), (2,)), n=call(
    name("collections", "OrderedDict")) + b"}b0" + tensor(storage(), (), ()))  # fmt: skip


@BOTH
def test_every_truncation(tmp_path, write):
    whole = write(SMALL)
    for length in range(len(whole)):
        with pytest.raises(ValueError):
            load(tmp_path, whole[:length])
    assert sorted(load(tmp_path, whole)) == ["n", "v", "w"]


@BOTH
@pytest.mark.parametrize("seed", range(2))
def test_flipped_bytes(tmp_path, write, seed):
    whole, rng = write(SMALL), np.random.default_rng(seed)
    refused, before = 0, set(tmp_path.iterdir())
    for _ in range(400):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        try:
            loaded = load(tmp_path, bytes(changed))
        except ValueError:
            refused += 1
        else:
            assert all(isinstance(array, np.ndarray) for array in loaded.values())
    assert 50 < refused < 400
    assert len(set(tmp_path.iterdir()) - before) == 1
