"""The product of matrices."""

from typing import Any

Array = Any


def matmul(a: Array, b: Array) -> Array:
    """y[...,i,j] = sum over k of a[...,i,k] b[...,k,j]; leading axes broadcast"""
    return a @ b
