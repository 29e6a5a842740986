"""Lesson 23: names for mistakes in metrics, weighted losses and calibration."""

from ...testing.doctor.bugs.bug import Bug

SCORES, WEIGHTS, FOCAL, BELIEF = (
    "Four numbers instead of one",
    "Every class counts the same",
    "Easy samples count less",
    "Is a probability to be believed?",
)
BUGS = (
    Bug(
        "precision-recall-swapped", "precision and recall are exchanged", 23, SCORES,
        ("What is a column of the matrix: samples of one class, or samples taken for it?",
         "Recall is a share of what is there, a row; precision of what was said, a column.",
         "Look at the axis of each of your two sums."),
    ),
    Bug(
        "zero-by-zero", "a class without samples or without predictions gives NaN", 23, SCORES,
        ("What is the precision of a class that was never predicted?",
         "0 of 0 is 0 here, and no warning.",
         "Look at each division: which of its denominators may be 0?"),
    ),
    Bug(
        "f1-arithmetic", "F1 is the arithmetic mean of precision and recall", 23, SCORES,
        ("What should F1 be where precision is 1 and recall is 0.01?",
         "The harmonic mean stays near the smaller of the two.",
         "Look at the formula of F1: a product over a sum, times 2."),
    ),
    Bug(
        "f1-of-means", "F1 is taken of the mean precision and the mean recall", 23, SCORES,
        ("Which comes first: F1 of each class, or the mean over classes?",
         "Macro means: the number of each class first, then the plain mean of these.",
         "Look at what your F1 is computed from."),
    ),
    Bug(
        "micro-for-macro", "the counts of all classes are pooled", 23, SCORES,
        ("How much can a class with 2 samples of 100 change your number?",
         "Pooled counts are accuracy again; in a macro mean all classes count the same.",
         "Look at what is summed before the division."),
    ),
    Bug(
        "weighted-for-macro", "a class counts by its samples in the mean", 23, SCORES,
        ("How much can a class with 2 samples of 100 change your number?",
         "In a macro mean all classes count the same.",
         "Look at the last step: a plain mean over the K classes."),
    ),
    Bug(
        "share-of-all", "the hits are divided by all samples", 23, SCORES,
        ("Of which samples is recall the share that was found?",
         "Of those of the class, not of all that there are.",
         "Look at the sums in the denominators: do they keep an axis?"),
    ),
    Bug(
        "weights-by-count", "the sum is divided by the number of samples, not by their weights", 23,
        WEIGHTS,
        ("What should happen to the loss when all weights are doubled?",
         "A weighted mean divides by the sum of the weights that were used.",
         "Look at the denominator of the loss."),
    ),
    Bug(
        "weights-of-all-classes", "the sum is divided by the weights of the classes", 23, WEIGHTS,
        ("Over what does the sum in the denominator run: samples, or classes?",
         "Each sample brings the weight of its class, as often as it occurs.",
         "Look at the denominator of the loss."),
    ),
    Bug(
        "class-weights-missing", "the classes' weights are not used", 23, WEIGHTS,
        ("Does your result change when one class's weight does?",
         "Each sample's loss is multiplied by the weight of its label.",
         "Look for the weights of the labels, one number per sample."),
    ),
    Bug(
        "loss-not-divided", "the losses are summed, not averaged", 23, WEIGHTS,
        ("What should happen to the loss when each sample is there twice?",
         "A mean stays the same; a sum doubles.",
         "Look for the division by the sum of the weights."),
    ),
    Bug(
        "focus-missing", "gamma changes nothing", 23, FOCAL,
        ("Does your result change with gamma?",
         "Each sample's loss is multiplied by a power of what its answer lacks.",
         "Look for the factor with gamma."),
    ),
    Bug(
        "focus-on-easy", "the sure answers count more instead of less", 23, FOCAL,
        ("Which sample should count less: one with p = 0.99, or one with p = 0.1?",
         "The factor is a power of 1 - p, not of p.",
         "Look at the base of the power."),
    ),
    Bug(
        "focus-on-scores", "the factor is not made of the probability of the label", 23, FOCAL,
        ("Which of a sample's C probabilities says how easy it is?",
         "Only that of its own label.",
         "Look at which entry the factor is made of."),
    ),
    Bug(
        "loss-overflows", "a sure wrong answer gives infinity or NaN", 23, FOCAL,
        ("What is the logarithm of a probability that was rounded to 0?",
         "The logarithm comes from the scores, with the log-sum-exp of the row.",
         "Look at where your logarithm is taken."),
    ),
    Bug(
        "sure-answer-nan", "a perfectly sure answer gives NaN", 23, FOCAL,
        ("What is 0 to the power of gamma - 1, for gamma = 0?",
         "1 - p may be exactly 0. Where gamma is 0 that path does not exist at all.",
         "Look at the power of 1 - p in the path through the factor."),
    ),
    Bug(
        "focus-constant", "the factor is treated as a constant on the way back", 23, FOCAL,
        ("Through how many factors does the loss depend on p?",
         "A product has two slopes; the factor with gamma depends on p as the logarithm does.",
         "Look for the derivative of the power."),
    ),
    Bug(
        "focus-path-alone", "only the path through the factor is there", 23, FOCAL,
        ("What is left of your gradient for gamma = 0?",
         "There it must be that of the cross-entropy.",
         "Look for the derivative of the logarithm."),
    ),
    Bug(
        "focus-path-sign", "the path through the factor has the wrong sign", 23, FOCAL,
        ("When p grows, does the factor grow or fall?",
         "The logarithm is negative, the slope of the factor too.",
         "Look at the two signs of the path through the power."),
    ),
    Bug(
        "label-not-subtracted", "the label's 1 is missing in the gradient", 23, FOCAL,
        ("What does each row of your gradient add up to?",
         "Softmax's slope is p_t times one-hot minus p; each row adds up to 0.",
         "Look for the entries of the labels."),
    ),
    Bug(
        "gy-missing", "the upstream gradient is not used", 23, FOCAL,
        ("What should your gradient do when gy doubles?",
         "Every backward pass multiplies by the gradient that comes from above.",
         "Look for gy."),
    ),
    Bug(
        "backward-sign", "the gradient has the wrong sign", 23, FOCAL,
        ("Should the score of the label rise or fall, to make the loss smaller?",
         "The gradient points uphill: negative at the label.",
         "Look at what is subtracted from what."),
    ),
    Bug(
        "bins-unweighted", "an almost empty bin counts like a full one", 23, BELIEF,
        ("How many predictions stand behind each bin's distance?",
         "The error is the mean over predictions: a bin counts by its share of them.",
         "Look at the mean over the bins."),
    ),
    Bug(
        "gap-per-sample", "each prediction is compared by itself", 23, BELIEF,
        ("How far is 0.7 from right or wrong, for one single sample?",
         "Compare the means of a bin; one sample is either right or wrong.",
         "Look at where the absolute value is taken: before or after the mean of the bin?"),
    ),
    Bug(
        "gaps-cancel", "bins that are too sure and too unsure cancel each other", 23, BELIEF,
        ("Can your error be 0 where every bin is far off?",
         "Each bin's distance counts, whatever its sign.",
         "Look for the absolute value, bin by bin."),
    ),
    Bug(
        "label-for-highest", "the label's probability is taken, not the highest one", 23, BELIEF,
        ("What did the network claim, and how sure was it?",
         "It claims its best class; the label says only whether that came true.",
         "Look at which of the K probabilities is the confidence."),
    ),
    Bug(
        "all-probabilities", "all K probabilities are counted, not only the highest one", 23,
        BELIEF,
        ("How many claims does the network make about one sample?",
         "One: its best class, with that class's probability.",
         "Look at the shape of what you sort into bins: it is (N,)."),
    ),
    Bug(
        "squared-gaps", "the distances are squared", 23, BELIEF,
        ("In which unit is your error?",
         "The mean distance, not the mean square.",
         "Look at how accuracy and confidence are compared."),
    ),
)  # fmt: skip
