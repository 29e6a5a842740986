"""What the doctor knows of convolution and pooling, against central differences and torch."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from minicnn.testing.doctor import diagnose_exercise
from minicnn.testing.doctor.bugs import bug_of
from minicnn.testing.doctor.case import Case
from minicnn.testing.doctor.ops import OPS, columns, conv, pool
from tests.doctor.alternatives_b import ALTERNATIVES

MINE = [op for family in (conv, columns, pool) for op in family.OPS]
MUTANTS = [(op, mutant) for op in MINE for mutant in op.mutants]
PROBES = [(op, probe) for op in MINE for probe in op.probes(0)]
SMOOTH = [(op, probe) for op, probe in PROBES if probe.kind != "kink"]
# Names that the tiers give to any op; the detectors here leave them to those.
LEFT = {"zero-gradient", "ratio:1/N", "ratio:1/C", "ratio:1/(H'*W')"}


def named(value):
    return getattr(value, "name", None)


def upstream(y, seed=3):
    return np.random.default_rng(seed).standard_normal(y.shape)


def case_of(op, probe, mutant=None):
    """The case of a mutant's forward pass beside the right gradients, or of its gradients."""
    right_y, rule, call = op.run(probe.inputs, probe.options)
    gy = upstream(right_y)
    y, back, _ = op.run(probe.inputs, probe.options, mutant)
    right = rule(gy)
    given = right if mutant and mutant.forward else back(gy)
    again = rule if mutant and mutant.forward else back
    return Case(op, probe, call, y, gy, given, right, again, rule)


def signs(case):
    return [sign for detector in case.op.detectors for sign in detector(case)]


def fails(case):
    return bool(case.wrong()) or not case.close(case.y, case.call.y)


@pytest.mark.parametrize(("op", "probe"), SMOOTH, ids=named)
def test_rules_are_the_slopes_of_the_forward_pass(op, probe):
    y, rule, _ = op.run(probe.inputs, probe.options)
    gy = upstream(y)
    for name, x in probe.inputs.items():
        for seed in range(3):
            step = 1e-4 * np.random.default_rng(seed).standard_normal(x.shape)
            ends = [op.run({**probe.inputs, name: x + s * step}, probe.options)[0] for s in (1, -1)]
            slope = ((ends[0] - ends[1]) / 2 * gy).sum()
            np.testing.assert_allclose((rule(gy)[name] * step).sum(), slope, rtol=1e-7, atol=1e-12)


def by_torch(op, probe):
    torch = pytest.importorskip("torch")
    f, options = torch.nn.functional, dict(probe.options)
    inputs = [torch.tensor(a, requires_grad=True) for a in probe.inputs.values()]
    if op.name == "depthwise_conv2d":
        options["groups"] = inputs[0].shape[1]
    functions = {
        "conv2d": f.conv2d, "depthwise_conv2d": f.conv2d, "im2col": f.unfold, "col2im": f.fold,
        "max_pool2d": f.max_pool2d, "avg_pool2d": f.avg_pool2d, "upsample_nearest2d": f.interpolate,
        "global_avg_pool2d": lambda x: f.adaptive_avg_pool2d(x, 1),
    }  # fmt: skip
    return inputs, functions[op.name](*inputs, **options)


@pytest.mark.parametrize(("op", "probe"), PROBES, ids=named)
def test_rules_equal_torch(op, probe):
    inputs, expected = by_torch(op, probe)
    y, rule, _ = op.run(probe.inputs, probe.options)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    gy = upstream(y)
    expected.backward(expected.new_tensor(gy))
    for given, tensor in zip(rule(gy).values(), inputs, strict=True):
        np.testing.assert_allclose(given, tensor.grad.numpy(), rtol=1e-11, atol=1e-12)


def test_max_pool_can_take_the_last_of_equal_entries():
    x, gy = np.ones((1, 1, 2, 4)), np.array([[[[2.0, 3.0]]]])
    _, rule, _ = OPS["max_pool2d"].run({"x": x}, {"kernel_size": 2, "ties": "last"})
    assert rule(gy)["x"].tolist() == [[[[0, 0, 0, 0], [0, 2, 0, 3]]]]


