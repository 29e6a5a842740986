"""The gradient doctor: a gradient checker that names the bug."""

from .report import Diagnosis, Finding, Sign

__all__ = ["Diagnosis", "Finding", "Sign"]
