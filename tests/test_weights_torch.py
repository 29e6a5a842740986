"""PyTorch's checkpoints: the same numbers as PyTorch reads, from files that it and we write."""

import argparse
import collections
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minicnn import weights
from tests import checkpoints as by_hand

FORMATS = pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
ARANGE = np.arange(6, dtype=np.float32).reshape(2, 3)
ONE = by_hand.tensor(by_hand.storage())
TYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def check_same(loaded, expected) -> None:
    """Same names, order, types and numbers; every array writable and apart from the others."""
    assert list(loaded) == list(expected)
    for name, tensor in expected.items():
        tensor = tensor.detach()
        array = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape, name
        np.testing.assert_array_equal(loaded[name], array, err_msg=name)
        assert loaded[name].flags.c_contiguous, name
    for number, array in enumerate(loaded.values()):
        array[...] = number % 2
    for number, array in enumerate(loaded.values()):
        assert (array == number % 2).all()


def save(torch, value, path: Path, new=True, protocol=2) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=new, pickle_protocol=protocol)
    return path


def tensors(torch) -> dict:
    base = torch.arange(24.0).reshape(2, 3, 4)
    named = {t: torch.tensor([[1, 0, 100]], dtype=getattr(torch, t)) for t in TYPES}
    return named | {
        "nothing": torch.zeros(0, 3),
        "one": torch.tensor(7.5),
        "transposed": base.transpose(0, 2),
        "sliced": base[1:, ::2, 1:3],
        "whole": base,
        "expanded": torch.tensor([[2.0], [3.0]]).expand(2, 5),
        "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "special": torch.tensor([np.nan, np.inf, -0.0, 1e-45]),
        "bfloat16 values": torch.randn(50).bfloat16()[::3],
        "parameter": torch.nn.Parameter(torch.rand(3)),
        "tied": base,
        "größe": torch.ones(1),
    }


@FORMATS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_all_types_and_views(torch, tmp_path, new, protocol):
    expected = tensors(torch)
    path = save(torch, expected, tmp_path / "w.pth", new, protocol)
    if protocol == 2:  # the only one for which torch.load has a reader that runs nothing
        expected = torch.load(path, weights_only=True)
    check_same(weights.load(path), expected)
    assert weights.load_metadata(path) == {}


@pytest.mark.parametrize("kind", ["uint16", "uint32", "uint64"])
def test_types_without_a_storage_of_their_own(torch, tmp_path, kind):
    tensor = torch.tensor([[1, 2], [3, 60000]], dtype=getattr(torch, kind)).T
    check_same(weights.load(save(torch, {"w": tensor}, tmp_path / "w.pt")), {"w": tensor})


@FORMATS
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_network_and_a_network_in_a_network(torch, tmp_path, new, wrapped):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    net[0].weight.marked = True  # attributes change how a parameter is pickled
    state = (torch.nn.DataParallel(net) if wrapped else net).state_dict()
    assert state._metadata
    path = save(torch, state, tmp_path / "w.pth.tar", new)
    check_same(weights.load(path), state)
    check_same(weights.load(save(torch, dict(net.named_parameters()), path)),
               dict(net.named_parameters()))  # fmt: skip
    if wrapped:
        save(torch, state, path, new)
        check_same(weights.load(path, prefix="module."), net.state_dict())


def test_a_moving_average_of_a_network(torch, tmp_path):
    net = torch.nn.Linear(3, 2)
    average = torch.optim.swa_utils.AveragedModel(net).state_dict()
    path = save(torch, {"model": {"w": torch.ones(1)}, "ema": average}, tmp_path / "w.pth")
    assert "n_averaged" in weights.load(path, key="ema")
    check_same(weights.load(path, key="ema", prefix="module."), net.state_dict())


@FORMATS
def test_thousands_of_tensors_and_the_state_of_their_optimizer(torch, tmp_path, new):
    one = torch.ones(())
    model = {f"blocks.{i}.conv.weight": torch.full((3,), float(i)) for i in range(1250)}
    moments = {i: {"step": one.clone(), "exp_avg": one.clone(), "exp_avg_sq": one.clone()}
               for i in range(1250)}  # fmt: skip
    optimizer = {"state": moments, "param_groups": [{"lr": 0.1, "params": list(range(1250))}]}
    path = save(torch, {"model": model, "optimizer": optimizer}, tmp_path / "w.pth", new)
    check_same(weights.load(path), model)


