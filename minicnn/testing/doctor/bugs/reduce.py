"""Bugs of sum, mean and max."""

from .bug import Bug

BACK = "From one number back to many"
SHARE = "What a mean divides by"
WINNER = "The winner takes it all"

BUGS = (
    Bug(
        "not-expanded",
        "the gradient still has the shape of the reduced array",
        3,
        BACK,
        (
            "What is the shape of x, and what is the shape of gy?",
            "Each entry that was reduced gets the gradient of the result that it went into.",
            "Look for the step that copies gy along the reduced axis.",
        ),
        ("C14",),
    ),
    Bug(
        "expanded-along-wrong-axis",
        "the upstream gradient is copied along the wrong axis",
        3,
        BACK,
        (
            "Which entries of x went into the second entry of y?",
            "NumPy aligns shapes at the last axis; the reduced one must be put back first.",
            "Look at how gy gets its axis back; a square example hides the mistake.",
        ),
        ("C14", "C15"),
    ),
    Bug(
        "upstream-collapsed",
        "all entries get the same upstream gradient",
        3,
        BACK,
        (
            "Is gy the same for all entries of y?",
            "Each entry of x belongs to one entry of y.",
            "Look for a sum over gy, or an index that picks one of it.",
        ),
        ("C14",),
    ),
    Bug(
        "reduced-wrong-axis",
        "the output is that of another axis",
        3,
        BACK,
        (
            "Which axis is asked for, and which one is gone?",
            "Negative numbers count from the end; None means all.",
            "Look at the axis in forward.",
        ),
        ("C15",),
    ),
    Bug(
        "mean-rule-for-sum",
        "a sum is treated like a mean: the gradient is divided",
        3,
        SHARE,
        (
            "If one entry grows by 1, by how much does the sum grow?",
            "Every summand has the slope 1.",
            "Look for a division in backward.",
        ),
        ("C12",),
    ),
    Bug(
        "mean-for-sum",
        "the output is the mean, not the sum",
        3,
        SHARE,
        (
            "What is the sum of five ones in your code?",
            "Only a mean is divided by how many there are.",
            "Look for a division in forward.",
        ),
        ("C12",),
    ),
    Bug(
        "not-divided-by-count",
        "the mean is not divided by how many numbers there are",
        3,
        SHARE,
        (
            "If one of n numbers grows by 1, by how much does their mean grow?",
            "Each has an n-th of the influence, forward and backward.",
            "Look for the division.",
        ),
        ("C12",),
    ),
    Bug(
        "divided-by-count-twice",
        "the gradient of the mean is divided by the count twice",
        3,
        SHARE,
        (
            "If one of n numbers grows by 1, by how much does their mean grow?",
            "The count divides once.",
            "Look for a second mean, or a division of what is already divided.",
        ),
        ("C12",),
    ),
    Bug(
        "divided-by-size",
        "divided by the size of the whole array, not of the reduced axis",
        3,
        SHARE,
        (
            "How many numbers go into one entry of the output?",
            "Only the axes that are reduced count.",
            "Look at the divisor, for an axis that is not None.",
        ),
        ("C13",),
    ),
    Bug(
        "divided-by-wrong-length",
        "divided by the length of another axis",
        3,
        SHARE,
        (
            "How many numbers go into one entry of the output?",
            "The divisor is the length of the axis that was asked for, whichever it is.",
            "Look for a fixed axis number in the divisor.",
        ),
        ("C13",),
    ),
    Bug(
        "all-ties-get-the-gradient",
        "every tied maximum gets the whole gradient",
        13,
        WINNER,
        (
            "If two entries are equally large, who gets the gradient?",
            "What arrives must be what leaves: one winner, or a share for each.",
            "Look at the comparison with the maximum, for entries that are equal.",
        ),
        ("C61",),
    ),
    Bug(
        "gradient-to-every-entry",
        "every entry gets a gradient, not only the maximum",
        13,
        WINNER,
        (
            "Does the maximum change when a small entry changes a little?",
            "Only the winner has influence.",
            "Look for the mask that picks the winner.",
        ),
        ("C65",),
    ),
    Bug(
        "maximum-of-the-whole-array",
        "only the maximum of the whole array gets a gradient",
        13,
        WINNER,
        (
            "How many winners are there, one or one per row?",
            "Each entry of the output has a winner of its own.",
            "Look at the axis where the winner is found in backward.",
        ),
        ("C61",),
    ),
    Bug(
        "minimum-for-maximum",
        "the smallest entry gets the gradient",
        13,
        WINNER,
        (
            "Which entry decides the output?",
            "The winner is the same one in forward and in backward.",
            "Look at how backward finds the winner.",
        ),
    ),
)
