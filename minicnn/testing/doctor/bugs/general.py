"""Bugs of any op: the contract, linearity, and the structure of wrong numbers."""

from .bug import Bug

BUGS: tuple[Bug, ...] = ()
