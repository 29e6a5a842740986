"""Bugs of convolution."""

from .bug import Bug

BUGS: tuple[Bug, ...] = ()
