"""What the doctor knows of norms, dropout, blocks, attention and update rules."""

import numpy as np
import pytest

from minicnn.testing.doctor.bugs import BUGS, GENERIC, bug_of
from minicnn.testing.doctor.exercise import diagnose_exercise
from minicnn.testing.doctor.ops import (
    OPS,
    attention,
    concat,
    dropout,
    embedding,
    norm,
    residual,
    squeeze_excite,
    update,
)  # fmt: skip
from tests.doctor.alternatives_c import ALTERNATIVES
from tests.doctor.cases_c import case_of, central, differs, signs

FAMILIES = norm, dropout, concat, residual, squeeze_excite, attention, embedding, update
MINE = [op for family in FAMILIES for op in family.OPS]
PROBES = [(op, probe) for op in MINE for probe in op.probes(0)]
MUTANTS = [(op, mutant) for op in MINE for mutant in op.mutants]
# Bugs that the tiers which know no op name by themselves.
LEFT_TO_THE_TIERS = {("concat", "copied"), ("concat", "b has none")}


def label(value):
    return value.name.replace(" ", "_") if hasattr(value, "name") else None


@pytest.mark.parametrize("op, probe", PROBES, ids=label)
def test_rules_agree_with_central_differences(op, probe):
    y, rule, _ = op.run(probe.inputs, probe.options)
    gy = np.random.default_rng(3).standard_normal(y.shape)
    given = rule(gy)
    for name, wanted in central(op, probe, gy).items():
        size = np.abs(wanted).max()
        np.testing.assert_allclose(given[name], wanted, rtol=1e-7, atol=1e-9 * size)


def torch_function(name, t, o):
    """The same function in torch, of tensors by name and the probe's options."""
    import torch

    f = torch.nn.functional
    if name == "batch_norm":
        return f.batch_norm(t["x"], None, None, t["weight"], t["bias"], True, eps=o["eps"])
    if name == "layer_norm":
        return f.layer_norm(t["x"], t["weight"].shape, t["weight"], t["bias"], o["eps"])
    if name == "dropout":
        return t["x"] * torch.from_numpy(o["mask"]) / (1 - o["p"])
    if name == "concat":
        return torch.cat([t["a"], t["b"]], o["axis"])
    if name == "residual":
        return f.relu(t["x"] + t["weight"][:, None, None] * t["x"])
    if name == "squeeze_excite":
        gate = torch.sigmoid(f.linear(f.adaptive_avg_pool2d(t["x"], 1)[..., 0, 0], t["weight"]))
        return t["x"] * gate[:, :, None, None]
    if name == "attention":
        return f.scaled_dot_product_attention(t["q"], t["k"], t["v"])
    return f.embedding(torch.from_numpy(o["index"]), t["weight"])


@pytest.mark.parametrize("op, probe", [p for p in PROBES if p[0].gradients], ids=label)
def test_rules_agree_with_torch(op, probe):
    torch = pytest.importorskip("torch")
    y, rule, _ = op.run(probe.inputs, probe.options)
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in probe.inputs.items()}
    theirs = torch_function(op.name, leaves, probe.options)
    np.testing.assert_allclose(y, theirs.detach().numpy(), rtol=1e-9, atol=1e-11)
    gy = np.random.default_rng(3).standard_normal(y.shape)
    theirs.backward(torch.from_numpy(gy))
    for name, given in rule(gy).items():
        np.testing.assert_allclose(given, leaves[name].grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("name", ["sgd_momentum_step", "adam_step", "adamw_step"])
def test_update_rules_follow_torch_for_ten_steps(name, decay):
    torch = pytest.importorskip("torch")
    op, random = OPS[name], np.random.default_rng(5)
    param = random.standard_normal(7)
    theirs = torch.nn.Parameter(torch.tensor(param))
    if name == "sgd_momentum_step":
        options = {"lr": 0.1, "momentum": 0.8, "weight_decay": decay}
        optimizer, state = torch.optim.SGD([theirs], **options), np.zeros(7)
    else:
        options = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": decay}
        kind = torch.optim.Adam if name == "adam_step" else torch.optim.AdamW
        optimizer, state = kind([theirs], **options), np.zeros((2, 7))
    for t in range(1, 11):
        grad = random.standard_normal(7)
        theirs.grad = torch.tensor(grad)
        optimizer.step()
        now = options if state.ndim == 1 else {**options, "t": t}
        y = op.run({"param": param, "grad": grad, "state": state}, now)[0]
        param, state = y[0], y[1] if state.ndim == 1 else y[1:]
        np.testing.assert_allclose(param, theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("op", MINE, ids=label)
def test_the_same_seed_gives_the_same_probes(op):
    for one, two, other in zip(op.probes(4), op.probes(4), op.probes(5), strict=True):
        assert one.name == two.name
        for name, value in one.inputs.items():
            np.testing.assert_array_equal(value, two.inputs[name])
            # The state of an optimizer's first step is 0, whatever the seed.
            assert not np.array_equal(value, other.inputs[name]) or not value.any()


@pytest.mark.parametrize("op", MINE, ids=label)
def test_no_signs_where_nothing_is_wrong(op):
    for seed in range(5):
        for probe in op.probes(seed):
            assert signs(case_of(op, probe)) == []


@pytest.mark.parametrize("op", MINE, ids=label)
def test_every_name_is_in_the_vocabulary(op):
    keys = {key for m in op.mutants for key in (m.bug, *m.also)} | set(op.names.values())
    for key in keys:
        assert bug_of(key).hints
    for seen in op.names:
        key = seen.rpartition(" ")[2]
        assert key in GENERIC or f"{key.partition(':')[0]}:" in GENERIC, seen
    assert len({m.name for m in op.mutants}) == len(op.mutants)


@pytest.mark.parametrize("op, mutant", MUTANTS, ids=label)
def test_every_bug_shows_and_is_named_without_fingerprints(op, mutant):
    """The names that hold on all failing probes at some place include the right one."""
    shown = {}
    for probe in op.probes(0):
        case = case_of(op, probe, mutant)
        if not differs(case):
            continue
        found = signs(case)
        assert all(sign.bug in BUGS or bug_of(sign.bug) for sign in found)
        for place in wrong_places(case):
            names = {sign.bug for sign in found if sign.where == place}
            shown[place] = shown.get(place, names) & names
        shown.setdefault("", set())
    assert shown, "the bug shows on no probe"
    if (op.name, mutant.name) not in LEFT_TO_THE_TIERS:
        assert set().union(*shown.values()) & {mutant.bug, *mutant.also}


def wrong_places(case):
    places = {f"g{name}" for name in case.wrong()}
    same = case.y.shape == case.call.y.shape and np.allclose(case.y, case.call.y, 1e-7, 1e-12)
    return places if same else places | {"forward"}


ALL_ALTERNATIVES = [(op, *entry) for op, entries in ALTERNATIVES.items() for entry in entries]


@pytest.mark.parametrize(
    "op, name, forward, backward, settings",
    ALL_ALTERNATIVES,
    ids=[f"{op}-{name.replace(' ', '_')}" for op, name, *_ in ALL_ALTERNATIVES],
)
def test_other_right_ways_are_accepted(op, name, forward, backward, settings):
    for seed in range(3):
        diagnosis = diagnose_exercise(op, forward, backward, seed=seed, **settings)
        assert diagnosis.ok, str(diagnosis)
        assert not diagnosis.skipped
