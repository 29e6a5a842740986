"""What the doctor knows of elementwise ops, reductions, linear, activations and losses."""

import warnings

import numpy as np
import pytest

from minicnn.testing.doctor import bugs, diagnose
from minicnn.testing.doctor.bugs import bug_of
from minicnn.testing.doctor.ops import OPS
from tests.doctor.alternatives_a import ALTERNATIVES

NAMES = [
    "add", "sub", "mul", "div", "pow", "exp", "log", "sum", "mean", "max", "linear", "relu",
    "leaky_relu", "sigmoid", "tanh", "silu", "gelu", "softmax", "cross_entropy", "mse_loss",
    "binary_cross_entropy_with_logits",
]  # fmt: skip
MUTANTS = [(name, mutant) for name in NAMES for mutant in OPS[name].mutants]
PROBES = [(name, i) for name in NAMES for i in range(len(OPS[name].probes(0)))]
each_op = pytest.mark.parametrize("name", NAMES)
each_probe = pytest.mark.parametrize("name, i", PROBES)
each_mutant = pytest.mark.parametrize("name, mutant", MUTANTS,
                                      ids=[f"{n}-{m.name}" for n, m in MUTANTS])  # fmt: skip


def run(name, probe, mutant=None):
    """y, the gradients for a random gy, and the arrays that the code had in hand."""
    op = OPS[name]
    inputs = {k: v.copy() for k, v in probe.inputs.items()}
    y, rule, _ = op.run(inputs, probe.options, mutant)
    gy = np.asarray(np.random.default_rng(5).normal(size=np.shape(y)))
    own = gy.copy()
    return y, dict(rule(own)), {**inputs, "gy": own}, {**probe.inputs, "gy": gy}


def slopes(name, probe, h=1e-6):
    """Central differences of the reference forward pass, entry by entry."""
    op, (_, _, _, given) = OPS[name], run(name, probe)
    for of, x in probe.inputs.items():
        g = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            sides = []
            for step in (h, -h):
                moved = {k: v.copy() for k, v in probe.inputs.items()}
                moved[of][i] += step
                sides.append(op.run(moved, probe.options)[0])
            g[i] = ((sides[0] - sides[1]) * given["gy"]).sum() / (2 * h)
        yield of, g


# The reference


@each_probe
def test_the_reference_agrees_with_central_differences(name, i):
    probe = OPS[name].probes(3)[i]
    if probe.kind == "usual":
        _, gradients, _, _ = run(name, probe)
        for of, g in slopes(name, probe):
            np.testing.assert_allclose(gradients[of], g, rtol=2e-7, atol=2e-8 * np.abs(g).max())


@each_probe
def test_the_reference_agrees_with_torch(name, i):
    torch = pytest.importorskip("torch")
    probe = OPS[name].probes(4)[i]
    y, gradients, _, given = run(name, probe)
    inputs = [torch.tensor(x, requires_grad=True) for x in probe.inputs.values()]
    theirs = _in_torch(torch, name, inputs, probe.options)
    np.testing.assert_allclose(y, theirs.detach().numpy(), 1e-12, 1e-14 * np.abs(y).max())
    if name == "max" and probe.kind == "kink":
        return  # torch has another convention for each way of asking
    theirs.backward(torch.tensor(given["gy"]))
    for (of, g), x in zip(gradients.items(), inputs, strict=True):
        other = x.grad.numpy()
        np.testing.assert_allclose(g, other, 1e-10, 1e-13 * np.abs(other).max(), err_msg=of)


def _in_torch(torch, name, inputs, options):
    if name in ("sum", "mean", "max"):
        f = torch.amax if name == "max" else getattr(torch, name)
        axes = options["axis"] if options["axis"] is not None else tuple(range(inputs[0].ndim))
        return f(inputs[0], dim=axes, keepdim=options["keepdims"])
    if name == "softmax":
        return inputs[0].softmax(-1)
    if hasattr(torch.nn.functional, name):
        options = {k: torch.tensor(v) if k == "target" else v for k, v in options.items()}
        return getattr(torch.nn.functional, name)(*inputs, **options)
    return getattr(torch, name)(*inputs, **options)


@each_probe
def test_the_reference_keeps_the_contract(name, i):
    """No warning (they are errors here), no change of the inputs or of gy, shapes of the inputs."""
    for seed in range(5):
        probe = OPS[name].probes(seed)[i]
        _, gradients, own, given = run(name, probe)
        for k, v in given.items():
            np.testing.assert_array_equal(own[k], v)
        for k, g in gradients.items():
            assert g.shape == probe.inputs[k].shape and g.dtype == np.float64
            assert np.isfinite(g).all()


@each_op
def test_conventions_are_right_on_usual_probes_and_differ_at_kinks(name):
    for option, choices in OPS[name].conventions.items():
        for probe in OPS[name].probes(0):
            answers = []
            for choice in choices:
                with_it = {**probe.options, option: choice}
                y, rule, _ = OPS[name].run(probe.inputs, with_it)
                answers.append(rule(np.ones_like(y))["x"])
            differ = not all(np.allclose(a, answers[0], 1e-9) for a in answers)
            assert differ == (probe.kind == "kink" or option == "approximate")


# The probes


