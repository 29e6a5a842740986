"""Weights on disk: named arrays in `.safetensors` and `.npz` files and PyTorch's checkpoints."""

from .atomic import remove_leftovers, write_atomically
from .files import load, load_metadata, save

__all__ = ["load", "load_metadata", "remove_leftovers", "save", "write_atomically"]
