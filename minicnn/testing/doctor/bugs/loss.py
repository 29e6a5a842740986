"""Bugs of losses: what the mean divides by, signs, squares."""

from .bug import Bug

MEAN = "What the mean divides by"
ERROR = "Probabilities minus labels"
SQUARE = "The power rule"

BUGS = (
    Bug(
        "not-divided-by-batch",
        "not divided by the batch size",
        7,
        MEAN,
        (
            "What happens to your number when the batch is given twice?",
            "The loss is a mean over samples, and so is its gradient.",
            "Look for the division by the number of samples, in both passes.",
        ),
        ("C56",),
    ),
    Bug(
        "divided-by-batch-twice",
        "divided by the batch size twice",
        7,
        MEAN,
        (
            "What happens to your number when the batch is given twice?",
            "One mean is enough.",
            "Look for a mean and a division in the same pass.",
        ),
        ("C56",),
    ),
    Bug(
        "divided-by-classes",
        "divided by the number of classes instead of samples",
        7,
        MEAN,
        (
            "Which axis holds the samples?",
            "The mean runs over samples; the classes of one sample make one loss together.",
            "Look at the length that you divide by.",
        ),
        ("C56",),
    ),
    Bug(
        "divided-by-classes-too",
        "divided by the number of classes as well",
        7,
        MEAN,
        (
            "How many losses go into the mean?",
            "There is one loss per sample, not one per class.",
            "Look for a mean over the whole table.",
        ),
        ("C56",),
    ),
    Bug(
        "not-divided-by-size",
        "not divided by the number of entries",
        7,
        MEAN,
        (
            "What happens to your number when the data are given twice?",
            "The loss is a mean over all entries, and so is its gradient.",
            "Look for the division, in both passes.",
        ),
        ("C56", "C60"),
    ),
    Bug(
        "divided-by-batch-not-size",
        "divided by the batch size, not by the number of entries",
        7,
        MEAN,
        (
            "How many squares go into the mean?",
            "The mean runs over all axes, not only over the first.",
            "Look at the length that you divide by.",
        ),
        ("C60",),
    ),
    Bug(
        "divided-by-size-twice",
        "divided once too often",
        7,
        MEAN,
        (
            "How often is there a mean?",
            "One division by the number of entries is enough.",
            "Look for a mean and a division in the same pass.",
        ),
        ("C56", "C60"),
    ),
    Bug(
        "target-minus-prediction",
        "the sign is wrong: target minus prediction",
        7,
        ERROR,
        (
            "If the prediction is too high, must the gradient be positive or negative?",
            "A step against the gradient must lower what is too high.",
            "Look at the order of the difference.",
        ),
        ("C59",),
    ),
    Bug(
        "loss-sign",
        "the loss has the wrong sign",
        7,
        ERROR,
        (
            "Is your loss positive?",
            "The logarithm of a probability is negative.",
            "Look for the minus in front of the loss.",
        ),
        ("C59",),
    ),
    # Squares
    Bug(
        "factor-2-lost",
        "the factor 2 of the square is lost",
        1,
        SQUARE,
        (
            "What is the slope of d^2 at d = 1?",
            "The exponent comes down as a factor, unless the loss halves the square.",
            "Look at the factor in backward.",
        ),
        ("C60",),
    ),
    Bug(
        "halved",
        "a factor 1/2 or 2 is between your loss and this one",
        1,
        SQUARE,
        (
            "Is there a 1/2 in the definition of this loss?",
            "Some books halve the square so that the 2 cancels; this loss does not.",
            "Look at constant factors in both passes.",
        ),
        ("C60",),
    ),
    Bug(
        "square-not-reduced",
        "the difference is still squared in the gradient",
        1,
        SQUARE,
        (
            "Is the gradient negative where the prediction is too low?",
            "The slope of a square is a straight line.",
            "Look at the power of the difference in backward.",
        ),
        ("C60",),
    ),
    Bug(
        "absolute-error-rule",
        "the gradient is the sign of the difference",
        1,
        SQUARE,
        (
            "Is the gradient larger where the miss is larger?",
            "The sign alone is the slope of the absolute value.",
            "Look at what you took for the slope of the square.",
        ),
        ("C60",),
    ),
    Bug(
        "absolute-error",
        "the loss is the mean absolute error",
        1,
        SQUARE,
        (
            "How much does a miss of 3 cost, compared with a miss of 1?",
            "Squares weigh large misses more.",
            "Look at what is averaged.",
        ),
    ),
    Bug(
        "root-taken",
        "a square root is taken of the mean",
        1,
        SQUARE,
        (
            "What is your loss for a miss of 3 everywhere?",
            "The mean of squares stays a square.",
            "Look at the end of forward.",
        ),
    ),
    Bug(
        "square-of-the-mean",
        "the mean is squared, not the mean of squares taken",
        1,
        SQUARE,
        (
            "What is your loss for misses of 1 and -1?",
            "Misses of opposite sign must not cancel.",
            "Look at the order of square and mean.",
        ),
    ),
)
