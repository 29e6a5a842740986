"""Bugs of arithmetic, of broadcasting, and of elementary functions."""

from .bug import Bug

COPIES = "Broadcasting forward is summing backward"
PRODUCT = "One operand's slope is made of the other"
SLOPES = "A slope for every function"

BUGS = (
    # Broadcasting
    Bug(
        "broadcast-not-summed",
        "an operand was broadcast, and its gradient is not summed back",
        3,
        COPIES,
        (
            "How many entries of the output does one entry of the small operand reach?",
            "An entry that was used several times collects the gradient of every use.",
            "Compare the shapes of both operands with the output's, also axes of length 1.",
        ),
        ("C1",),
    ),
    Bug(
        "broadcast-averaged",
        "the gradient of a broadcast operand is the mean over its copies",
        3,
        COPIES,
        (
            "If one number is used five times, how does the output react to a small change of it?",
            "The effects of the copies add up; nothing divides them.",
            "Look at where the copies are brought together again.",
        ),
        ("C2",),
    ),
    Bug(
        "broadcast-summed-over-wrong-axis",
        "the gradient of a broadcast operand is summed over the wrong axis",
        3,
        COPIES,
        (
            "Along which axis was the small operand copied?",
            "Shapes are aligned at their last axes, so missing axes are in front.",
            "Look at the axis of the sum; a square example hides the mistake.",
        ),
        ("C3",),
    ),
    Bug(
        "first-copy-only",
        "only the first copy of a broadcast operand gives its gradient back",
        3,
        COPIES,
        (
            "Which of the copies influence the output?",
            "All of them do, and each sends a gradient back.",
            "Look for an index 0 where all entries along the copied axis are needed.",
        ),
        ("C1",),
    ),
    Bug(
        "keepdims-lost",
        "an axis of length 1 got lost on the way back",
        3,
        "A gradient has its input's shape",
        (
            "What is the shape of the operand, and of your gradient?",
            "An axis of length 1 is summed, but it stays there.",
            "Look at the sums and squeezes that drop an axis.",
        ),
        ("C1", "C14"),
    ),
    # Arithmetic
    Bug(
        "sign-flipped",
        "the sign of the gradient is wrong",
        1,
        "The sign of a slope",
        (
            "Does the output grow or shrink when this input grows?",
            "What is subtracted, or divided by, pulls the other way.",
            "Look for a minus sign that is missing, or one too many.",
        ),
        ("C4", "C59"),
    ),
    Bug(
        "operands-swapped",
        "the two operands have changed places",
        3,
        "Order matters",
        (
            "What do you get for 5 and 3, and what for 3 and 5?",
            "A difference and a quotient depend on the order.",
            "Look at the order of the operands, in the output and in each gradient.",
        ),
        ("C4",),
    ),
    Bug(
        "another-operator",
        "the output is that of another operator",
        3,
        "Order matters",
        (
            "What do you get for 5 and 3?",
            "Compute one entry by hand.",
            "Look at the operator in forward.",
        ),
    ),
    Bug(
        "own-value-for-other",
        "the slope is the operand's own value, not the other one's",
        1,
        PRODUCT,
        (
            "If a grows by 1, by how much does the result grow?",
            "The slope of one operand is made of what stands beside it.",
            "Look at which operand each gradient is multiplied with.",
        ),
        ("C5",),
    ),
    Bug(
        "product-rule-for-sum",
        "a sum is treated like a product",
        1,
        "A sum passes gradients on",
        (
            "If a grows by 1, by how much does the sum grow?",
            "The slope does not depend on the values of the operands.",
            "Look at what gy is multiplied with.",
        ),
        ("C5",),
    ),
    Bug(
        "product-rule-for-quotient",
        "a quotient is treated like a product",
        1,
        "The slopes of a quotient",
        (
            "What happens to the quotient when the divisor grows?",
            "Write the quotient as a times b to the power -1, and differentiate that.",
            "Look at the gradient of the divisor: sign, and where b stands.",
        ),
        ("C9",),
    ),
    Bug(
        "divisor-not-squared",
        "the divisor stands once in its own slope; it must be squared",
        1,
        "The slopes of a quotient",
        (
            "What is the derivative of 1/b?",
            "The power falls from -1 to -2.",
            "Look at the denominator in the gradient of the divisor.",
        ),
        ("C9",),
    ),
    Bug(
        "divisor-squared",
        "the slope of the numerator is divided by the divisor twice",
        1,
        "The slopes of a quotient",
        (
            "If a grows by 1, by how much does a/b grow?",
            "The square of the divisor belongs to the divisor's own slope.",
            "Look at the gradient of the numerator.",
        ),
        ("C9",),
    ),
    Bug(
        "numerator-lost",
        "the numerator is missing in the slope of the divisor",
        1,
        "The slopes of a quotient",
        (
            "Does the slope depend on how large the numerator is?",
            "a/b is a times 1/b, so a stays as a factor.",
            "Look at the gradient of the divisor, above the line.",
        ),
        ("C9",),
    ),
    Bug(
        "multiplied-not-divided",
        "the gradient is multiplied where it must be divided",
        1,
        "The slopes of a quotient",
        (
            "Does the slope grow or shrink when this value becomes large?",
            "The curve becomes flatter as the value grows.",
            "Look at the operator between gy and the value.",
        ),
    ),
    Bug(
        "integer-truncation",
        "numbers are cut to whole numbers",
        3,
        "Numbers of one type",
        (
            "What happens to 0.7 in your code?",
            "An array of integers has no place for the digits behind the point.",
            "Look for a conversion, and for arrays that are made with an integer dtype.",
        ),
        ("C8",),
    ),
    # Powers
    Bug(
        "exponent-factor-lost",
        "the exponent is missing as a factor",
        1,
        "The power rule",
        (
            "What is the slope of x^3 at x = 1?",
            "The exponent comes down in front.",
            "Look at the factor in front of the power.",
        ),
        ("C10",),
    ),
    Bug(
        "exponent-factor-twice",
        "the exponent stands twice as a factor",
        1,
        "The power rule",
        (
            "What is the slope of x^3 at x = 1?",
            "The exponent comes down once.",
            "Look for the exponent in two places of the same product.",
        ),
        ("C10",),
    ),
    Bug(
        "exponent-not-reduced",
        "the exponent is not reduced by one",
        1,
        "The power rule",
        (
            "What is the slope of x^2: a parabola or a straight line?",
            "Differentiation lowers the power by one.",
            "Look at the exponent in the gradient.",
        ),
        ("C11",),
    ),
    Bug(
        "exponent-reduced-twice",
        "the exponent is reduced by two",
        1,
        "The power rule",
        (
            "What is the slope of x^2: a constant or a straight line?",
            "One differentiation lowers the power by one.",
            "Look at the exponent in the gradient.",
        ),
        ("C11",),
    ),
    Bug(
        "reduced-exponent-as-factor",
        "the factor in front is the reduced exponent",
        1,
        "The power rule",
        (
            "Which number comes down: the old exponent or the new one?",
            "For x^1 the slope is 1, not 0.",
            "Look at the order of two steps: take the factor, reduce the exponent.",
        ),
        ("C10",),
    ),
    Bug(
        "power-lost",
        "the power of x is missing in the slope",
        1,
        "The power rule",
        (
            "Is the slope of x^3 the same at x = 1 and at x = 2?",
            "Beside the factor, a power of x is left.",
            "Look at what gy is multiplied with, beside the exponent.",
        ),
        ("C10",),
    ),
    Bug(
        "exponential-rule-for-power",
        "a power is treated like an exponential function",
        1,
        "The power rule",
        (
            "Which of the two moves here, the base or the exponent?",
            "A logarithm appears only where the exponent moves.",
            "Look for a logarithm in the gradient of the base.",
        ),
        ("C11",),
    ),
    # Functions
    Bug(
        "power-rule-for-exponential",
        "the exponential function is treated like a power",
        1,
        SLOPES,
        (
            "Where does x stand in e^x: below or above?",
            "The power rule needs a fixed exponent; this function is its own slope.",
            "Look at the factor that you took for the slope.",
        ),
        ("C11",),
    ),
    Bug(
        "slope-lost",
        "the op's own slope is missing: the gradient passes through unchanged",
        1,
        SLOPES,
        (
            "If x grows a little, does the output grow by the same amount?",
            "Every op multiplies what arrives by its own slope.",
            "Look at what gy is multiplied with.",
        ),
        ("C6", "C51"),
    ),
    Bug(
        "slope-twice",
        "the op's own slope is multiplied in twice",
        1,
        SLOPES,
        (
            "How often does this op occur between input and output?",
            "The chain rule has one factor per op.",
            "Look for the same slope in two places, or a square.",
        ),
    ),
    Bug(
        "output-as-slope",
        "the slope that you use is the output itself",
        1,
        SLOPES,
        (
            "Is this function its own derivative?",
            "Only the exponential function is its own slope.",
            "Look at what gy is multiplied with.",
        ),
        ("C47",),
    ),
    Bug(
        "output-for-input",
        "the slope is computed from the output, not from the input",
        1,
        SLOPES,
        (
            "Is the slope a formula in x, or in y?",
            "Some slopes are written with the output; this one needs the input.",
            "Look at which saved array the gradient uses.",
        ),
        ("C50",),
    ),
    Bug(
        "differentiated-twice",
        "the slope is the second derivative",
        1,
        SLOPES,
        (
            "Which function do you differentiate, the op or its slope?",
            "One step back is one derivative.",
            "Look at the power in the slope; it is one too high.",
        ),
    ),
    Bug(
        "wrong-base",
        "the logarithm has another base",
        1,
        SLOPES,
        (
            "What is the logarithm of e?",
            "The natural logarithm has base e; another base brings a constant factor.",
            "Look at which logarithm is called, and at constants in the slope.",
        ),
    ),
    Bug(
        "epsilon-added",
        "a small constant is added inside the logarithm",
        7,
        "Logarithms near 0",
        (
            "What is your result for x = 0.000001?",
            "The constant is small beside 1, but not beside a small x.",
            "Look for a constant that is added to x.",
        ),
    ),
    Bug(
        "function-applied-twice",
        "the function is applied to its own output",
        6,
        "Which array is saved?",
        (
            "Is the array that you start from the input, or already the output?",
            "The saved output needs no second application.",
            "Look at the argument of the function, in forward and in backward.",
        ),
        ("C51",),
    ),
)
