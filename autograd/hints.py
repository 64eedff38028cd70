"""Say what to write instead of what other engines, NumPy and PyTorch have: names that a user types from habit.

Attributes. A node has slots for its parts and room for nothing else. So Python refuses `p.m = 0.0`, the state of an
optimizer that code for other engines keeps on each parameter, and `v.item()`, but says only that there is no such
attribute. To say more for *every* name takes `__setattr__` and `__getattr__`, which cost even the attributes that
exist: a step of micrograd's demo takes 3 times as long with the first, 1.4 times with the second (CPython 3.11, minima
of 12). A descriptor costs nothing, but has one name. So names that are in common use have one each, and all others have
Python's message. (Python finds no attribute in C, by the names in the dicts of the classes, and asks nobody else.)
"""

import sys
from abc import ABCMeta
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, getattr_static, signature
from numbers import Number
from opcode import opmap
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Protocol, TypeVar

from autograd.text import and_joined, cut, printable, quoted
from autograd.trees import A_DICTIONARY

_P = ParamSpec("_P")
_T = TypeVar("_T")

if TYPE_CHECKING:
    _ProtocolClass = ABCMeta
else:
    _ProtocolClass = type(Protocol)  # a subclass of it, without a public name

ADD_A_ROW = (
    "add an operation as a row, autograd.ops.Op('cube({})', lambda x: x * x * x, lambda g, z, x: g * 3 * x * x): "
    "its formula, its function, and a derivative rule for each operand"
)

NO_PLAIN_NUMBER = (
    "a plain number would lose the gradient. Where a number is meant (weights of random.choices, p of NumPy's, a "
    "plot), write v.data, [v.data for v in values]; in a formula autograd.tanh(v), v.tanh(), not math.tanh(v)"
)

NO_EQUAL_NUMBER = (
    "== asks whether two names are the same Value; to compare the number, compare .data, or, where v may be a float as "
    "well, write 0 <= v <= 0 in place of v == 0"
)

NO_TRUTH = (
    "a Value is neither true nor false: compare .data (`if v.data > 0`), or, where v may be a float as well, write "
    "`if v < 0 or v > 0` in place of `if v`; or keep the choice in the graph with autograd.where(v, x, y)"
)

# As in the papers on optimizers, in tutorials, and in PyTorch's optimizers. (`step` is an operation.)
STATE = (
    *("m", "v", "m_t", "v_t", "mt", "vt", "_m", "_v", "m_hat", "v_hat", "m1", "m2", "v_max", "adam_m", "adam_v"),
    *("first_moment", "second_moment", "moment1", "moment2", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf"),
    *("momentum", "mom", "velocity", "vel", "buf", "momentum_buf", "momentum_buffer", "prev_update", "prev_delta"),
    *("G", "g2", "eg", "h", "r", "s", "u", "avg", "cache", "accum", "accumulator", "acc", "sq_grad", "grad_sq"),
    *("grad_squared", "square_avg", "acc_delta", "delta", "prev_grad", "old_grad", "grad_sum", "_grad_sum"),
    *("grad_avg", "avg_grad", "prev_data", "old_data", "best_data", "state", "opt_state", "optim_state"),
    *("t", "n_steps", "lr", "learning_rate", "weight_decay", "decay", "ema", "mask"),
)
"""What optimizers keep on each parameter: a number."""

NOTES = (
    *("_vis_color", "vis_color", "color", "colour", "style", "fillcolor", "x_pos", "y_pos", "pos", "layer"),
    *("id", "_id", "uid", "_uid", "idx", "index", "visited", "_visited", "seen", "mark", "marked", "rank", "level"),
    *("depth", "order", "topo_order", "in_degree", "degree", "ref_count", "tag", "tags", "meta", "metadata", "info"),
    *("desc", "description", "note", "title", "names", "group", "kind", "frozen", "trainable", "is_param", "training"),
)
"""What drawings and searches keep on each node."""

BY_HAND = (
    *("_grad_fn", "_forward", "_ctx", "ctx", "_update_grad", "_backward_fn", "backward_fn", "_grad_func", "grad_func"),
    *("_local_gradients", "local_grads", "local_gradients", "creator", "creators", "_inputs", "_operands", "_op_name"),
    *("_parent", "parent", "_args", "_ops", "ops", "_operation"),
)
"""What other engines keep of the operation that made a node."""

_ONE_NUMBER = "a Value is one number; lists and NumPy arrays hold many"
_EVERY_LEAF = (
    "every leaf gets a gradient; none passes v.stop_gradient(), and what training leaves as it is, is frozen, "
    "model.part.freeze(), or an nn.Constant"
)
_ALWAYS_FLOAT = "its number, v.data, is a Python float of 64 bits, whatever it was made from"
_IN_PLACE = "an operation makes a new Value, v = v + w; the number of a leaf is changed by v.data += 1.0"

RECIPES = {
    **{
        name: name
        for name in (
            *("mish", "selu", "celu", "softsign", "tanhshrink", "hardtanh", "relu6", "hardsigmoid", "hardswish"),
            *("square", "reciprocal", "rsqrt", "norm", "fast_norm", "cosine_similarity", "product"),
            *("sec", "csc", "cot", "asec", "sech", "degrees", "radians", "trunc", "fraction", "fmod", "heaviside"),
            *("round_to", "variance", "softmin", "logit", "normal_density", "normal_distribution", "huber"),
            *("polygamma", "lgamma", "digamma"),
        )
    },
    "sqr": "square",
    "inv": "reciprocal",
    "var": "variance",
    "std": "variance",
    "prod": "product",
    "psi": "digamma",
    "rad2deg": "degrees",
    "deg2rad": "radians",
    "gammaln": "lgamma",
    "frac": "fraction",
    "fix": "trunc",
}
"""Names of functions that are made of rows, and what each is called on the page of recipes."""


def _recipe(name: str) -> str:
    return f"it is a function made of rows: see {RECIPES[name]} in docs/recipes.md"


ATTRIBUTES = {
    **{name: _recipe(name) for name in RECIPES},
    **dict.fromkeys(
        ("item", "tolist", "numpy", "cpu", "value", "values", "val", "number", "scalar", "result"),
        "its number is v.data",
    ),
    **dict.fromkeys(("cuda", "device", "float", "double", "half", "int", "long", "bool", "type"), _ALWAYS_FLOAT),
    **dict.fromkeys(("add_", "sub_", "mul_", "div_", "copy_", "fill_", "zero_", "set"), _IN_PLACE),
    **dict.fromkeys(("eq", "ne", "equal"), "write v.data == w.data"),
    **dict.fromkeys(("gt", "ge", "lt", "le"), "write v > w, or the others so; autograd.where chooses in a graph"),
    **{name: f"write math.{name}(v.data)" for name in ("isnan", "isinf", "isfinite")},
    **dict.fromkeys(("sum", "mean"), "write autograd.sum(values), autograd.mean(values)"),
    **dict.fromkeys(("gradient", "derivative"), "write v.grad, after backward()"),
    **dict.fromkeys(("prev", "parents", "children", "_children", "_parents"), "its operands are v.args"),
    **dict.fromkeys(
        ("_backward_iterative", "_build_topo", "build_topo", "backwards", "backprop", "backpropagate", "back"),
        "write v.backward()",
    ),
    "_local_grads": "write autograd.engine.local_gradients(v)",
    "name": "write v.label",
    **dict.fromkeys(("detach", "detach_"), "write v.stop_gradient() as an operand, v.data for the number"),
    "clone": "write copy.deepcopy(v) with its graph, Value(v.data) as a new leaf",
    "copy": "write copy.deepcopy(v) with its graph, Value(v.data) as a new leaf",
    **dict.fromkeys(("requires_grad", "requires_grad_"), _EVERY_LEAF),
    "is_leaf": "write v.op is None",
    "grad_fn": "write v.op",
    "retain_grad": "every result keeps its v.grad",
    **dict.fromkeys(
        ("clamp", "clamp_min", "clamp_max"), "write v.clip(low, high), with one of them v.clip(low), v.clip(high=1.0)"
    ),
    "prod": "write math.prod(values)",
    **dict.fromkeys(("dot", "matmul", "mm", "vdot", "inner"), "write autograd.dot(xs, ys)"),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), "write autograd.softmax(values), or the others so"),
    **dict.fromkeys(("argmax", "argmin"), "write max(range(len(values)), key=lambda i: values[i].data), or min"),
    "square": "write v * v",
    "sqr": "write v * v",
    "reciprocal": "write 1 / v",
    "inv": "write 1 / v",
    "ln": "write v.log()",
    "swish": "write v.silu()",
    "ReLU": "write v.relu()",
    **dict.fromkeys(("leakyrelu", "lrelu"), "write v.leaky_relu()"),
    "logsigmoid": "write v.log_sigmoid()",
    "power": "write v ** w",
    "maximum": "write v.max(w)",
    "minimum": "write v.min(w)",
    "remainder": "write v % w",
    "fmod": "v % w has the sign of w; for that of v see fmod in docs/recipes.md",
    "trunc": "write autograd.where(v, v.floor(), v.ceil())",
    "absolute": "write abs(v)",
    "negative": "write -v",
    **dict.fromkeys(
        (
            "shape",
            "size",
            "ndim",
            "dtype",
            "T",
            "reshape",
            "view",
            "astype",
            "to",
            "dim",
            "numel",
            "squeeze",
            "unsqueeze",
            "flatten",
            "ravel",
            "expand",
        ),
        _ONE_NUMBER,
    ),
}
"""What to write in place of an attribute of a Value: PyTorch's, NumPy's, other engines'."""