def training_run(torch, net) -> dict:
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    adam.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [3, 5])
    return {
        "epoch": 7,
        "args": argparse.Namespace(lr=0.1, sizes=[1, 2], device=torch.device("cpu")),
        "best": np.float64(0.76),
        "acc1": torch.tensor(76.0),
        "curve": np.arange(3.0),
        "bytes": b"\xff\0",
        "set": {1, 2},
        "shape": torch.ones(2, 3).shape,
        "dtype": torch.float32,
        "large": [2**40, -(2**70)],
        "counter": collections.Counter("aab"),
        "lists": collections.defaultdict(list, {1: [2]}),
        "by pair": {(1, 2): 3, np.float64(1): 4},
        "complex": 1j,
        "state_dict": net.state_dict(),
        "optimizer": adam.state_dict(),
        "schedule": schedule.state_dict(),
    }


@FORMATS
def test_the_checkpoint_of_a_training_run(torch, tmp_path, new):
    net = torch.nn.Linear(3, 2)
    run = training_run(torch, net)
    path = save(torch, run, tmp_path / "checkpoint.ckpt", new)
    check_same(weights.load(path), net.state_dict())
    check_same(weights.load(path, key="state_dict"), net.state_dict())
    with pytest.raises(ValueError, match="key='optimizer' must name a dict of arrays, got 'state_"):
        weights.load(path, key="optimizer")
    save(torch, run | {"ema": {"w": torch.ones(1)}}, path, new)
    with pytest.raises(ValueError, match="got 2: 'state_dict', 'ema'; say which, for .*key='state"):
        weights.load(path)
    check_same(weights.load(path, key="ema"), {"w": torch.ones(1)})


def test_the_one_entry_that_is_no_array_is_named(torch, tmp_path):
    net = torch.nn.Linear(3, 2)
    state, path = net.state_dict(), tmp_path / "w.pth"
    kept = dict(state)
    extra = state | {"a._extra_state": None, "_extra_state": b"x"}
    check_same(weights.load(save(torch, extra, path)), kept)
    save(torch, state | {"a._extra_state": torch.ones(1)}, path)
    assert len(weights.load(path)) == 3
    odd = state | {"epoch": 1}
    with pytest.raises(ValueError, match=r"all entries must be arrays, got 'epoch' \(an int\)"):
        weights.load(save(torch, odd, path))
    for key in ("model", None):
        with pytest.raises(ValueError, match=r"entries of 'model' must be arrays, got 'epoch'"):
            weights.load(save(torch, {"model": odd, "x": {"y": 1}}, path), key=key)


@FORMATS
def test_numbers_that_torch_negates_as_it_reads_them(torch, tmp_path, new):
    tensor = torch.tensor([1 + 2j, 3 + 4j]).conj().imag
    path = save(torch, {"w": tensor}, tmp_path / "w.pth", new)
    with pytest.raises(ValueError, match=r"got a view that negates .*\.resolve_neg\(\)"):
        weights.load(path)
    path = save(torch, {"w": tensor.resolve_neg()}, path, new)
    assert weights.load(path)["w"].tolist() == [-2, -4]


@pytest.mark.parametrize("value", ["sparse", "csr", "complex", "quantised", "float8", "meta"])
@FORMATS
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_no_plain_arrays_are_refused_by_name(torch, tmp_path, value, new):
    made = {
        "sparse": lambda: torch.eye(3).to_sparse(),
        "csr": lambda: torch.eye(3).to_sparse_csr(),
        "complex": lambda: torch.ones(2, dtype=torch.complex64),
        "quantised": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "float8": lambda: torch.ones(2).to(torch.float8_e4m3fn),
        "meta": lambda: torch.ones(2, device="meta"),
    }[value]()
    path = save(torch, {"w": made}, tmp_path / "w.pth", new)
    named = {"csr": "sparse", "float8": "8-bit", "meta": "without numbers"}.get(value, value)
    with pytest.raises(ValueError, match=f"must hold plain tensors .*, got .*{named}"):
        weights.load(path)


@FORMATS
def test_a_whole_network_is_refused_with_the_way_out(torch, tmp_path, new):
    path = save(torch, torch.nn.Sequential(torch.nn.Linear(2, 2)), tmp_path / "net.pt", new)
    with pytest.raises(ValueError, match="got torch.nn.modules.container.Sequential, a n") as e:
        weights.load(path)
    assert "nothing was run" in str(e.value) and "torch.save(model.state_dict(), ...)" in str(e)


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_program_is_refused(torch, tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "w.pt")
    with pytest.raises(ValueError, match="got a TorchScript program"):
        weights.load(tmp_path / "w.pt")


@pytest.mark.parametrize("top", ["tensor", "list", "empty", "nothing"])
def test_what_holds_no_named_arrays(torch, tmp_path, top):
    value, what = {
        "tensor": (torch.ones(2), "a Tensor"),
        "list": ([torch.ones(2)], "a list"),
        "empty": ({}, "an empty one"),
        "nothing": ({"epoch": 3}, "the entries 'epoch'"),
    }[top]
    path = save(torch, value, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=f"must be in a dict, by name, got {what}"):
        weights.load(path)


