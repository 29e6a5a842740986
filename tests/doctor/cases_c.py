"""Cases as the doctor's detectors are given them, made from an op and one of its typical bugs."""

import numpy as np

from minicnn.testing.doctor.case import Case
from minicnn.testing.doctor.op import Mutant, Op, Probe
from minicnn.testing.doctor.report import Sign


def central(op: Op, probe: Probe, gy, mutant: Mutant | None = None):
    """The gradient of sum(gy * y) of a forward pass, by central differences of fourth order."""
    found = {}
    for name in op.gradients:
        found[name] = np.zeros_like(probe.inputs[name])
        h = 1e-3 * float(np.std(probe.inputs[name]) or 1)
        for at in np.ndindex(found[name].shape):
            for steps, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                inputs = {key: a.copy() for key, a in probe.inputs.items()}
                inputs[name][at] += steps * h
                y = op.run(inputs, probe.options, mutant)[0]
                found[name][at] += weight * np.sum(gy * y) / (12 * h)
    return found


def case_of(op: Op, probe: Probe, mutant: Mutant | None = None) -> Case:
    """What the detectors see of a mutant on a probe; `right` as the class `Case` defines it."""
    y, rule, call = op.run(probe.inputs, probe.options)
    gy = np.random.default_rng(7).standard_normal(np.shape(y))
    wrong_y, backward, _ = op.run(
        {k: a.copy() for k, a in probe.inputs.items()}, probe.options, mutant
    )
    given = {name: np.asarray(a) for name, a in backward(gy.copy()).items()}
    case = Case(op, probe, call, np.asarray(wrong_y), gy, given, rule(gy), backward, rule)
    if case.y.shape == call.y.shape and not case.close(case.y, call.y):
        case.right, case.rtol, case.atol = central(op, probe, gy, mutant), 1e-5, 1e-6
    # An exercise looks no further at a gradient of the wrong shape.
    case.given = {k: a for k, a in given.items() if a.shape == probe.inputs[k].shape}
    return case


def differs(case: Case) -> bool:
    """Whether the learner's numbers differ from the right ones anywhere."""
    if case.y.shape != case.call.y.shape or len(case.given) < len(case.right):
        return True
    return bool(case.wrong()) or not np.allclose(case.y, case.call.y, rtol=1e-7, atol=1e-12)


def signs(case: Case) -> list[Sign]:
    """What the op's own detectors say."""
    return [sign for detector in case.op.detectors for sign in detector(case)]