FIT = "autograd.fit(model, xs, ys, loss='mse', optimizer='adam', epochs=100)"
_FIT = f"write {FIT}"
MODEL = {
    **dict.fromkeys(("fit", "compile", "train_on_batch"), _FIT),
    **dict.fromkeys(("evaluate", "score"), "write model.predict(xs), and compare it with ys"),
    "predict_proba": "write [autograd.softmax(scores) for scores in model.predict(xs)]; for a model with one output, "
    "[autograd.sigmoid(score) for score in model.predict(xs)], the probabilities of class 1",
    **dict.fromkeys(
        ("predict_classes", "predict_class", "predict_labels"),
        "write [scores.index(max(scores)) for scores in model.predict(xs)], for lists; for a model with one output, "
        "[score > 0 for score in model.predict(xs)]",
    ),
    "classes_": "write model.classes, the names of the classes after autograd.fit with text as targets",
    "forward": "write model(x); in a forward of your own, nn.MLP.__call__(self, x), or that of another base",
    "summary": "print(model) shows its layers, len(model.parameters()) counts its parameters",
    **dict.fromkeys(("state_dict", "get_weights"), "write model.named_parameters(), for a file model.save(path)"),
    "save_weights": "write model.save(path)",
    **dict.fromkeys(("load_state_dict", "set_weights", "load_weights"), "write model.load(path)"),
    **dict.fromkeys(("weights", "trainable_weights", "trainable_variables", "params"), "write model.parameters()"),
    **dict.fromkeys(("children", "modules", "named_modules"), "write model.named_parameters()"),
    **dict.fromkeys(
        ("weight", "bias", "kernel", "coef_", "coefs_", "intercept_", "intercepts_"),
        "a layer has neurons, a neuron has weights w and a bias b: write layer.neurons[0].w, or for all of them "
        "model.named_parameters()",
    ),
    **dict.fromkeys(("count_params", "num_parameters"), "write len(model.parameters())"),
    **dict.fromkeys(
        ("to", "cuda", "cpu", "double", "half", "bfloat16", "share_memory"),
        "leave it out: its numbers are Python's floats of 64 bits, on no device",
    ),
    **dict.fromkeys(("requires_grad_", "requires_grad", "trainable"), "write model.freeze() or model.unfreeze()"),
    **dict.fromkeys(
        ("register_buffer", "buffers", "named_buffers"), "assign a constant, self.mean = nn.Constant([0.0, 0.0])"
    ),
    **dict.fromkeys(("register_parameter", "add_weight"), "assign a leaf, self.weight = autograd.Value(0.5)"),
    **dict.fromkeys(("add_module", "register_module"), "assign the part, self.part = nn.Layer(2, 3)"),
    **dict.fromkeys(
        ("append", "extend", "insert"), "write nn.Sequential(model, nn.Layer(2, 3)): models, one after another"
    ),
    **dict.fromkeys(("named_children", "get_parameter", "get_submodule"), "write model.named_parameters()"),
    "apply": "write a loop over model.named_parameters()",
    **dict.fromkeys(
        ("register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook", "register_hook"),
        "keep what is to be looked at in an attribute, self.hidden = ..., in __call__",
    ),
}
"""What to write in place of an attribute of a Module: PyTorch's, Keras's, scikit-learn's."""

_FLAGS = {"requires_grad", "trainable"}

OPTIMIZER = {
    "zero_grad": "the gradients are the model's: write model.zero_grad()",
    "minimize": "write loss.backward() and optimizer.step(model.parameters())",
    "apply_gradients": "write optimizer.step(model.parameters()), after loss.backward()",
    "param_groups": "it holds no parameters: write optimizer.step(model.parameters()), for other rates of other parts "
    "optim.Groups((model.encoder, optim.SGD(0.01)), (model, optim.Adam(0.01)))",
    "add_param_group": "write optim.Groups((model.encoder, optim.SGD(0.01)), (model, optim.Adam(0.01)))",
    **dict.fromkeys(("state_dict", "load_state_dict"), "write copy.deepcopy(optimizer), or pickle it"),
}
"""What to write in place of an attribute of an optimizer."""

