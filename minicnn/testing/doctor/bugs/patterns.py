"""More wrong numbers of any op: parts of a sum, factors of x, paths through statistics."""

from .bug import Bug

BUGS = (
    Bug(
        "times:", "the gradient has a factor {} too many", 6, "One slope per entry",
        ("Which factors does the derivative have on paper?",
         "The evidence shows what your gradient is divided by the right one.",
         "Look at powers and at products that are taken twice."),
        ("C9", "C11", "C47"),
    ),
    Bug(
        "extra-sum:", "the gradient is summed over {} and should not be", 3, "Broadcasting back",
        ("Which shape has the input whose gradient this is?",
         "A sum belongs only to axes along which the input was repeated.",
         "Look at the axes of the sums in backward."),
        ("C3", "C14"),
    ),
    Bug(
        "reshaped", "the gradient has the right values in another shape", 3, "Broadcasting back",
        ("Which shape has the input, and which has your gradient?",
         "The values are right; an axis is kept, lost or flattened.",
         "Look at keepdims, and at reshapes near the end."),
        ("C14",),
    ),
    Bug(
        "lost-part:", "the first or the last slice of gy along {} is left out", 10,
        "How many windows fit",
        ("How often does each loop run?",
         "One index, the first or the last, never has its turn.",
         "Look at the bounds of loops and slices."),
        ("C43",),
    ),
    Bug(
        "upstream-moved", "gy is read in another order than it has", 11, "Axes before shapes",
        ("What does each axis of gy mean, before and after it is rearranged?",
         "The rule is right for a gy with its entries in other places.",
         "Look at what happens to gy before it is used: reshapes, reversals, means."),
        ("C40",),
    ),
    Bug(
        "affine-off:", "a path through the statistics is wrong or missing, for each {}", 14,
        "Three paths to the input",
        ("On what do mean and variance depend?",
         "x reaches the output along three paths: itself, the mean and the variance.",
         "Look at the terms of the mean and the variance, and what they are divided by."),
        ("C67", "C68", "C70", "C72", "C74"),
    ),
    Bug(
        "misses-batch", "other samples should get a gradient too, and do not", 14,
        "Three paths to the input",
        ("Does the output of one sample depend on other samples?",
         "Through statistics of the batch it does.",
         "Look for means over the batch that were taken for constants."),
        ("C68",), partial=True,
    ),
    Bug(
        "misses-channels", "other channels should get a gradient too, and do not", 10,
        "Groups and channels",
        ("Which input channels does one output channel see?",
         "Its gradient returns to all of them.",
         "Look at the index of channels, and at sums over the channel axis."),
        ("C38",), partial=True,
    ),
    Bug(
        "only-negative", "the gradient is wrong for negative inputs only", 6,
        "The mask comes from the input",
        ("What is the slope on the left of zero?",
         "The right half is right.",
         "Look at the branch for negative inputs."),
        ("C49",), partial=True,
    ),
    Bug(
        "only-positive", "the gradient is wrong for positive inputs only", 6,
        "The mask comes from the input",
        ("What is the slope on the right of zero?",
         "The left half is right.",
         "Look at the branch for positive inputs."),
        ("C49",), partial=True,
    ),
)  # fmt: skip
