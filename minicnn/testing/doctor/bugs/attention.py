"""Bugs of attention and of embeddings."""

from .bug import Bug

SCALE = "Why the scores are divided by the root of D"
SOFTMAX = "A row of weights adds up to 1"
BACK = "Attention backwards"
LOOK = "An embedding is a table"

BUGS = (
    Bug(
        "attention-scale:", "the scores are scaled by {} instead of 1/sqrt(D)", 21, SCALE,
        ("How large is the product of two random vectors of length D?",
         "Its standard deviation is the square root of D, the number of features.",
         "The step between the scores and the softmax."),
        ("C84",),
    ),
    Bug(
        "attention-backward-scale:", "the scale is {} instead of 1/sqrt(D) on the way back", 21,
        SCALE,
        ("What was done to the scores between the product and the softmax?",
         "The slope of a division by a number is the division by it, once.",
         "The step between the softmax and the two products, for q and for k."),
        ("C84",),
    ),
    Bug(
        "softmax-axis:", "the softmax runs over {} instead of the keys", 21, SOFTMAX,
        ("Which sums of your weights are 1?",
         "Each query spreads its attention over all keys.",
         "The axis of the softmax."),
        ("C83",),
    ),
    Bug(
        "softmax-missing", "the weights are not a softmax", 21, SOFTMAX,
        ("Are all your weights positive, and do they add up to 1?",
         "A weighted mean needs weights that do.",
         "The step from scores to weights."),
        ("C83",),
    ),
    Bug(
        "weights-transposed", "the weights are transposed before they meet the values", 21, SOFTMAX,
        ("Which index of the weights is summed with the values?",
         "The keys' index goes together with the values.",
         "The last product of the forward pass."),
        ("C83",),
    ),
    Bug(
        "values-mixed-up", "queries or keys stand in the place of the values", 21, SOFTMAX,
        ("Of what is the output a weighted mean?",
         "Queries and keys only make the weights.",
         "The last product of the forward pass."),
    ),
    Bug(
        "scores-transposed", "queries and keys are exchanged in the scores", 21, SOFTMAX,
        ("Which index of the scores counts the queries?",
         "A row belongs to a query, a column to a key.",
         "The first product of the forward pass."),
    ),
    Bug(
        "scores-mixed-up", "the scores are not queries times keys", 21, SOFTMAX,
        ("Which two arrays make the scores?",
         "Each query is compared with each key.",
         "The first product of the forward pass."),
    ),
    Bug(
        "softmax-sum-missing", "the softmax's slope lacks the sum over the row", 21, BACK,
        ("When one score grows, what do the other weights of its row do?",
         "They shrink, as the row adds up to 1: each row of the scores' gradient adds up to 0.",
         "The step back through the softmax."),
        ("C51",),
    ),
    Bug(
        "softmax-derivative-missing", "the way back skips the softmax", 21, BACK,
        ("Which steps lie between the scores and the weights?",
         "The gradient of the weights is not yet that of the scores.",
         "The step between the two products of the backward pass."),
        ("C51",),
    ),
    Bug(
        "softmax-backward-axis", "the softmax's slope sums over the wrong axis", 21, BACK,
        ("Over which axis does the softmax of the forward pass run?",
         "Each row of the scores' gradient adds up to 0.",
         "The sum in the step back through the softmax."),
        ("C83",),
    ),
    Bug(
        "softmax-backward-wrong", "the softmax's slope is wrong", 21, BACK,
        ("How does a weight react to its own score, and how to the others of its row?",
         "Each row of the scores' gradient adds up to 0; does yours?",
         "The step back through the softmax."),
        ("C51",),
    ),
    Bug(
        "upstream-mixed-up", "the weights' gradient is not the upstream gradient times the values",
        21, BACK,
        ("With what are the weights multiplied in the forward pass?",
         "Their gradient has that same factor, and a row for each query.",
         "The first product of the path to queries and keys."),
    ),
    Bug(
        "score-gradient-transposed", "the scores' gradient is the wrong way round", 21, BACK,
        ("Which index of the scores counts queries, and which keys?",
         "For one of the two gradients it has to be transposed, for the other not.",
         "The last product of gq and of gk."),
        ("C24", "C28"),
    ),
    Bug(
        "query-for-key", "the scores' gradient meets the wrong factor", 21, BACK,
        ("With what is q multiplied in the forward pass, and with what k?",
         "The slope of a product is the other factor.",
         "The last product of gq and of gk."),
        ("C5",),
    ),
    Bug(
        "query-key-gradients-swapped", "the gradients of queries and keys are exchanged", 21, BACK,
        ("In which order are the gradients returned?",
         "Both are there, at each other's place.",
         "The return line, or the names of the two."),
    ),
    Bug(
        "weights-not-transposed", "the weights are not transposed for the values' gradient",
        21, BACK,
        ("For one value, which queries looked at it, and how much?",
         "That is a column of the weights, not a row.",
         "The product that gives the values' gradient."),
        ("C28",),
    ),
    Bug(
        "value-weights-wrong", "the values' gradient is taken with wrong weights", 21, BACK,
        ("With what are the values multiplied in the forward pass?",
         "Their gradient has that same factor: the weights after the softmax.",
         "The product that gives the values' gradient."),
    ),
    Bug(
        "repeats-overwrite", "a row that is looked up twice keeps only the last gradient", 21, LOOK,
        ("What if a word stands twice in a sentence?",
         "What is used in two places collects both gradients; an assignment by index does not add.",
         "The step that puts the gradients into the table."),
        ("C34",),
    ),
    Bug(
        "repeats-first-only", "a row that is looked up twice keeps only the first gradient",
        21, LOOK,
        ("What if a word stands twice in a sentence?",
         "What is used in two places collects both gradients.",
         "The step that puts the gradients into the table."),
        ("C34",),
    ),
    Bug(
        "repeats-averaged", "the gradients of a row that is looked up twice are averaged", 21, LOOK,
        ("What if a word stands twice in a sentence?",
         "What is used in two places collects both gradients: a sum.",
         "The step that puts the gradients into the table."),
    ),
    Bug(
        "repeats-counted-twice", "rows that are looked up several times count too much", 21, LOOK,
        ("How often is each gradient added?",
         "Each place of the input adds its gradient once.",
         "The step that puts the gradients into the table."),
    ),
    Bug(
        "index-off-by-one", "the row beside the right one is used", 21, LOOK,
        ("Do your indices begin at 0 or at 1?",
         "All numbers are there, one row away.",
         "The index of the table."),
    ),
    Bug(
        "padding-row", "row 0 gets no gradient", 21, LOOK,
        ("Is row 0 special here?",
         "Only where padding was asked for does a row stay out.",
         "The step that puts the gradients into the table."),
    ),
    Bug(
        "gradient-everywhere", "every row of the table gets the same gradient", 21, LOOK,
        ("Which rows had a part in the output?",
         "A row that was not looked up gets 0.",
         "The step that puts the gradients into the table."),
    ),
)  # fmt: skip