HISTORY = {
    "history": "write history.to_dict()",
    **dict.fromkeys(("loss", "train_loss", "training_loss", "loss_curve_"), "write history.losses"),
    **dict.fromkeys(("acc", "accuracies", "train_accuracy"), "write history.accuracy"),
    **dict.fromkeys(("val_loss", "val_losses", "validation_loss"), "write history.validation_losses"),
    **dict.fromkeys(
        ("val_acc", "val_accuracy", "validation_accuracies", "validation_scores_"), "write history.validation_accuracy"
    ),
    **dict.fromkeys(("epoch", "epochs", "n_iter_"), "write len(history.losses)"),
    **dict.fromkeys(("best_loss", "best_loss_"), "write history.losses[history.best_epoch], after fit with patience"),
    **dict.fromkeys(("keys", "items", "get"), "write history.to_dict()"),
}
"""What to write in place of an attribute of a History, or of an entry."""

FUNCTIONS = {
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "ln": "log",
    "power": "pow",
    "maximum": "max",
    "minimum": "min",
    "absolute": "abs",
    "negative": "neg",
    "multiply": "mul",
    "subtract": "sub",
    "divide": "div",
    "true_divide": "div",
    "remainder": "mod",
    "floor_divide": "floordiv",
    "fabs": "abs",
    **dict.fromkeys(("rint", "around"), "round"),
    "clamp": "clip",
    "swish": "silu",
    **{name.title(): name for name in ("tanh", "sigmoid", "softplus")},
    "ReLU": "relu",
    "GELU": "gelu",
    "SiLU": "silu",
    "ELU": "elu",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    **dict.fromkeys(("LeakyReLU", "leakyrelu", "lrelu"), "leaky_relu"),
    **dict.fromkeys(("LogSigmoid", "logsigmoid"), "log_sigmoid"),
}
"""Functions of this package by the names that NumPy and PyTorch have for them."""

