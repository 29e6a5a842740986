"""Lesson 05: what each sample adds to the weights' gradient."""

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

SECTION = "A gradient is a sum of outer products"
BUGS = (
    Bug(
        "summed-over-samples", "the samples are summed, and should be kept apart", 5, SECTION,
        ("How many gradients do N samples give before they are added?",
         "The axis N is still there in the answer.",
         "Look for a sum or a matrix product: which axis does it take away?"),
    ),
    Bug(
        "outer-transposed", "the axes of outputs and inputs have changed places", 5, SECTION,
        ("What is the order of the axes in weight?",
         "The answer of each sample has the shape of weight.",
         "Look at where the new axis is put into each of the two arrays."),
    ),
)  # fmt: skip
# (N, O, D); the square ones let a transpose through by their shape
SIZES = {"N 5, O 3, D 7": (5, 3, 7), "N 3, O 2, D 2": (3, 2, 2), "one sample": (1, 3, 2)}


def sample_gradients(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("sample_gradients", "result")
    rng = np.random.default_rng(seed)
    for name, (n, o, d) in SIZES.items():
        gy, x = rng.standard_normal((n, o)), rng.standard_normal((n, d))
        right = np.einsum("no,nd->nod", gy, x)
        with exam.probe(name):
            mine = gy.copy(), x.copy()
            found = functions["sample_gradients"](*mine)
            exam.equal("result", found, right, {
                "summed-over-samples": right.sum(axis=0),
                "outer-transposed": right.transpose(0, 2, 1),
            })  # fmt: skip
            exam.unchanged(gy, mine[0], "gy")
            exam.unchanged(x, mine[1], "x")
    return exam.diagnosis()


def _in_place(gy: np.ndarray, x: np.ndarray) -> np.ndarray:
    product = gy[:, :, None] * x[:, None, :]
    gy *= 0
    return product


CHECKS = {
    "sample_gradients": Check(
        sample_gradients,
        wrong=(
            Wrong("summed-over-samples", {"sample_gradients": lambda gy, x: gy.T @ x}),
            Wrong("outer-transposed",
                  {"sample_gradients": lambda gy, x: x[:, :, None] * gy[:, None, :]}),
            Wrong("changes-input", {"sample_gradients": _in_place}),
            Wrong("returns-none", {"sample_gradients": lambda gy, x: None}),
            Wrong("raises", {"sample_gradients": lambda gy, x: gy * x}),
        ),
    )
}  # fmt: skip
