"""Checks of gradients, for ops, for any function of Tensors and for Modules."""

from .examples import Example, check_ops, examples
from .gradcheck import gradcheck, gradgradcheck
from .report import InputReport, Report

__all__ = [
    "Example", "InputReport", "Report", "check_ops", "examples", "gradcheck", "gradgradcheck",
]  # fmt: skip
