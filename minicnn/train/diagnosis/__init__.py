"""What is wrong with a training: looks at its steps, and rules that judge them."""

from .chart import Chart, Finding
from .look import Look, look
from .rules import CAUSES, EFFECTS, findings

__all__ = ["CAUSES", "EFFECTS", "Chart", "Finding", "Look", "findings", "look"]
