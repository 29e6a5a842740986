"""Bugs of activations: masks and kinks, saved outputs, gates."""

from .bug import Bug

MASK = "The mask comes from the input"
OUTPUT = "Slopes written with the output"
GATE = "x times a gate"

BUGS = (
    Bug(
        "mask-lost",
        "there is no mask: both sides of 0 get the same slope",
        6,
        MASK,
        (
            "What is the slope left of 0, and what right of it?",
            "The function has two branches, and so has its slope.",
            "Look for the place where the sign of the input decides.",
        ),
        ("C47",),
    ),
    Bug(
        "mask-inverted",
        "the mask is the wrong way round",
        6,
        MASK,
        (
            "On which side of 0 is the function flat?",
            "The gradient passes where the input is positive.",
            "Look at the comparison, and at the order of the two branches.",
        ),
        ("C47",),
    ),
    Bug(
        "value-for-mask",
        "the gradient is multiplied by a value instead of a mask",
        6,
        MASK,
        (
            "If an active input grows by 1, by how much does the output grow?",
            "The slope of an active unit does not depend on how large it is.",
            "Look at what gy is multiplied with: it must be 0 or 1, or a slope.",
        ),
        ("C47",),
    ),
    Bug(
        "sign-for-mask",
        "the slope is the sign of x: -1 where it must be 0",
        6,
        MASK,
        (
            "Does the output change when a negative input changes?",
            "The function is flat there.",
            "Look at what stands for the slope of negative inputs.",
        ),
        ("C47",),
    ),
    Bug(
        "absolute-value",
        "an absolute value stands where the sign counts",
        6,
        MASK,
        (
            "What should happen to a negative number here?",
            "The absolute value folds the negative side up.",
            "Look for an absolute value in forward or backward.",
        ),
    ),
    Bug(
        "wrong-at-zero",
        "right everywhere but exactly at 0",
        6,
        "At the kink itself",
        (
            "Which branch takes x = 0?",
            "At a kink a convention decides; unless another is declared, it is the left slope.",
            "Look at the comparison: is equality part of it?",
        ),
        ("C46",),
    ),
    Bug(
        "negative-slope-lost",
        "the slope for negative inputs is lost in the gradient",
        6,
        MASK,
        (
            "What is the slope left of 0?",
            "This function is not flat there, and so its gradient is not 0.",
            "Look at the branch of negative inputs in backward.",
        ),
        ("C49",),
    ),
    Bug(
        "negative-slope-sign",
        "the slope for negative inputs has the wrong sign",
        6,
        MASK,
        (
            "Does the output rise or fall left of 0?",
            "The line goes through the origin and rises on both sides.",
            "Look at the sign in the branch of negative inputs.",
        ),
        ("C49",),
    ),
    Bug(
        "slope-without-upstream",
        "for negative inputs the upstream gradient is missing",
        6,
        MASK,
        (
            "What arrives from above, for a negative input?",
            "The slope is a factor, not the gradient itself.",
            "Look at both branches: each must contain gy.",
        ),
        ("C49",),
    ),
    Bug(
        "option-ignored",
        "an option is ignored: a fixed value is used instead",
        6,
        MASK,
        (
            "Which slope is asked for, and which one do you use?",
            "The default is only for callers that say nothing.",
            "Look for a number in the code where the option's name should be.",
        ),
    ),
    # Smooth functions
    Bug(
        "input-for-output",
        "the slope is computed from the input instead of the output",
        6,
        OUTPUT,
        (
            "In the formula of the slope, is the letter x or y?",
            "The short formula of this slope is written with the function's value.",
            "Look at which saved array backward uses.",
        ),
        ("C50", "C52"),
    ),
    Bug(
        "complement-lost",
        "the factor with 1 - ... is lost in the slope",
        6,
        OUTPUT,
        (
            "What must the slope be where the output is near 1?",
            "The curve is flat there, so one factor must vanish.",
            "Look for the missing difference to 1.",
        ),
        ("C51",),
    ),
    Bug(
        "output-factor-lost",
        "the output is missing as a factor",
        6,
        OUTPUT,
        (
            "What must the slope be where the output is near 0?",
            "The curve is flat there too, so one factor must vanish.",
            "Look at the product: the output itself belongs to it.",
        ),
        ("C51",),
    ),
    Bug(
        "tanh-rule",
        "the rule of tanh is used for the sigmoid",
        6,
        OUTPUT,
        (
            "How steep is the sigmoid at 0, and what do you get there?",
            "The two curves are alike, but their heights and widths differ.",
            "Look at the slope's formula: which function is it of?",
        ),
        ("C52",),
    ),
    Bug(
        "sigmoid-rule",
        "the rule of the sigmoid is used for tanh",
        6,
        OUTPUT,
        (
            "How steep is tanh at 0, and what do you get there?",
            "The two curves are alike, but their heights and widths differ.",
            "Look at the slope's formula: which function is it of?",
        ),
        ("C52",),
    ),
    Bug(
        "square-lost",
        "a square is missing in the slope",
        6,
        OUTPUT,
        (
            "Is the slope the same at x and at -x?",
            "It is for a curve that is symmetric about the origin.",
            "Look at the power of the output in the slope.",
        ),
        ("C52",),
    ),
    Bug(
        "square-misplaced",
        "the square stands around the difference, not inside it",
        6,
        OUTPUT,
        (
            "Is the slope the same at x and at -x?",
            "What is squared: the output, or the difference?",
            "Look at the brackets.",
        ),
        ("C52",),
    ),
    Bug(
        "plus-for-minus",
        "a plus stands where the slope needs a minus",
        6,
        OUTPUT,
        (
            "Does the slope grow or shrink far away from 0?",
            "Compare your slope with the curve at a large x.",
            "Look at the sign between the two terms.",
        ),
    ),
    Bug(
        "argument-scaled",
        "the argument is scaled by a constant",
        6,
        OUTPUT,
        (
            "What is the output at x = 1, and what should it be?",
            "The curve has the right form and the wrong width.",
            "Look at constants inside the function's argument.",
        ),
    ),
    Bug(
        "sign-in-exponent",
        "the sign in the exponent is wrong",
        6,
        "Large numbers",
        (
            "Is the output near 1 or near 0 for a large positive x?",
            "The curve must rise.",
            "Look at the sign of x in the exponent.",
        ),
    ),
    Bug(
        "exp-overflow",
        "an exponential overflows for large inputs",
        7,
        "Exponents that do not overflow",
        (
            "What is e^1000 in floating point?",
            "The result is an ordinary number; only a step on the way is too large.",
            "Look at the argument of the exponential: it can be kept at or below 0.",
        ),
        ("C53",),
    ),
    # Gates
    Bug(
        "first-term-lost",
        "only x times the slope of the gate is there; the gate itself is missing",
        6,
        GATE,
        (
            "How many factors of the product depend on x?",
            "The product rule has two terms.",
            "Look for the term in which the gate is kept and x is differentiated.",
        ),
    ),
    Bug(
        "second-term-lost",
        "only the gate is there; the term with its slope is missing",
        6,
        GATE,
        (
            "How many factors of the product depend on x?",
            "The product rule has two terms; the gate moves too.",
            "Look for the term in which x is kept and the gate is differentiated.",
        ),
    ),
    Bug(
        "product-of-slopes",
        "the slope is the product of the factors' slopes",
        6,
        GATE,
        (
            "Is the slope of a product the product of the slopes?",
            "Each factor is differentiated in turn while the other is kept.",
            "Look at the product rule: two terms, added.",
        ),
    ),
    Bug(
        "input-factor-lost",
        "x is missing in the second term of the product rule",
        6,
        GATE,
        (
            "In the term with the gate's slope, what is kept?",
            "What is not differentiated stays as a factor.",
            "Look at the second term.",
        ),
    ),
    Bug(
        "output-for-gate",
        "the output y stands where the gate should",
        6,
        GATE,
        (
            "Is the gate the same as the output?",
            "The output is x times the gate; two arrays, two names.",
            "Look at which of the two the slope is computed from.",
        ),
    ),
    Bug(
        "gate-for-product",
        "the output is the gate alone, without x",
        6,
        GATE,
        (
            "What is the output for a large x?",
            "The function follows x there, it does not stop at 1.",
            "Look for the factor x in forward.",
        ),
    ),
    Bug(
        "density-wrong",
        "the bell curve in the slope is wrong",
        6,
        GATE,
        (
            "What is the derivative of the normal distribution function?",
            "It is the bell curve, whose area is 1.",
            "Look at the constant in front of the exponential, and at the one in the exponent.",
        ),
    ),
    Bug(
        "approximation-not-asked-for",
        "this is an approximation; the exact function is asked for",
        6,
        GATE,
        (
            "Which of the function's definitions is asked for?",
            "The formulas differ in the fourth digit; both passes must be of the same one.",
            "Look at whether forward and backward belong to the exact form, or declare the other.",
        ),
    ),
)
