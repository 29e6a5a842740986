"""Two bugs in one gradient (or in one output), as learners write them, with both names.

Written by hand, not by adding up the doctor's known bugs. `DOUBLE` has a line for each:
(op, forward, backward, place, names of the one, names of the other), where a bug may have several
names that are equally right.

    python -m tests.doctor.double_bugs        what the doctor says to each
"""

import numpy as np

from minicnn.testing.doctor import diagnose

from . import double_rules as r

NEGATIVE = ("sign-flipped", "ratio:-1")
DOUBLE = [
    ("linear", r.linear, r.weight_over_n_and_negative, "gweight", ("divided-by-batch",), NEGATIVE),
    ("linear", r.linear, r.weight_absolute_and_twice, "gweight", ("absolute-value",), ("ratio:2",)),
    ("linear", r.linear, r.bias_over_n_and_negative, "gbias", ("divided-by-batch",), NEGATIVE),
    ("linear", r.linear, r.bias_of_ones_and_negative, "gbias", ("ignores-upstream",), NEGATIVE),
    ("linear", r.linear, r.first_sample_twice, "gweight", ("one-sample-only",), ("ratio:2",)),
    ("linear", r.linear_no_bias_no_transpose, None, "forward", ("bias-lost",),
     ("weight-not-transposed",)),
    ("sigmoid", r.sigmoid, r.sigmoid_negative_and_complement_lost, "gx", ("complement-lost",),
     NEGATIVE),
    ("sigmoid", r.sigmoid, r.sigmoid_twice_and_no_upstream, "gx", ("ignores-upstream",),
     ("ratio:2", "slope-twice")),
    ("tanh", np.tanh, r.tanh_no_square_and_negative, "gx", ("square-lost",), NEGATIVE),
    ("relu", lambda x: np.maximum(x, 0), r.relu_mask_lost_and_negative, "gx", ("mask-lost",),
     NEGATIVE),
    ("relu", lambda x: np.maximum(x, 0), r.relu_values_and_twice, "gx", ("value-for-mask",),
     ("ratio:2",)),
    ("mse_loss", r.mse, r.mse_no_two_and_negative, "gx", ("factor-2-lost", "halved"),
     ("target-minus-prediction", *NEGATIVE)),
    ("mse_loss", r.mse, r.mse_no_two_no_size, "gx", ("factor-2-lost", "halved"),
     ("not-divided-by-size",)),
    ("mse_loss", r.mse, r.mse_negative_and_no_upstream, "gx", ("ignores-upstream",),
     ("target-minus-prediction", *NEGATIVE)),
    ("softmax", r.softmax, r.softmax_no_sum_and_negative, "gx", ("row-sum-lost",), NEGATIVE),
    ("softmax", r.softmax, r.softmax_plus_and_half, "gx", ("row-sum-added",), ("ratio:1/2",)),
    ("cross_entropy", r.cross_entropy, r.entropy_no_one_hot_no_n, "gx", ("one-hot-not-subtracted",),
     ("not-divided-by-batch",)),
    ("cross_entropy", r.cross_entropy, r.entropy_added_and_negative, "gx", ("one-hot-added",),
     ("target-minus-prediction", *NEGATIVE)),
    ("cross_entropy", r.cross_entropy, r.entropy_no_one_hot_and_negative, "gx",
     ("one-hot-not-subtracted",), ("target-minus-prediction", *NEGATIVE)),
    ("cross_entropy", r.cross_entropy, r.entropy_no_n_and_no_upstream, "gx", ("ignores-upstream",),
     ("not-divided-by-batch",)),
    ("div", r.divide, r.div_positive_and_no_square, "gb", ("divisor-not-squared",), NEGATIVE),
    ("layer_norm", r.layer_norm, r.norm_no_variance_path_no_weight, "gx",
     ("variance-path-missing",), ("weight-missing-in-gx",)),
    ("layer_norm", r.layer_norm, r.norm_no_mean_path_plus_variance, "gx", ("mean-path-missing",),
     ("path-sign-flipped",)),
    ("batch_norm", r.batch_norm, r.batch_norm_no_mean_path_no_inverse, "gx", ("mean-path-missing",),
     ("inverse-std-missing-in-gx",)),
    ("batch_norm", r.batch_norm, r.batch_norm_no_paths_no_weight, "gx", ("statistics-constant",),
     ("weight-missing-in-gx",)),
    ("batch_norm", r.batch_norm, r.batch_norm_weight_averaged_and_negative, "gweight",
     ("parameter-gradient-averaged",), NEGATIVE),
    ("conv2d", r.conv2d, r.conv_weight_over_n_and_negative, "gweight", ("ratio:1/N",), NEGATIVE),
    ("conv2d", r.conv2d, r.conv_x_flipped_and_over_n, "gx", ("kernel-flipped",), ("ratio:1/N",)),
    ("conv2d", r.conv2d, r.conv_x_flipped_and_no_padding, "gx", ("kernel-flipped",),
     ("padding-ignored",)),
    ("conv2d", r.conv2d, r.conv_bias_over_n_and_pixels, "gbias", ("ratio:1/N", "ratio:1/(N*H'*W')"),
     ("ratio:1/(H'*W')", "ratio:1/(N*H'*W')")),
    ("global_avg_pool2d", r.global_pool, r.pool_not_divided_and_negative, "gx",
     ("average-not-divided",), NEGATIVE),
    ("global_avg_pool2d", r.global_pool, r.pool_first_pixel_and_negative, "gx",
     ("one-pixel-per-window",), NEGATIVE),
    ("dropout", r.dropout, r.dropout_inverted_and_no_scale, "gx", ("dropout-mask-inverted",),
     ("scale-lost-in-backward", "dropout-mask-inverted")),
    ("dropout", r.dropout, r.dropout_other_scale_and_negative, "gx", ("scale-inverted",), NEGATIVE),
    ("silu", r.silu, r.silu_no_second_term_and_negative, "gx", ("second-term-lost",), NEGATIVE),
    ("silu", r.silu, r.silu_plus_and_twice, "gx", ("plus-for-minus",), ("ratio:2",)),
    ("embedding", r.embedding, r.embedding_overwrites_and_negative, "gweight",
     ("repeats-overwrite",), NEGATIVE),
    ("embedding", r.embedding, r.embedding_off_by_one_and_averaged, "gweight",
     ("index-off-by-one",), ("ratio:1/places",)),
    ("mul", r.multiply, r.mul_own_and_negative, "ga", ("own-value-for-other",), NEGATIVE),
    ("sgd_momentum_step", r.sgd_ascent_and_no_lr, None, "forward", ("update-sign",),
     ("lr-missing",)),
    ("sgd_momentum_step", r.sgd_no_decay_and_lr_in_velocity, None, "forward", ("decay-missing",),
     ("velocity-holds-lr",)),
    ("adam_step", r.adam_no_correction_and_ascent, None, "forward", ("bias-correction-missing",),
     ("update-sign",)),
    ("adam_step", r.adam_eps_inside_and_lr_twice, None, "forward", ("adam-eps-inside-root",),
     ("lr-twice",)),
]  # fmt: skip


# Not both are named: what is left when one is known is not what the other gives alone, or (the
# batch norms) one other name describes what both come to.
NOT_BOTH = {
    r.linear_no_bias_no_transpose, r.norm_no_variance_path_no_weight,
    r.conv_x_flipped_and_no_padding, r.silu_plus_and_twice, r.sgd_ascent_and_no_lr,
    r.sgd_no_decay_and_lr_in_velocity, r.adam_no_correction_and_ascent,
    r.adam_eps_inside_and_lr_twice,
    r.batch_norm_no_mean_path_no_inverse, r.batch_norm_no_paths_no_weight,
}  # fmt: skip


def named(op, forward, backward, place):
    """What the doctor calls the bugs at a place."""
    return {f.bug for f in diagnose(op, forward, backward).findings if place in f.where}


def main():
    both = 0
    for op, forward, backward, place, one, other in DOUBLE:
        found = named(op, forward, backward, place)
        hits = [bool(found & set(names)) for names in (one, other)]
        both += all(hits)
        function = backward or forward
        print(f"{sum(hits)} of 2  {function.__name__:42} {', '.join(sorted(found))}")
    print(f"both bugs are named in {both} of {len(DOUBLE)}")


if __name__ == "__main__":
    main()
