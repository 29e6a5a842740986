"""Layers, losses and containers, named as in torch.nn."""
# ruff: noqa: I001  (so many names read better in few lines)

from . import init
from .activation import (
    ELU, GELU, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSoftmax, ReLU, ReLU6, Sigmoid, SiLU,
    Softmax, Softplus, Tanh,
)  # fmt: skip
from .attention import MultiheadAttention
from .containers import ModuleList, Sequential
from .conv import Conv2d, ConvTranspose2d, DepthwiseConv2d
from .dropout import Dropout, Dropout2d, DropPath
from .evaluating import evaluating, shape_input
from .layer import Layer, OpLayer
from .linear import Flatten, Identity, Linear, Unflatten
from .loss import (
    BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, FocalLoss, HuberLoss, L1Loss, MSELoss, NLLLoss,
    SigmoidFocalLoss, SmoothL1Loss,
)  # fmt: skip
from .module import Module, Parameter
from .norm import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, LocalResponseNorm
from .pool import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BCELoss", "BCEWithLogitsLoss",
    "BatchNorm1d", "BatchNorm2d", "Conv2d", "ConvTranspose2d", "CrossEntropyLoss",
    "DepthwiseConv2d", "DropPath", "Dropout", "Dropout2d", "ELU", "Flatten", "FocalLoss", "GELU",
    "GroupNorm", "Hardsigmoid", "Hardswish", "Hardtanh", "HuberLoss", "Identity", "L1Loss",
    "Layer", "LayerNorm", "LeakyReLU", "Linear", "LocalResponseNorm", "LogSoftmax",
    "MSELoss", "MaxPool2d", "Module", "ModuleList", "MultiheadAttention", "NLLLoss", "OpLayer",
    "Parameter", "ReLU", "ReLU6", "Sequential", "SiLU", "Sigmoid", "SigmoidFocalLoss",
    "SmoothL1Loss", "Softmax", "Softplus", "Tanh", "Unflatten", "evaluating", "init", "shape_input",
]  # fmt: skip
