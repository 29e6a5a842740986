"""Bugs of pooling and upsampling."""

from .bug import Bug

WINNER = "The winner takes it all"
SHARE = "Everyone gets a share"
BUGS = (
    Bug(
        "all-ties", "every one of several equal maxima gets the whole gradient", 13,
        "When two pixels tie",
        ("If two pixels of a window are equal, how much gradient may they get together?",
         "What comes in through one output goes out once.",
         "Look at how the winner is found: by its value, or by its place?"),
        ("C61",),
    ),
    Bug(
        "ties-shared", "equal maxima share the gradient, though one of them was to win", 13,
        "When two pixels tie",
        ("Which of several equal pixels is the winner by the agreed rule?",
         "One of them gets all; the others get nothing.",
         "Look at how the winner is found where several pixels are equal."),
        ("C61",),
    ),
    Bug(
        "other-tie", "another one of the equal maxima gets the gradient than was agreed", 13,
        "When two pixels tie",
        ("Which of several equal pixels does your search find: the first, or the last?",
         "Both are right; the choice can be declared.",
         "Look at the comparison of the search for the maximum: strict or not?"),
        ("C61",),
    ),
    Bug(
        "winner-transposed", "the winner's place in the window has row and column exchanged", 13,
        WINNER,
        ("In a window with 3 columns, in which row and column is entry number 4?",
         "Numbers run along the rows; the row is found by dividing by the number of columns.",
         "Look at how the number of the maximum becomes a row and a column."),
        ("C64",),
    ),
    Bug(
        "winner-mirrored", "the pixel opposite to the winner gets the gradient", 13, WINNER,
        ("From which corner of the window do you count?",
         "Search and backward must count in the same direction.",
         "Look for a reversal between finding the winner and using its place."),
        ("C64",),
    ),
    Bug(
        "winner-of-another-channel", "one channel's winners are used for all channels", 13, WINNER,
        ("Is the largest pixel in the same place in every channel?",
         "Every channel is pooled on its own.",
         "Look at the axes over which the maximum is searched."),
        ("C39", "C64"),
    ),
    Bug(
        "winner-of-another-sample", "one sample's winners are used for the whole batch", 13, WINNER,
        ("Is the largest pixel in the same place in every sample?",
         "Every sample is pooled on its own.",
         "Look at the axes over which the maximum is searched."),
        ("C29",),
    ),
    Bug(
        "min-for-max", "the smallest entry is taken instead of the largest", 13, WINNER,
        ("What does your search start from, and which way does it compare?",
         "The evidence is right for the smallest entry of each window.",
         "Look at the comparison."),
        ("C64",),
    ),
    Bug(
        "average-for-max", "max pooling treats all pixels of the window alike", 13, WINNER,
        ("Which pixels of the window does the output depend on?",
         "Pixels that lost can change a little without any effect; their gradient is zero.",
         "Look at which pixels of the window get something."),
        ("C65",),
    ),
    Bug(
        "max-for-average", "average pooling looks at the largest pixel alone", 13, SHARE,
        ("Which pixels of the window does the output depend on?",
         "Every pixel of the window has the same part in the mean.",
         "Look for a maximum, or a mask, that belongs to the other kind of pooling."),
        ("C65",),
    ),
    Bug(
        "one-pixel-per-window", "one place of every window alone gets the gradient", 13, SHARE,
        ("How many pixels of the window have a part in this output?",
         "All that had a part in the forward pass get theirs back.",
         "Look at how one number of gy becomes a window's numbers, or the other way round."),
        ("C65",),
    ),
    Bug(
        "average-not-divided", "the sum of the window is not divided by its number of pixels", 13,
        SHARE,
        ("By how much does the mean of 4 pixels grow if one of them grows by 1?",
         "The factor of the mean stands in the forward and in the backward pass.",
         "Look for the number of pixels in a window."),
        ("C65",),
    ),
    Bug(
        "average-divided-once", "divided by the window's side, not by its number of pixels", 13,
        SHARE,
        ("How many pixels has a window of 3 by 3?",
         "The mean divides by rows times columns.",
         "Look at the divisor."),
        ("C65",),
    ),
    Bug(
        "tile-for-repeat", "whole images are laid side by side where each pixel should be repeated",
        13, "Repeat and tile",
        ("Which pixels of the large image belong to pixel (0, 0) of the small one?",
         "They are neighbours: one block, not one pixel of every copy.",
         "Look at the function that enlarges, or at the order of axes in a reshape."),
        ("C40", "C65"),
    ),
)  # fmt: skip
