"""Checks of gradients (of ops, any function of Tensors, Modules) and parity with other nets."""

from .examples import Example, check_ops, examples
from .golden import Golden
from .gradcheck import gradcheck, gradgradcheck
from .parity import (
    LayerDifference,
    compare_golden,
    compare_gradients,
    compare_layers,
    first_difference,
    seed_weights,
)  # fmt: skip
from .report import InputReport, Report

__all__ = [
    "Example", "Golden", "InputReport", "LayerDifference", "Report", "check_ops", "compare_golden",
    "compare_gradients", "compare_layers", "examples", "first_difference", "gradcheck",
    "gradgradcheck", "seed_weights",
]  # fmt: skip
