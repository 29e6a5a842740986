"""Checks of gradients."""

from .gradcheck import gradcheck, gradgradcheck
from .report import InputReport, Report

__all__ = ["InputReport", "Report", "gradcheck", "gradgradcheck"]