def test_a_real_file(torch):
    root = os.environ.get("MINICNN_DATA")
    path = Path(root or "") / "weights" / "mobilenet_v1_025_224.pth"
    if not root or not path.is_file():
        pytest.skip("needs weights/mobilenet_v1_025_224.pth in the folder MINICNN_DATA")
    loaded = weights.load(path)
    assert len(loaded) == 137
    check_same(loaded, torch.load(path, weights_only=True))


# From here on without torch.

BOTH = pytest.mark.parametrize("write", [by_hand.archive, by_hand.stream], ids=["zip", "old"])


@BOTH
@pytest.mark.parametrize("location", ["cpu", "cuda:0", "mps", "xpu:1"])
def test_a_tensor_saved_on_any_device(tmp_path, write, location):
    body = by_hand.mapping(w=by_hand.tensor(by_hand.storage(location=location)))
    loaded = weights.load(by_hand.put(tmp_path, write(body), ".th"))
    np.testing.assert_array_equal(loaded["w"], ARANGE)


@BOTH
def test_a_tensor_without_numbers(tmp_path, write):
    body = by_hand.mapping(w=by_hand.tensor(by_hand.storage(location="meta")))
    with pytest.raises(ValueError, match="got a tensor without numbers"):
        weights.load(by_hand.put(tmp_path, write(body)))


@BOTH
def test_files_by_hand_are_files_for_torch(torch, tmp_path, write):
    old = write is by_hand.stream
    kept = by_hand.storage(view=b"N" if old else None)
    body = by_hand.mapping(
        all=by_hand.tensor(kept),
        columns=by_hand.tensor(kept, (3, 2), (1, 3)),
        last=by_hand.tensor(kept, (), (), 5),
        overlapping=by_hand.tensor(kept, (4, 3), (1, 1)),
        expanded=by_hand.tensor(kept, (50, 2), (0, 3)),
        steps=by_hand.tensor(kept, (2, 1, 2), (3, 2**40, 2), 0),
    )
    more = {} if old else {"version": "3"}  # which torch asks for
    path = by_hand.put(tmp_path, write(body, **more))
    check_same(weights.load(path), torch.load(path, weights_only=True))


@BOTH
def test_the_oldest_tensors_and_dicts(tmp_path, write):
    """As Python 2 and PyTorch 0.3 wrote them: a list of pairs, short strings, no gradient flag."""
    old = [by_hand.storage(), b"K\0", by_hand.numbers(3, 2), by_hand.numbers(1, 3)]
    pair = b"](U\x01w" + by_hand.call(by_hand.name("torch._utils", "_rebuild_tensor"), *old) + b"e"
    body = by_hand.call(by_hand.name("collections", "OrderedDict"), b"](" + pair + b"e")
    loaded = weights.load(by_hand.put(tmp_path, write(body)))
    np.testing.assert_array_equal(loaded["w"], ARANGE.T)


PARAMETER = by_hand.name("torch.nn.parameter", "Parameter")
NO_HOOKS = by_hand.call(by_hand.name("collections", "OrderedDict"))
PLACE = [by_hand.storage(view=b"N"), b"K\0", by_hand.numbers(2, 3), by_hand.numbers(3, 1)]
DATA = by_hand.call(by_hand.name("torch._utils", "_rebuild_tensor"), *PLACE)
FLAGS = by_hand.several(b"\x88", b"\x89", NO_HOOKS) + b"b"
FIVE = by_hand.several(DATA, b"N", NO_HOOKS, b"\x88", b"\x89") + b"b"
FOUR = by_hand.several(*PLACE) + b"b"
FILLED = {
    "parameter made, then five": PARAMETER + b")\x81" + FIVE,
    "parameter called, then five": PARAMETER + b")R" + FIVE,
    "parameter of data": PARAMETER + by_hand.several(DATA) + b"R",
    "parameter of data and a flag": PARAMETER + by_hand.several(DATA, b"\x88") + b"R",
    "parameter made of data, then flags": PARAMETER + by_hand.several(DATA) + b"\x81" + FLAGS,
    "parameter called with data, then flags": PARAMETER + by_hand.several(DATA) + b"R" + FLAGS,
    "parameter of a tensor that was filled": PARAMETER
    + by_hand.several(by_hand.name("torch", "FloatTensor") + b")\x81" + FOUR) + b"R",
    "tensor called": by_hand.name("torch", "Tensor") + b")R" + FOUR,
    "tensor made": by_hand.name("torch", "FloatTensor") + b")\x81" + FOUR,
    "tensor of CUDA": by_hand.name("torch.cuda", "FloatTensor") + b")\x81" + FOUR,
}  # fmt: skip


@pytest.mark.parametrize("how", FILLED)
def test_tensors_that_old_programs_made_empty_and_filled(tmp_path, how):
    body = NO_HOOKS + b"(" + by_hand.text("w") + FILLED[how] + b"u}b"
    path = by_hand.put(tmp_path, by_hand.stream(body))
    np.testing.assert_array_equal(weights.load(path)["w"], ARANGE)


