# Generated from the table of operations by tests/make_stubs.py: do not edit.

from autograd import nn as nn, ops as ops, optim as optim, pickling as pickling, ufuncs as ufuncs
from autograd.anomaly import detect_anomaly as detect_anomaly
from autograd.check import check_gradients as check_gradients, faux_gradient as faux_gradient
from autograd.codegen.compile import compile as compile
from autograd.engine import Value as Value
from autograd.errors import AnomalyError as AnomalyError, CompilerError as CompilerError, CompilerNotFound as CompilerNotFound, DivergenceError as DivergenceError, FrozenChoiceWarning as FrozenChoiceWarning, GradientMismatch as GradientMismatch, GraphvizNotFound as GraphvizNotFound, ParameterWarning as ParameterWarning, RecordingError as RecordingError, StaleGraphWarning as StaleGraphWarning, TrainingWarning as TrainingWarning, UnsupportedOperationError as UnsupportedOperationError
from autograd.functions import grad as grad, hessian as hessian, hvp as hvp, jacobian as jacobian, jvp as jvp, log_softmax as log_softmax, logsumexp as logsumexp, mean as mean, softmax as softmax, value_and_grad as value_and_grad, vjp as vjp
from autograd.training.descent import Descent as Descent, descend as descend
from autograd.training.fit import fit as fit
from autograd.training.history import History as History
from autograd.training.plots import plot_decision_boundary as plot_decision_boundary
from autograd.views.draw import draw as draw
from autograd.views.explain import explain as explain
from autograd.views.explorer import explore as explore
from autograd.views.formula import formula as formula
from autograd.views.outline import to_text as to_text
from autograd.views.sheet import to_spreadsheet as to_spreadsheet
from autograd.ops import add as add
from autograd.ops import sub as sub
from autograd.ops import mul as mul
from autograd.ops import div as div
from autograd.ops import pow as pow
from autograd.ops import mod as mod
from autograd.ops import floordiv as floordiv
from autograd.ops import neg as neg
from autograd.ops import abs as abs
from autograd.ops import exp as exp
from autograd.ops import expm1 as expm1
from autograd.ops import exp2 as exp2
from autograd.ops import log as log
from autograd.ops import log1p as log1p
from autograd.ops import log2 as log2
from autograd.ops import log10 as log10
from autograd.ops import sqrt as sqrt
from autograd.ops import cbrt as cbrt
from autograd.ops import sin as sin
from autograd.ops import cos as cos
from autograd.ops import tan as tan
from autograd.ops import asin as asin
from autograd.ops import acos as acos
from autograd.ops import atan as atan
from autograd.ops import atan2 as atan2
from autograd.ops import hypot as hypot
from autograd.ops import sinh as sinh
from autograd.ops import cosh as cosh
from autograd.ops import tanh as tanh
from autograd.ops import asinh as asinh
from autograd.ops import acosh as acosh
from autograd.ops import atanh as atanh
from autograd.ops import erf as erf
from autograd.ops import erfc as erfc
from autograd.ops import sigmoid as sigmoid
from autograd.ops import softplus as softplus
from autograd.ops import log_sigmoid as log_sigmoid
from autograd.ops import logaddexp as logaddexp
from autograd.ops import relu as relu
from autograd.ops import leaky_relu as leaky_relu
from autograd.ops import elu as elu
from autograd.ops import gelu as gelu
from autograd.ops import silu as silu
from autograd.ops import sign as sign
from autograd.ops import step as step
from autograd.ops import floor as floor
from autograd.ops import ceil as ceil
from autograd.ops import round as round
from autograd.ops import max as max
from autograd.ops import min as min
from autograd.ops import clip as clip
from autograd.ops import stop_gradient as stop_gradient
from autograd.ops import where as where
from autograd.ops import sum as sum
from autograd.ops import dot as dot
from autograd.ops import largest as largest
from autograd.ops import smallest as smallest

__version__: str
__all__ = ["nn", "ops", "optim", "detect_anomaly", "check_gradients", "faux_gradient", "Value", "AnomalyError", "CompilerError", "CompilerNotFound", "DivergenceError", "FrozenChoiceWarning", "GradientMismatch", "GraphvizNotFound", "ParameterWarning", "RecordingError", "StaleGraphWarning", "TrainingWarning", "UnsupportedOperationError", "grad", "hessian", "hvp", "jacobian", "jvp", "log_softmax", "logsumexp", "mean", "softmax", "value_and_grad", "vjp", "Descent", "descend", "fit", "History", "plot_decision_boundary", "draw", "explain", "explore", "formula", "to_text", "to_spreadsheet", "add", "sub", "mul", "div", "mod", "floordiv", "neg", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "hypot", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "sigmoid", "softplus", "log_sigmoid", "logaddexp", "relu", "leaky_relu", "elu", "gelu", "silu", "sign", "step", "floor", "ceil", "clip", "stop_gradient", "where", "dot", "largest", "smallest"]
