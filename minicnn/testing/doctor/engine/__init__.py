"""The doctor for a learner's own autograd engine."""

from .diagnosis import diagnose_engine

__all__ = ["diagnose_engine"]