@pytest.mark.parametrize("how", sorted(FILLED.keys() - {"tensor of CUDA"}))
@pytest.mark.filterwarnings("ignore")
def test_torch_reads_them_too(torch, tmp_path, how):
    path = by_hand.put(tmp_path, by_hand.stream(by_hand.mapping(w=FILLED[how])))
    np.testing.assert_array_equal(torch.load(path, weights_only=True)["w"].detach(), ARANGE)


def test_a_view_of_a_storage_in_the_old_format(tmp_path):
    def view(start, count):
        return by_hand.several(by_hand.text("v"), by_hand.number(start), by_hand.number(count))

    kept = by_hand.storage(view=view(2, 3))
    body = by_hand.mapping(w=by_hand.tensor(kept, (2,), (1,), 1), all=ONE)
    loaded = weights.load(by_hand.put(tmp_path, by_hand.stream(body)))
    assert loaded["w"].tolist() == [3, 4] and loaded["all"].tolist() == ARANGE.tolist()
    for start, count, shape in ((2, 3, 3), (4, 3, 1), (-1, 3, 1)):
        kept = by_hand.storage(view=view(start, count))
        body = by_hand.mapping(w=by_hand.tensor(kept, (shape,), (1,), 1))
        with pytest.raises(ValueError, match="must lie in|whole numbers"):
            weights.load(by_hand.put(tmp_path, by_hand.stream(body)))


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(("kind", "code"), [("Float", "f4"), ("Long", "i8"), ("BFloat16", "u2")])
def test_the_byte_order_of_the_file(tmp_path, order, kind, code):
    values = np.array([1, 2, 3]) << 7  # as bfloat16 a subnormal and two small numbers
    raw = values.astype(np.dtype(code).newbyteorder("<" if order == "little" else ">"))
    body = by_hand.mapping(
        w=by_hand.tensor(by_hand.storage(count=3, kind=f"{kind}Storage"), (3,), (1,))
    )
    data = by_hand.archive(body, {"0": raw.tobytes()}, byteorder=order)
    expected = values
    if kind == "BFloat16":
        expected = [struct.unpack("<f", struct.pack("<I", int(v) << 16))[0] for v in values]
    array = weights.load(by_hand.put(tmp_path, data))["w"]
    assert array.tolist() == list(expected) and array.dtype.isnative
    assert array.dtype == {"Float": np.float32, "Long": np.int64, "BFloat16": np.float32}[kind]
    with pytest.raises(ValueError, match="byte order must be little or big, got b'middle'"):
        weights.load(by_hand.put(tmp_path, by_hand.archive(body, byteorder="middle")))


def test_any_byte_of_a_bool_but_0_is_true(tmp_path):
    body = by_hand.mapping(
        w=by_hand.tensor(by_hand.storage(kind="BoolStorage", count=3), (3,), (1,))
    )
    array = weights.load(by_hand.put(tmp_path, by_hand.archive(body, {"0": b"\0\1\7"})))["w"]
    assert array.view(np.uint8).tolist() == [0, 1, 1]


def test_a_compressed_archive_and_entries_that_nothing_refers_to(tmp_path):
    body = by_hand.mapping(w=ONE, epoch=by_hand.number(2))
    raw = {"0": ARANGE.tobytes(), "unused": b"x" * 10**6}
    data = by_hand.archive(by_hand.mapping(state_dict=by_hand.mapping(w=ONE)), raw,
                           zipfile.ZIP_DEFLATED, root="any name")  # fmt: skip
    assert weights.load(by_hand.put(tmp_path, data, ""))["w"].tolist() == ARANGE.tolist()
    with pytest.raises(ValueError, match=r"got the entries 'w', 'epoch' and no dict of arrays"):
        weights.load(by_hand.put(tmp_path, by_hand.archive(body)))


def test_numpy_arrays_in_a_checkpoint(tmp_path):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "b": np.array([True, False]),
        "c": np.arange(4, dtype=">i2")[::2],
        "d": np.zeros((0, 2)),
        "e": np.array(3),
    }
    for protocol in (2, 3, 4, 5):
        pickled = pickle.dumps({"model": arrays, "x": np.array(["a"])}, protocol=protocol)[2:-1]
        loaded = weights.load(by_hand.put(tmp_path, by_hand.archive(pickled)))
        for name, array in arrays.items():
            assert loaded[name].dtype == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(loaded[name], array)
            loaded[name][...] = 0
    with pytest.raises(ValueError, match="got NumPy values of type O8"):
        pickled = pickle.dumps({"w": np.array([None])}, protocol=2)[2:-1]
        weights.load(by_hand.put(tmp_path, by_hand.archive(pickled)))