_OWN_LOSS = "a loss is a function of an output and a target"
NETWORKS = {
    **dict.fromkeys(
        ("StandardScaler", "Normalization", "Normalize", "Scaler", "Standardizer"),
        "write nn.Sequential(nn.Standardize.of(xs), ...)",
    ),
    **dict.fromkeys(
        ("Linear", "Dense"), "write nn.Layer(nin, nout, 'linear'), or nn.MLP(nin, [nout, ...]) for several"
    ),
    **dict.fromkeys(
        (
            *("ReLU", "Tanh", "Sigmoid", "LeakyReLU", "GELU", "SiLU", "ELU", "Softplus", "LogSigmoid"),
            *("functional", "F"),
        ),
        "an activation is an argument, nn.Layer(nin, nout, 'tanh'), or a function, autograd.tanh, "
        "also in nn.Sequential(nn.Layer(nin, nout, 'linear'), autograd.tanh)",
    ),
    **dict.fromkeys(
        ("Softmax", "LogSoftmax"), "nn.cross_entropy takes the numbers before it; autograd.softmax computes it"
    ),
    **dict.fromkeys(
        ("huber", "huber_loss", "smooth_l1", "smooth_l1_loss"),
        f"{_OWN_LOSS}: see huber in docs/recipes.md, which takes their difference",
    ),
    **dict.fromkeys(
        ("kl_div", "kl_divergence"),
        f"{_OWN_LOSS}, of probabilities autograd.sum([t * autograd.log(t / o) for o, t in zip(output, target)]); "
        "nn.cross_entropy(logits, target), of the numbers before a softmax, has the same gradient",
    ),
    **dict.fromkeys(("CrossEntropyLoss", "NLLLoss", "CategoricalCrossentropy"), "write nn.cross_entropy"),
    "nll_loss": "write nn.cross_entropy, which takes the numbers before the log_softmax",
    **dict.fromkeys(("rand", "rand_like"), "write nn.uniform(n)"),
    **dict.fromkeys(("randn", "gauss", "randn_like"), "write nn.normal(n)"),
    **dict.fromkeys(
        ("BCELoss", "BCEWithLogitsLoss", "BinaryCrossentropy"), "write nn.binary_cross_entropy, before a sigmoid"
    ),
    **dict.fromkeys(("MSELoss", "MeanSquaredError", "mse_loss"), "write nn.mse"),
    **dict.fromkeys(("HingeLoss", "Hinge", "MarginLoss"), "write nn.hinge"),
    **dict.fromkeys(
        (
            *("L1Loss", "mae", "MeanAbsoluteError", "HuberLoss", "SmoothL1Loss", "KLDivLoss", "GaussianNLLLoss"),
            *("TripletMarginLoss", "CosineEmbeddingLoss", "MarginRankingLoss", "l1_loss"),
        ),
        f"{_OWN_LOSS}, such as lambda output, target: abs(output - target)",
    ),
    **dict.fromkeys(("Parameter", "Variable"), "write autograd.Value(0.5), as an attribute of a Module"),
    **dict.fromkeys(("ModuleList", "ParameterList"), "write a list of them, as an attribute of a Module"),
    **dict.fromkeys(("ModuleDict", "ParameterDict"), "write a dictionary of them, as an attribute of a Module"),
    "Identity": "write lambda x: x",
    **{
        name: f"it is a class of a few lines: see {title} in docs/gallery.md"
        for title, names in {
            "Convolution": "Conv1d Conv2d Conv1D Conv2D Conv MaxPool1d MaxPool2d AvgPool1d AvgPool2d",
            "Elman network": "RNN RNNCell SimpleRNN",
            "Gated recurrent unit": "GRU GRUCell",
            "Long short-term memory": "LSTM LSTMCell",
            "Attention": "MultiheadAttention MultiHeadAttention Attention",
            "Transformer": "Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoderLayer",
            "Factorisation": "Embedding EmbeddingBag Bilinear",
        }.items()
        for name in names.split()
    },
    **dict.fromkeys(
        (
            *("BatchNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "BatchNormalization", "LazyBatchNorm1d"),
            *("GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "RMSNorm", "LayerNormalization"),
        ),
        "a model computes one sample at a time: write nn.LayerNorm(n), or bring the inputs to one scale by "
        "nn.Standardize.of(xs); for a batch as one sample, see Batch normalisation in docs/gallery.md",
    ),
    **dict.fromkeys(("Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "SpatialDropout1D"), "write nn.Dropout(p)"),
    **dict.fromkeys(("Input", "InputLayer"), "leave it out: the next part takes what it would pass on"),
    "init": "the distribution of the first weights is an argument, nn.Layer(nin, nout, init='he')",
    "utils": "gradients are clipped by the optimizer, optim.SGD(0.1, clip_norm=1.0)",
    "Flatten": "each sample of xs is a list of numbers: write xs.reshape(len(xs), -1)",
    "Model": "write nn.Module, nn.Sequential or nn.MLP",
    "save": "write model.save(path)",
}
"""What to write in place of names of PyTorch's, Keras's and scikit-learn's in `nn`."""

OPTIMIZERS = {
    **dict.fromkeys(("RMSprop", "RMSProp", "Adagrad", "Adadelta", "Adamax", "NAdam"), "write optim.Adam(lr=0.001)"),
    **dict.fromkeys(("Momentum", "SGDM", "Nesterov"), "write optim.SGD(lr=0.01, momentum=0.9)"),
    "sgd": "write optim.SGD(lr=0.01)",
    "adam": "write optim.Adam(lr=0.001)",
    "adamw": "write optim.AdamW(lr=0.001)",
    **dict.fromkeys(
        (
            *("lr_scheduler", "schedules", "LambdaLR", "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR"),
            *("OneCycleLR", "LinearLR", "CyclicLR", "ReduceLROnPlateau"),
        ),
        "lr may be a function of the step, optim.SGD(lr=lambda step: 0.1 / (1 + step))",
    ),
    **dict.fromkeys(("LBFGS", "Rprop", "ASGD", "Adafactor", "RAdam"), "write optim.Adam(lr=0.001)"),
}
"""What to write in place of such names in `optim`."""

UFUNCS = {
    "float_power": "write v ** w",
    "logaddexp2": "write autograd.logaddexp(v * math.log(2), w * math.log(2)) / math.log(2)",
    "copysign": "write autograd.where(w, abs(v), -abs(v))",
    "ldexp": "write v * 2.0**n",
    "modf": "see fraction and trunc in docs/recipes.md",
}
"""What to write in place of functions of NumPy's that are none of a row."""

_TESTS = {"isnan": "not x <= math.inf", "isinf": "abs(x) >= math.inf", "isfinite": "-math.inf < x < math.inf"}
"""Python's tests of a number, and what gives the same for a float and for a Value."""

_OWN_ROW = f"write an operation of your own: {ADD_A_ROW}"
_OWN_ARRAYS = "NumPy's own functions take arrays of Values: write import numpy as np, and np.{}".format
PACKAGE = {
    **UFUNCS,
    **{name: f"write math.{name}" for name in ("pi", "e", "tau", "inf", "nan")},
    "euler_gamma": "write 0.5772156649015329",
    "sinc": "write autograd.sin(math.pi * x) / (math.pi * x), and 1 for 0",
    **dict.fromkeys(("amax", "amin"), "write autograd.max(values), or autograd.min"),
    **dict.fromkeys(("fmax", "fmin"), "write autograd.max(v, w), or min, which are nan where one of the two is"),
    **{
        name: f"write math.{name}(x), of a Value math.{name}(v.data), and {both} of what may be either"
        for name, both in _TESTS.items()
    },
    **dict.fromkeys(
        ("isclose", "allclose"),
        "write math.isclose(x, y), of Values math.isclose(v.data, w.data), and abs(x - y) < 1e-8 of what may be either",
    ),
    **dict.fromkeys(("any", "all"), "write Python's own, of comparisons"),
    **dict.fromkeys(("float64", "float32", "float_"), "leave it out: numbers are Python's floats of 64 bits"),
    **dict.fromkeys(
        ("real", "imag", "conj", "conjugate", "angle", "holomorphic_grad"), "leave it out: numbers are real"
    ),
    **{
        name: _OWN_ARRAYS(name)
        for name in (
            *("array", "asarray", "arange", "linspace", "logspace", "geomspace", "eye", "identity", "diag", "empty"),
            *("zeros_like", "ones_like", "full_like", "meshgrid", "outer", "tensordot", "kron", "trace", "reshape"),
            *("ravel", "transpose", "squeeze", "expand_dims", "swapaxes", "moveaxis", "atleast_1d", "newaxis", "tile"),
            *("repeat", "roll", "flip", "append", "sort", "diff", "average", "tril", "triu", "split"),
        )
    },
    "linalg": "write the formulas out, or with NumPy's own numpy.linalg what needs no gradient",
    "random": "write random.gauss(0, 1), or numpy.random, for numbers without a gradient",
    **dict.fromkeys(
        ("no_grad", "inference_mode"), "a graph that is not used costs nothing more; v.stop_gradient() cuts one"
    ),
    **dict.fromkeys(("Tensor", "tensor", "Variable", "Parameter"), "write autograd.Value(0.5)"),
    **dict.fromkeys(("zeros", "ones", "full"), "write a list, [Value(0.0) for _ in range(n)]"),
    **dict.fromkeys(
        ("rand", "randn", "normal", "uniform"),
        "write a list, [Value(random.gauss(0, 1)) for _ in range(n)], and nn.normal(n) or nn.uniform(n) for noise",
    ),
    **dict.fromkeys(("argmax", "argmin"), "write max(range(len(values)), key=lambda i: values[i].data), or min"),
    **dict.fromkeys(("cumsum", "cumprod"), "write list(itertools.accumulate(values)), or with operator.mul"),
    **dict.fromkeys(("cat", "concat", "concatenate", "hstack"), "join lists, [*xs, *ys]"),
    **dict.fromkeys(("stack", "vstack"), "write a list of lists, [xs, ys]"),
    **dict.fromkeys(("matmul", "mm", "mv", "einsum"), "write [autograd.dot(row, column) for row in matrix]"),
    **dict.fromkeys(("Linear", "MLP", "Module", "Sequential", "Layer", "Neuron"), "networks are in autograd.nn"),
    **dict.fromkeys(("SGD", "Adam", "AdamW"), "optimizers are in autograd.optim"),
    **dict.fromkeys(("optimizers", "optimizer"), "write autograd.optim"),
    **dict.fromkeys(("manual_seed", "seed"), "write random.seed(0)"),
    "train": "write autograd.fit",
    "minimize": "write autograd.fit, or for a function of one number autograd.descend",
    **dict.fromkeys(("gradient_descent", "descent"), "write autograd.descend"),
    **dict.fromkeys(
        ("DataLoader", "TensorDataset", "Dataset", "utils", "data"),
        "autograd.fit takes lists or arrays, and a batch_size",
    ),
    **dict.fromkeys(("device", "cuda"), "leave it out: numbers are Python's floats, on no device"),
    "load": "write autograd.nn.load(path)",
    "save": "write model.save(path)",
    **dict.fromkeys(("jit", "function"), "write autograd.compile"),
    "grad_and_value": "write autograd.value_and_grad, whose value comes first",
    "grad_and_aux": "write autograd.grad(f, has_aux=True)",
    "multigrad_dict": "write autograd.grad(f, argnums=(0, 1))",
    **dict.fromkeys(("deriv", "derivative", "gradient"), "write autograd.grad"),
    **dict.fromkeys(
        ("elementwise_grad", "egrad"),
        "write autograd.grad(lambda xs: np.sum(f(xs)))(xs), for a list [autograd.grad(f)(x) for x in xs]",
    ),
    **dict.fromkeys(("jacrev", "jacfwd"), "write autograd.jacobian, which chooses the mode"),
    **dict.fromkeys(("make_vjp", "vector_jacobian_product"), "write autograd.vjp(f, *primals)"),
    **dict.fromkeys(
        ("make_jvp", "make_jvp_reversemode", "jacobian_vector_product"), "write autograd.jvp(f, primals, tangents)"
    ),
    **dict.fromkeys(
        ("hessian_vector_product", "hessian_tensor_product", "make_hvp", "vhp"),
        "write autograd.hvp(f, primals, tangents)",
    ),
    **dict.fromkeys(("vmap", "pmap"), "write autograd.compile(y, xs, in_axes=0), which takes many samples"),
    **dict.fromkeys(
        ("extend", "primitive", "defvjp", "defjvp", "custom_vjp", "custom_jvp", "custom_gradient"), _OWN_ROW
    ),
    "tensor_jacobian_product": "write autograd.vjp(f, *primals)",
    "make_ggnvp": "write autograd.jvp(f, primals, tangents), and autograd.vjp(f, *primals) for what it gives",
    "grad_named": "write autograd.grad(f, argnums=0), by the place of the argument",
    "linearize": "write lambda *tangents: autograd.jvp(f, primals, tangents)[1]",
    **dict.fromkeys(("test_util", "check_grads"), "write autograd.check_gradients(y)"),
    **dict.fromkeys(("tracer", "getval"), "the number of a Value is v.data, its operands are v.args"),
    "differential_operators": "write from autograd import grad, jacobian, hessian, jvp, vjp",
    "misc": "optimizers are in autograd.optim; nested lists and tuples need not be flattened",
    **dict.fromkeys(
        ("tree_util", "tree_map", "tree"), "nested lists and tuples are arguments, and results, as they are"
    ),
    "lax": "write if, for and while; to keep a choice in a graph autograd.where, to stop a gradient "
    "autograd.stop_gradient",
    "make_jaxpr": "write autograd.to_text(f(x)), for a Value x",
    **dict.fromkeys(
        ("checkpoint", "remat", "device_put", "block_until_ready", "disable_jit"),
        "leave it out: a function is called, and its graph goes with its last name",
    ),
    **dict.fromkeys(
        ("numpy", "np", "scipy", "jnp"),
        "that is a part of another package. For functions of numbers write import autograd as np; NumPy's own, import "
        "numpy as np, take arrays of Values: see docs/from-hips.md",
    ),
}
"""What to write in place of such names in the package itself."""

STANDARDIZE = dict.fromkeys(
    ("fit", "fit_transform", "partial_fit", "adapt"),
    "write nn.Standardize.of(xs), which has the numbers of the samples",
)
STANDARDIZE |= {"transform": "write model.predict(xs) for many samples, model(x) for one"}
"""What to write in place of an attribute of a scaler: scikit-learn's, Keras's."""

_BETAS = "betas=(0.9, 0.999)"
_LAYER = {
    **dict.fromkeys(("in_features", "input_dim", "input_size", "n_in", "fan_in"), "nin"),
    **dict.fromkeys(("out_features", "units", "output_size", "n_out", "fan_out"), "nout"),
    **dict.fromkeys(("activations", "act", "activation_fn", "activation_function", "nonlinearity"), "activation"),
    **dict.fromkeys(("seed", "random_state", "generator"), "rng=random.Random(0)"),
    **dict.fromkeys(("keepdim", "keepdims", "keep_list"), "squeeze=False"),
    **dict.fromkeys(
        ("bias", "use_bias", "fit_intercept"),
        "a Module with [autograd.dot(row, x) for row in self.rows] for a layer without biases",
    ),
}
_FOR_FIT = {
    **dict.fromkeys(
        ("validation_split", "validation_fraction", "val_split", "validation_size", "test_size"), "validation=0.2"
    ),
    **dict.fromkeys(
        ("validation_data", "val_data", "eval_set", "valid", "test_data", "val"), "validation=(test_xs, test_ys)"
    ),
    **dict.fromkeys(("verbose", "verbosity", "silent", "disp", "show_progress"), "progress=True, or False"),
    **dict.fromkeys(
        ("lr", "learning_rate", "learning_rate_init", "eta", "rate", "step_size"), "optimizer=optim.Adam(0.01)"
    ),
    "momentum": "optimizer=optim.SGD(0.01, momentum=0.9)",
    **dict.fromkeys(("weight_decay", "l2", "wd"), "optimizer=optim.AdamW(0.001, weight_decay=0.01)"),
    **dict.fromkeys(
        ("regularization", "regularisation", "penalty", "kernel_regularizer"),
        "regularizer=lambda ps: 1e-4 * autograd.sum([p * p for p in ps])",
    ),
    **dict.fromkeys(
        ("clip_norm", "clipnorm", "max_norm", "grad_clip", "gradient_clip_val"),
        "optimizer=optim.Adam(0.01, clip_norm=1.0)",
    ),
    **dict.fromkeys(("scheduler", "lr_scheduler", "schedule"), "optimizer=optim.SGD(lr=lambda step: 0.1 / (1 + step))"),
    **dict.fromkeys(("callbacks", "on_epoch_end"), "callback=lambda epoch, history: ..."),
    **dict.fromkeys(
        ("early_stopping", "early_stopping_rounds", "n_iter_no_change", "tol", "earlystopping"), "patience=20"
    ),
    **{
        name: f"leave {name} out: history.accuracy has the accuracy of a classifier"
        for name in ("metrics", "metric", "scoring")
    },
    "shuffle": "leave shuffle out: with a batch_size, the samples are shuffled anew for each epoch",
    **dict.fromkeys(("n_epochs", "num_epochs", "nb_epoch", "max_iter", "iterations", "steps", "n_iter"), "epochs"),
    **dict.fromkeys(("batch", "batchsize", "bs", "minibatch_size"), "batch_size"),
    **dict.fromkeys(("criterion", "loss_fn", "loss_function", "loss_func", "objective"), "loss"),
    **dict.fromkeys(("opt", "optim", "solver", "optimiser"), "optimizer"),
    **dict.fromkeys(("random_state", "rng", "random_seed", "generator"), "seed"),
    **dict.fromkeys(("X", "x", "inputs", "data"), "xs"),
    **dict.fromkeys(("Y", "y", "targets", "labels", "target"), "ys"),
    **dict.fromkeys(
        ("class_weight", "sample_weight", "sample_weights"), "loss, a function of your own, with the weight in it"
    ),
    **{
        name: f"leave {name} out"
        for name in ("device", "workers", "n_jobs", "num_workers", "use_multiprocessing", "steps_per_epoch")
    },
}
_PENALTY = "AdamW(lr, weight_decay=...), or a penalty on the parameters in the loss"
ARGUMENTS: dict[str, dict[str, str]] = {
    "leaky_relu": dict.fromkeys(("negative_slope", "alpha"), "slope"),
    "elu": dict.fromkeys(("slope", "negative_slope"), "alpha"),
    "clip": {"min": "low", "a_min": "low", "lower": "low", "max": "high", "a_max": "high", "upper": "high"},
    "round": dict.fromkeys(("", "decimals", "ndigits", "digits"), "autograd.round(x * 100) / 100 for two digits"),
    "largest": {"": "the values as one list, autograd.largest([x, y])"},
    "smallest": {"": "the values as one list, autograd.smallest([x, y])"},
    **{
        name: {"key": "Python's own with key=lambda v: v.data, whose choice stays as it was when the numbers change"}
        for name in ("max", "min")
    },
    "sum": {
        "": "the values as one list, autograd.sum([x, y])",
        **dict.fromkeys(("dim", "axis"), "[autograd.sum(row) for row in rows] for several rows"),
    },
    **{
        name: dict.fromkeys(("dim", "axis"), f"[autograd.{name}(row) for row in rows] for several rows")
        for name in ("softmax", "log_softmax", "logsumexp", "mean")
    },
    "SGD": {"weight_decay": _PENALTY},
    "fit": _FOR_FIT,
    "grad": {
        **dict.fromkeys(("argnum", "argnames", "wrt"), "argnums, the place of the argument, counted from 0"),
        **dict.fromkeys(
            ("create_graph", "retain_graph"),
            "leave it out: gradients are Values, and graphs stay while they have names",
        ),
        **dict.fromkeys(("allow_unused", "materialize_grads"), "leave it out: a gradient that there is not is 0"),
        **dict.fromkeys(("grad_outputs", "cotangents"), "autograd.vjp(f, *primals)"),
        **dict.fromkeys(("holomorphic", "allow_int"), "leave it out: numbers are Python's floats"),
    },
    "explain": {
        **dict.fromkeys(("", "mode", "inputs", "wrt", "input", "variables"), "forward=x, or a list, for forward mode"),
        **dict.fromkeys(("precision", "decimals"), "digits=3"),
        **dict.fromkeys(("labels", "name"), "names={'y': y}"),
    },
    "layer": _LAYER,
    "LayerNorm": {
        **dict.fromkeys(("normalized_shape", "num_features"), "n"),
        "elementwise_affine": "leave elementwise_affine out: freeze() keeps gain and bias as they are",
    },
    "Dropout": {"inplace": "leave inplace out", **dict.fromkeys(("rate", "prob", "probability"), "p")},
    "network": {
        **_LAYER,
        "nonlin": "activation",
        **dict.fromkeys(
            ("nout", "sizes", "hidden", "hidden_sizes", "hidden_layer_sizes", "layers", "outputs"), "nouts"
        ),
    },
    "optimizer": {
        **dict.fromkeys(("learning_rate", "eta", "rate"), "lr"),
        **dict.fromkeys(("beta1", "beta2", "b1", "b2", "momentum"), _BETAS),
        **dict.fromkeys(("epsilon", "epsilon_root"), "eps"),
        **dict.fromkeys(("params", "parameters", "model"), "step(parameters)"),
        **dict.fromkeys(("max_norm", "clipnorm", "grad_clip"), "clip_norm"),
        **dict.fromkeys(("decay", "wd", "l2"), "weight_decay"),
    },
}
"""What to write in place of an argument of a function, by name; "" is one too many."""


def in_place_of_an_index() -> str:
    """Return what to write where a Value would be an index."""
    return (
        "autograd.dot(weights, nn.one_hot(t, len(weights))) in place of weights[t], and of a row table[t], "
        "[autograd.dot(column, nn.one_hot(t, len(table))) for column in zip(*table)]"
    )


def about_arguments(function: str, named: Iterable[str]) -> str:
    """Return what to write in place of an argument that a function does not take, for the end of an error message.

    Arguments:
        function: its name.
        named: the names of the arguments by name; if there are none, one by position was too many.

    >>> about_arguments("leaky_relu", ["negative_slope"]), about_arguments("tanh", ["beta"])
    ('; write slope', '')
    """
    known = ARGUMENTS.get(function, {})
    found = dict.fromkeys(known[name] for name in [*named] or [""] if name in known)
    written = [x for x in found if not x.startswith("leave ")]
    left_out = [x for x in found if x.startswith("leave ")]
    return "; ".join(["", *([f"write {', '.join(written)}"] if written else []), *left_out])


def no_output(x: Any) -> str:
    """Return the message about what was passed in place of an output of a graph.

    >>> no_output(0.5)
    'expected a Value as output, got float 0.5: only Values remember how they were made'
    """
    return f"expected a Value as output, got {_described(x)}: only Values remember how they were made"


def no_input(x: Any, takes: str = "inputs are Values, or lists of Values") -> str:
    """Return the message about what was passed in place of a Value of a graph.

    Arguments:
        takes: the argument, and what it is.

    >>> no_input(abs)
    'inputs are Values, or lists of Values, got a function, abs, which is called first: pass abs(x)'
    """
    instead = ""
    if isinstance(x, Mapping):
        instead = f": {A_DICTIONARY}"
    elif hasattr(x, "tolist") and getattr(x, "ndim", None):
        instead = ": pass a list of Values, array.tolist() for an array of them"
    elif isinstance(x, Number):
        instead = (
            f": a plain number is in no graph. Write x = Value({x}), compute the output from that x, and pass it here"
        )
    return f"{takes}, got {_described(x)}{instead}"


def no_function(name: str, x: Any) -> str:
    """Return the message about what was passed in place of a function to differentiate."""
    return f"{name} takes a function, got {_described(x)}: the gradients of a Value y are those of grad(y, x)"


def no_argnums(name: str, f: Any, x: Any) -> str:
    """Return the message about what was passed in place of the places of arguments of a function.

    >>> no_argnums("grad", abs, 2.0)
    'argnums is the place of an argument, or a tuple of places, got float 2.0: grad(f) is a function, which takes the \
arguments of f. Write grad(f)(x); or grad(f(x), x) if x is a Value of a graph'
    """
    if hasattr(f, "parameters"):
        return (
            f"argnums is the place of an argument, got {_described(x)}: by the parameters of {type(f).__name__}, write "
            f"{name}(loss, model.parameters()) for a Value loss that was computed with the model"
        )
    return (
        f"argnums is the place of an argument, or a tuple of places, got {_described(x)}: {name}(f) is a function, "
        f"which takes the arguments of f. Write {name}(f)(x); or {name}(f(x), x) if x is a Value of a graph"
    )


def argnums_twice(name: str, given: Sequence[Any]) -> str:
    """Return the message about places of arguments that were passed by position and by name."""
    first, second = map(quoted, given)
    return f"{name}(f, argnums) got argnums twice, {first} and {second}: write {name}(f, argnums={second})"


def no_such_place(name: str, place: int, count: int, named: Collection[str]) -> str:
    """Return the message about an argument that a call lacks.

    >>> no_such_place("grad", 0, 0, ["x"])
    "the function was called without arguments by position, of which grad(f) differentiates by the first: pass it by \
position, grad(f)(x), not by the name 'x'"
    """
    by_position = "pass it by position" + (f", {name}(f)(x)" if place == 0 else "")
    if named:
        by_position += f", not by the name {' or '.join(map(quoted, named))}"
    if place == 0:
        return (
            f"the function was called without arguments by position, of which {name}(f) differentiates by the first: "
            f"{by_position}"
        )
    return (
        f"argnums={place} is the place of an argument, counted from 0, but the function was called with {count} by "
        f"position: {by_position if named else f'its derivative at the number {place} is written {name}(f)({place})'}"
    )


def no_tuple(name: str, x: Any) -> str:
    """Return the message about what was passed in place of the arguments of a function, or of their tangents."""
    return (
        f"{name}(f, primals, tangents) takes a tuple of the arguments of f, and a tuple of their tangents, got "
        f"{_described(x)}: write (x,) for one"
    )


def no_result(name: str, x: Any) -> str:
    """Return the message about what a function returned in place of a number.

    >>> no_result("grad", None), no_result("jvp", True)
    ('grad takes a function that returns a number, got NoneType None: did it forget its return?', \
'jvp takes a function that returns numbers, got bool True: a comparison has no derivative. Return a number')
    """
    returns = "a number" if name in ("grad", "value_and_grad", "hvp") else "numbers"
    why = ""
    if x is None:
        why = ": did it forget its return?"
    elif isinstance(x, bool):
        why = ": a comparison has no derivative. Return a number"
    elif hasattr(x, "send"):
        why = ": return the numbers in a list"
    return f"{name} takes a function that returns {returns}, got {_described(x)}{why}"


def no_single_result(name: str, shape: str) -> str:
    """Return the message about several numbers that a function returned in place of one."""
    return (
        f"{name} takes a function that returns one number, got {shape}: return their sum, or for the derivatives of "
        "all of them write jacobian(f)"
    )


def no_pair(x: Any) -> str:
    """Return the message about what a function returned in place of a number and something else."""
    return f"with has_aux=True the function returns a pair, its result and anything else, got {_described(x)}"


def no_three_arguments(name: str) -> str:
    """Return the message about a call that lacks arguments of forward mode, or has one of them twice."""
    return f"{name} takes three arguments: {name}(y, x, t) for a Value y, {name}(f, (x,), (t,)) for a function f"


def no_graph_form(name: str, options: bool) -> str:
    """Return the message about a call that is neither of Values nor of a function."""
    if options:
        names = "has_aux is" if name == "jvp" else "argnums and has_aux are"
        return f"{names} for a function: {name} of a Value takes the inputs themselves"
    return f"{name}() lacks inputs: write {name}(y, x) for a Value y, {name}(f) for a function f"


def _described(x: Any) -> str:
    if isinstance(x, type):
        return f"the class {quoted(x.__name__)}"
    if callable(x):
        name = quoted(getattr(x, "__name__", type(x).__name__)).strip("'").replace("<lambda>", "f")
        return f"a function, {name}, which is called first: pass {name}(x)"
    text = cut(quoted(x), 100, printable("…"))  # of all parameters of a model it would be pages
    return f"{type(x).__name__} {text}"


def refuse_named(function: str, kind: str, named: Iterable[str]) -> NoReturn:
    """Refuse arguments by names that a function does not take, with what to write for functions of this kind."""
    others = ", ".join(map(quoted, named))
    raise TypeError(f"{function}() got an unexpected keyword argument {others}{about_arguments(kind, named)}")


def refuse_call(function: Callable[..., Any], arguments: Sequence[Any], named: Iterable[str], example: str) -> NoReturn:
    """Refuse arguments that do not fit a function, with what to write for those that have other names elsewhere.

    Arguments:
        arguments: those by position.
        named: the names of the others.
        example: a call that fits.
    """
    name, taken = function.__name__, signature(function).parameters
    unknown = [other for other in named if other not in taken]
    positional = [other for other, one in taken.items() if one.kind is not Parameter.KEYWORD_ONLY]
    given = {*named, *positional[: len(arguments)]}
    lacking = [other for other, one in taken.items() if one.default is Parameter.empty and other not in given]
    if unknown:
        said = f"got an unexpected keyword argument {', '.join(map(quoted, unknown))}{about_arguments(name, unknown)}"
    elif len(arguments) > len(positional):
        said = f"takes {and_joined(positional)} by position, all others by name{about_arguments(name, ())}"
    elif lacking:
        said = f"lacks {and_joined(lacking)}"
    else:
        said = f"got {and_joined([other for other in positional[: len(arguments)] if other in named])} twice"
    raise TypeError(f"{name}() {said}. A call is written {example}")


def called_as(example: str) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Return a decorator for a function that says what to write in place of arguments that do not fit.

    Arguments:
        example: a call that fits.
    """

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        bind = signature(function).bind

        @wraps(function)
        def called(*arguments: _P.args, **named: _P.kwargs) -> _T:
            try:
                bind(*arguments, **named)
                fits = True
            except TypeError:
                fits = False
            if not fits:
                refuse_call(function, arguments, named, example)
            return function(*arguments, **named)

        return called

    return decorate


def advise(problem: TypeError, kind: type, named: Iterable[str]) -> None:
    """Add to the error of a class that was called with arguments that it lacks, or does not take, what to write."""
    said, kinds = f"{problem}", {"MLP": "network", "Layer": "layer", "Neuron": "layer"}
    if said.startswith(f"{kind.__qualname__}.__init__()") and "; " not in said:
        problem.args = (said + about_arguments(kinds.get(kind.__name__, kind.__name__), named),)


def refuse_class(model: type) -> NoReturn:
    """Refuse a class that was passed in place of a model: the parentheses were forgotten."""
    name = model.__name__
    made = {"MLP": "nn.MLP(2, [8, 1])", "Layer": "nn.Layer(2, 1)", "Neuron": "nn.Neuron(2)"}.get(name, f"{name}(...)")
    raise TypeError(f"{quoted(name).strip(chr(39))} is a class, not a model: write model = {made}, and pass the model")


def of_a_model(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate a method of a model so that a call of the class's says what to write: `nn.MLP.predict(xs)`."""

    @wraps(method)
    def called(*arguments: _P.args, **named: _P.kwargs) -> _T:
        if not (arguments and isinstance(type(arguments[0]), AbstractHintsUnlisted)):
            other = ". For a model as it was saved, write model = nn.load(path)" if method.__name__ == "load" else ""
            raise TypeError(
                f"{method.__name__} is a method of a model, not of its class: make one, such as model = "
                f"nn.MLP(2, [8, 1]), and write model.{method.__name__}(...){other}"
            )
        return method(*arguments, **named)

    return called


def no_such_name(name: str) -> NoReturn:
    """Be the `__getattr__` of the package: say what a function of NumPy or PyTorch is called here."""
    if name in FUNCTIONS:
        advice = f"it is autograd.{FUNCTIONS[name]} here"
    elif name in RECIPES:
        advice = _recipe(name)
    else:
        advice = PACKAGE.get(name) or _elsewhere(name) or NETWORKS.get(name) or OPTIMIZERS.get(name) or ""
    _refuse_name("autograd", name, advice, sys._getframe(1))


def no_such_network(name: str) -> NoReturn:
    """Be the `__getattr__` of `nn`."""
    _refuse_name("autograd.nn", name, NETWORKS.get(name) or _elsewhere(name), sys._getframe(1))


def no_such_optimizer(name: str) -> NoReturn:
    """Be the `__getattr__` of `optim`."""
    _refuse_name("autograd.optim", name, OPTIMIZERS.get(name) or _elsewhere(name), sys._getframe(1))


def _elsewhere(name: str) -> str:
    """Say in which module of the package a name is; an empty text if in none."""
    for module in ("autograd", "autograd.nn", "autograd.optim"):
        if module in sys.modules and name in dir(sys.modules[module]):
            return f"it is {module}.{name}"
    return ""


def _refuse_name(module: str, name: str, advice: str, frame: FrameType) -> NoReturn:
    """Refuse a name of a module, with what to write in place of it.

    Python replaces an AttributeError by its own error where the name is imported. An ImportError it leaves as it is.

    Arguments:
        frame: that of the code that looks for the name.
    """
    if advice and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:
        raise ImportError(f"cannot import name {quoted(name)} from {quoted(module)}: {advice}", name=module)
    raise AttributeError(f"module {quoted(module)} has no attribute {quoted(name)}{advice and ': '}{advice}")


_PARTS = f"a Value has its operands and its derivative from the operation that made it: {ADD_A_ROW}"
_NUMBER_AND_LABEL = f"a Value takes a number and a label (a string), not operands: {ADD_A_ROW}"
_LEAF_ARGUMENTS = {
    "name": "write label",
    "grad": "its gradient is v.grad, 0.0 at first",
    **dict.fromkeys(("requires_grad", "trainable"), _EVERY_LEAF),
    **dict.fromkeys(("dtype", "device"), "its number is a Python float of 64 bits"),
}
_OPERANDS = {
    *("_children", "children", "_prev", "prev", "_parents", "parents", "_op", "op", "_local_grads", "_backward"),
    *("backward", "grad_fn", "args", "inputs", "operands", "operation", *BY_HAND),
}


def refuse_a_part(v: Any, _: Any) -> NoReturn:
    """Say where the operands and the derivative of a Value come from, to code that assigns them."""
    raise AttributeError(_PARTS)


def refuse_arguments(named: Iterable[str] = ()) -> NoReturn:
    """Say what `Value(...)` takes, to code that passes operands, or arguments by names that other engines have."""
    for name in named:
        if name not in _OPERANDS:
            instead = f"; {_LEAF_ARGUMENTS[name]}" if name in _LEAF_ARGUMENTS else ""
            raise TypeError(
                f"Value() takes a number and a label: got an unexpected keyword argument {quoted(name)}{instead}"
            )
    raise TypeError(_NUMBER_AND_LABEL)


class _Missing:
    """A name that is no attribute of a Value, with what to say about it."""

    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message
        self.__doc__ = f"Not an attribute: {message}."

    def refuse(self, v: Any, _: Any = None) -> NoReturn:
        raise AttributeError(self.message, name=self.name, obj=v)

    __get__ = __set__ = __delete__ = refuse


class HintsUnlisted(type):
    """The class of classes with hints: `dir` leaves these out of what the class has, too.

    Completion in Python's REPL and in IPython offers what `dir` lists of an object, and of its class.
    """

    _unlisted: frozenset[str] = frozenset()
    """Other names of what has a name."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if name not in cls._unlisted and not _is_hint(cls, name)]


class AbstractHintsUnlisted(HintsUnlisted, _ProtocolClass):
    """The same where a user's class may be an abstract class, too, or follow a `typing.Protocol`."""

    __instancecheck__, __subclasscheck__ = ABCMeta.__instancecheck__, ABCMeta.__subclasscheck__  # in C, faster


def _is_hint(kind: type, name: str) -> bool:
    return isinstance(getattr_static(kind, name, None), _Missing | _Elsewhere)


class WithHints(metaclass=HintsUnlisted):
    """An object that says what to write in place of attributes that it does not have.

    >>> class Parameter(WithHints):
    ...     __slots__ = ("data",)
    >>> Parameter().velocity = 0.0
    Traceback (most recent call last):
        ...
    AttributeError: a Value has no room for 'velocity': keep it in a dict by the Value, \
velocity = dict.fromkeys(parameters, 0.0) and velocity[p], or use autograd.optim
    >>> Parameter().item()
    Traceback (most recent call last):
        ...
    AttributeError: a Value has no 'item': its number is v.data
    """

    __slots__ = ()

    def __dir__(self) -> list[str]:
        unlisted = type(self)._unlisted
        return [n for n in super().__dir__() if n not in unlisted and (n not in _MESSAGES or hasattr(self, n))]

    def __index__(self) -> NoReturn:
        raise TypeError(
            "a Value is no index, because the graph would keep the element that is chosen now: for a class t, write "
            f"{in_place_of_an_index()}; where an integer is meant, as in range, int(t.data)"
        )


_MESSAGES = {
    **{name: f"a Value has no {name!r}: {instead}" for name, instead in ATTRIBUTES.items()},
    **{
        name: f"a Value has no room for {name!r}: keep it in a dict by the Value, "
        f"{name} = dict.fromkeys(parameters, 0.0) and {name}[p], or use autograd.optim"
        for name in STATE
    },
    **{
        name: f"a Value has no room for {name!r}: keep it in a dict by the Value, {name} = {{}} and {name}[v]"
        for name in NOTES
    },
    **{name: f"no {name!r}: {_PARTS}" for name in BY_HAND},
}
for _name, _message in _MESSAGES.items():
    setattr(WithHints, _name, _Missing(_name, _message))


class _Elsewhere:
    """A name that things of a class have elsewhere, with what to write here; an attribute of a user's may have it.

    A `__getattr__` would do for all names at once, but slow down the attributes that there are, too.
    """

    def __init__(self, name: str, instead: str) -> None:
        self.name, self.instead = name, instead
        self.__doc__ = f"Not an attribute: {instead}."

    def __get__(self, thing: Any, kind: type) -> NoReturn:
        raise AttributeError(f"{quoted(kind.__name__)} has no {self.name!r}: {self.instead}", name=self.name, obj=thing)


class _Flag(_Elsewhere):
    """Such a name that is assigned, elsewhere, to switch something: here that would do nothing, in silence."""

    def __set__(self, thing: Any, value: Any) -> NoReturn:
        self.__get__(thing, type(thing))


class ModelHints(metaclass=AbstractHintsUnlisted):
    """A model that says what to write in place of attributes that models have elsewhere."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in MODEL or hasattr(self, name)]


class OptimizerHints(metaclass=AbstractHintsUnlisted):
    """An optimizer that says what to write in place of attributes that optimizers have elsewhere."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in OPTIMIZER or hasattr(self, name)]


class HistoryHints(metaclass=HintsUnlisted):
    """A record of a training run that says what to write in place of attributes and entries that it has elsewhere."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in HISTORY]

    def __getitem__(self, key: Any) -> NoReturn:
        entry = "write history.accuracy" if key == "accuracy" else "write history.losses"
        raise TypeError(f"a History is no dictionary or list: {HISTORY.get(key, entry) if key.__hash__ else entry}")

    __iter__ = None  # it has no entries


class ScalerHints(ModelHints):
    """A scaler that says what to write in place of attributes that scalers have elsewhere."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in STANDARDIZE]


class ConstantHints(ModelHints):
    """A constant of a model that says where its numbers are, to code that takes it for one of them, or for a list."""

    __slots__ = ()

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(f"the numbers of an nn.{type(self).__name__} are its value: write self.mean.value, or the like")

    __float__ = __getitem__ = __neg__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse


for _kind, _known in (
    (ModelHints, MODEL),
    (OptimizerHints, OPTIMIZER),
    (ScalerHints, STANDARDIZE),
    (HistoryHints, HISTORY),
):
    for _name, _instead in _known.items():
        setattr(_kind, _name, (_Flag if _name in _FLAGS else _Elsewhere)(_name, _instead))
