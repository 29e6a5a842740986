"""The gradient doctor: a gradient checker that names the bug."""

from .engine import diagnose_engine
from .report import Diagnosis, Finding, Sign

__all__ = ["Diagnosis", "Finding", "Sign", "diagnose_engine"]
