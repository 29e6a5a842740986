"""Ops whose output entries each look at one window of an image."""

from .axis import Axis, axes, fold, pair, unfold

__all__ = ["Axis", "axes", "fold", "pair", "unfold"]
