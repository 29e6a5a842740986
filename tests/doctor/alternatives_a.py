"""Correct implementations in other words, as learners write them: none may raise an alarm.

``ALTERNATIVES``: per op (name, forward, backward, settings). The three ways of calling:
backward(gy, *inputs, **options); forward returns (y, cache) for backward(gy, cache); forward
returns (y, rule).
"""

from .alternatives_activation import ALTERNATIVES as ACTIVATIONS
from .alternatives_arithmetic import ALTERNATIVES as ARITHMETIC

ALTERNATIVES = ARITHMETIC | ACTIVATIONS