@each_op
def test_probes_repeat_and_are_small(name):
    for a, b, other in zip(*(OPS[name].probes(s) for s in (7, 7, 8)), strict=True):
        assert a.name == b.name == other.name and a.options.keys() == b.options.keys()
        for k in a.inputs:
            np.testing.assert_array_equal(a.inputs[k], b.inputs[k])
        assert sum(x.size for x in a.inputs.values()) < 400


@each_op
def test_usual_probes_keep_away_from_kinks(name):
    for seed in range(20):
        for probe in OPS[name].probes(seed):
            x = next(iter(probe.inputs.values()))
            if probe.kind == "usual" and name in ("relu", "leaky_relu"):
                assert np.abs(x).min() >= 1e-2
            if probe.kind == "usual" and name == "max":
                assert np.diff(np.sort(x.ravel())).min() >= 1e-2


def test_the_probes_draw_new_numbers_for_another_seed():
    for name in NAMES:
        pairs = zip(OPS[name].probes(1), OPS[name].probes(2), strict=True)
        assert any(not np.array_equal(a.inputs[k], b.inputs[k]) for a, b in pairs for k in a.inputs)


# The typical bugs


@each_mutant
def test_a_mutant_is_wrong_on_some_probe_and_runs_on_one(name, mutant):
    ran, wrong = 0, 0
    for probe in OPS[name].probes(0):
        y, gradients, _, _ = run(name, probe)
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                theirs, got, own, given = run(name, probe, mutant)
        except ValueError:  # shapes that do not fit; an AttributeError would be our own mistake
            continue
        ran += 1
        changed = any(not np.array_equal(own[k], given[k]) for k in given)
        differs = not _same(theirs, y) or any(not _same(got[k], gradients[k]) for k in gradients)
        wrong += bool(told) or changed or differs
    assert ran and wrong


def _same(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-7, 1e-9 * np.abs(b).max())


@each_op
def test_mutants_have_names_of_their_own(name):
    names = [m.name for m in OPS[name].mutants]
    assert len(names) == len(set(names)) and len(names) >= 5


def test_there_are_enough_mutants():
    assert len(MUTANTS) >= 200


# The vocabulary


@each_op
def test_every_name_is_in_the_vocabulary(name):
    op = OPS[name]
    keys = [m.bug for m in op.mutants] + [k for m in op.mutants for k in m.also]
    for key in [*keys, *op.names.values()]:
        assert bug_of(key).headline


@each_op
def test_translations_are_of_places_that_the_op_has(name):
    places = {"forward", *(f"g{k}" for k in OPS[name].inputs)}
    for key in OPS[name].names:
        place, _, bug = key.partition(" ")
        assert not bug or place in places or ":" in place  # "missing-sum:axis 0" names no place


FAMILIES = (
    bugs.elementwise, bugs.reduce, bugs.linear, bugs.activation, bugs.softmax, bugs.cross_entropy,
    bugs.loss,
)  # fmt: skip
WORDS = {bug.key: bug for family in FAMILIES for bug in family.BUGS}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_hints_are_three_and_hold_no_code(key):
    bug = WORDS[key]
    assert len(bug.hints) == 3 and 1 <= bug.lesson <= 24 and bug.section
    assert bug.hints[0].endswith("?")
    assert all(hint[-1] in ".?" and "np." not in hint and "(" not in hint for hint in bug.hints)


# Correct code in other words


def test_there_are_alternatives_for_every_op():
    assert sorted(ALTERNATIVES) == sorted(NAMES)
    assert sum(map(len, ALTERNATIVES.values())) >= 22


ALL = [(op, *entry) for op, entries in ALTERNATIVES.items() for entry in entries]


@pytest.mark.parametrize("op, what, forward, backward, settings", ALL,
                         ids=[f"{op}-{what}" for op, what, *_ in ALL])  # fmt: skip
def test_an_alternative_is_right(op, what, forward, backward, settings):
    """Judged without the doctor: the three ways of calling, spelt out."""
    single = settings.get("dtype") == "float32"
    rtol = 1e-3 if single else 1e-9
    own = {k: v for k, v in settings.items() if k != "dtype"}
    for probe in OPS[op].probes(11):
        y, rule, _ = OPS[op].run(probe.inputs, {**probe.options, **own})
        gy = np.asarray(np.random.default_rng(1).normal(size=np.shape(y)))
        right, inputs = rule(gy), list(probe.inputs.values())
        with np.errstate(all="raise", under="ignore"):
            answer = forward(*inputs, **probe.options)
            answer, kept = answer if isinstance(answer, tuple) else (answer, None)
            if backward is None:
                got = kept(gy)
            elif kept is not None:
                got = backward(gy, kept)
            else:
                got = backward(gy, *inputs, **probe.options)
        got = got if isinstance(got, tuple | list) else (got,)
        np.testing.assert_allclose(answer, y, rtol, rtol * np.abs(y).max())
        for g, r in zip(got, right.values(), strict=True):
            np.testing.assert_allclose(g, r, rtol, rtol * np.abs(r).max())


def test_a_wrong_loss_may_be_a_plain_number():
    def sum_of_losses(x, target):
        return float(OPS["cross_entropy"].run({"x": x}, {"target": target})[0] * len(x))

    found = diagnose("cross_entropy", sum_of_losses).findings
    assert "not-divided-by-batch" in [f.bug for f in found]
