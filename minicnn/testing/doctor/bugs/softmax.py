"""Bugs of softmax."""

from .bug import Bug

JACOBIAN = "Every probability depends on every score"

BUGS = (
    Bug(
        "row-sum-lost",
        "the common term of the row is missing",
        7,
        JACOBIAN,
        (
            "If one score grows, what happens to the other probabilities?",
            "They sum to 1, so what one gains the others lose.",
            "Look for a sum over the row that is subtracted.",
        ),
        ("C57",),
    ),
    Bug(
        "jacobian-diagonal-only",
        "softmax is treated entry by entry, like a sigmoid",
        7,
        JACOBIAN,
        (
            "If one score grows, what happens to the other probabilities?",
            "The matrix of slopes is not diagonal.",
            "Look for the terms that join different entries of a row.",
        ),
        ("C57",),
    ),
    Bug(
        "row-sum-unweighted",
        "the sum over the row is not weighted by the probabilities",
        7,
        JACOBIAN,
        (
            "What is summed: the gradients, or the gradients times the outputs?",
            "Each score moves the row in proportion to its probability.",
            "Look at what stands inside the sum.",
        ),
    ),
    Bug(
        "row-sum-added",
        "the common term of the row is added instead of subtracted",
        7,
        JACOBIAN,
        (
            "What is the gradient when all upstream entries are equal?",
            "Adding one number to all of them changes no probability.",
            "Look at the sign in front of the sum.",
        ),
    ),
    Bug(
        "row-sum-over-batch",
        "the sum runs over the whole batch, not over each row",
        7,
        JACOBIAN,
        (
            "Does one sample's gradient depend on another sample?",
            "Each row is a distribution of its own.",
            "Look at the axis of the sum.",
        ),
        ("C29",),
    ),
    Bug(
        "softmax-over-wrong-axis",
        "softmax is normalized along the wrong axis",
        7,
        "Which axis holds the classes?",
        (
            "Along which axis do your probabilities sum to 1?",
            "Each sample has a distribution over the classes, which are the last axis.",
            "Look at every axis argument, also the ones of the maximum and of the sums.",
        ),
        ("C15", "C83"),
    ),
    Bug(
        "softmax-over-everything",
        "softmax is normalized over the whole array",
        7,
        "Which axis holds the classes?",
        (
            "What does each row of your output sum to?",
            "Each sample has a distribution of its own.",
            "Look for a sum without an axis.",
        ),
        ("C15",),
    ),
    Bug(
        "shift-by-global-maximum",
        "the shift is the maximum of the batch, not of each row",
        7,
        "A softmax that never says NaN",
        (
            "What is left of a row whose scores are 1000 below those of another?",
            "Each row may be shifted by its own number without a change.",
            "Look at the axis of the maximum that is subtracted.",
        ),
        ("C54",),
    ),
    Bug(
        "cross-entropy-rule",
        "the short rule of softmax with cross-entropy is used for softmax",
        7,
        JACOBIAN,
        (
            "Is there a loss in this op?",
            "Probabilities minus labels is the slope of both ops together.",
            "Look at where gy enters: as a factor, or as labels?",
        ),
    ),
    Bug(
        "log-softmax-rule",
        "the rule of log-softmax is used for softmax",
        7,
        JACOBIAN,
        (
            "Is the output a probability or a logarithm?",
            "Without the logarithm every entry keeps its probability as a factor.",
            "Look at the factors in front of gy and of the row's sum.",
        ),
    ),
)