@pytest.mark.parametrize("op", MINE, ids=named)
def test_probes_follow_the_seed(op):
    first, same, other = (list(op.probes(seed)) for seed in (1, 1, 2))
    for a, b, c in zip(first, same, other, strict=True):
        assert (a.name, a.options, a.kind) == (b.name, b.options, b.kind)
        for name in a.inputs:
            assert np.array_equal(a.inputs[name], b.inputs[name])
            assert not np.array_equal(a.inputs[name], c.inputs[name])
    assert len({probe.name for probe in first}) == len(first)


@pytest.mark.parametrize("op", MINE, ids=named)
def test_names_are_in_the_vocabulary(op):
    said = {m.bug for m in op.mutants} | {bug for m in op.mutants for bug in m.also}
    for key in said | set(op.names.values()):
        assert bug_of(key).hints
    assert len({m.name for m in op.mutants}) == len(op.mutants)


@pytest.mark.parametrize(("op", "mutant"), MUTANTS, ids=named)
def test_detectors_name_the_mutants(op, mutant):
    cases = filter(fails, (case_of(op, probe, mutant) for probe in op.probes(0)))
    common = None
    for case in islice(cases, 3):
        found = {sign.bug for sign in signs(case)}
        assert all(bug_of(bug).hints for bug in found)
        common = found if common is None else common & found
    assert common is not None, "the mutant must differ from the reference on a probe"
    assert mutant.bug in LEFT or common & {mutant.bug, *mutant.also}


@pytest.mark.parametrize(("op", "probe"), PROBES, ids=named)
def test_detectors_are_silent_on_the_reference(op, probe):
    assert signs(case_of(op, probe)) == []


def test_a_bug_is_named_though_the_gradient_is_scaled_too():
    op = OPS["conv2d"]
    mutants = {m.name: m for m in op.mutants}
    for name, bug in (
        ("gx_stride_ignored", "stride-ignored"),
        ("gweight_stride_ignored", "stride-ignored"),
    ):
        for probe in op.probes(0):
            case = case_of(op, probe, mutants[name])
            halved = {k: g / 2 for k, g in case.given.items()}

            def back(gy, rule=case.backward):
                return {k: g / 2 for k, g in rule(gy).items()}

            if case.wrong():
                where = name.partition("_")[0]
                found = signs(replace(case, given=halved, backward=back))
                assert bug in {s.bug for s in found if s.where == where}


def test_evidence_says_where_the_window_lies():
    op = OPS["conv2d"]
    mutant = next(m for m in op.mutants if m.name == "gx_stride_ignored")
    probe = next(p for p in op.probes(0) if p.name == "stride 2")
    line = next(s.evidence for s in signs(case_of(op, probe, mutant)) if s.bug == "stride-ignored")
    assert line == (
        "stride 2: a single 1 in gy[1, 1, 1, 1] touches rows 1..3 of gx; it should touch rows 2..4"
    )


@pytest.mark.parametrize(
    ("op", "forward", "backward", "settings"),
    [(op, *rest) for op, entries in ALTERNATIVES.items() for _, *rest in entries],
    ids=lambda v: getattr(v, "__name__", None) if callable(v) else None if v is None else str(v),
)
def test_right_implementations_are_accepted(op, forward, backward, settings):
    diagnosis = diagnose_exercise(op, forward, backward, **settings)
    assert diagnosis.ok and len(diagnosis.probes) > 1, str(diagnosis)


@pytest.mark.parametrize(
    ("op", "mutant"), [(op, m) for op, m in MUTANTS[::7] if not m.forward], ids=named
)
def test_the_diagnosis_is_right_without_fingerprints(op, mutant):
    def forward(*inputs, **options):
        y, rule, _ = op.run(dict(zip(op.inputs, inputs, strict=True)), options, mutant)
        return y, lambda gy: tuple(rule(gy).values())

    verdict = diagnose_exercise(op, forward, tiers=(0, 1, 2)).verdict
    assert verdict is not None and verdict.bug in (mutant.bug, *mutant.also)
