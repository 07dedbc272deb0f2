"""ONNX models as PyTorch modules: what times a bundle's networks in PyTorch starts from the same files as the library.

``load`` gives a ``torch.fx.GraphModule``, so that nothing but PyTorch's own calls is left to run, eagerly or compiled. Weights are
buffers: gradients are by the inputs alone, as the search wants them.
"""

from typing import Callable, Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import fx
from torch.nn import functional as F


class Unsupported(ValueError):
    """An operator, or a form of one, that has no counterpart here."""


class Node:
    """One ONNX node while it is converted: its attributes, and its inputs as values of the new graph or as constants."""

    def __init__(self, proto, converter):
        self.proto, self._converter = proto, converter
        self._attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        auto_pad = self.get("auto_pad", b"NOTSET")
        if auto_pad not in (b"NOTSET", b"VALID"):
            raise self.unsupported(f"auto_pad is {auto_pad.decode()}")

    def get(self, name, default=None):
        return self._attributes.get(name, default)

    def __len__(self):
        return len(self.proto.input)

    def has(self, index):
        return index < len(self) and bool(self.proto.input[index])

    def value(self, index):
        """The input in the new graph, or None where it is left out."""
        return self._converter.value(self.proto.input[index]) if self.has(index) else None

    def constant(self, index, default=None):
        """The input's value as an array; it must be known before the model runs."""
        if not self.has(index):
            return default
        name = self.proto.input[index]
        if name not in self._converter.constants:
            raise self.unsupported(f"its input '{name}' is computed; expected a constant")
        return self._converter.constants[name]

    def rank(self, index):
        """How many axes a weight has."""
        return self.constant(index).ndim

    def call(self, function, *arguments, **options):
        return self._converter.graph.call_function(function, arguments, options)

    def unsupported(self, why):
        return Unsupported(f"{self.proto.op_type} (node '{self.proto.name}'): {why}.")


def _sides(node, pads):
    """PyTorch's padding, one number an axis, of ONNX's begins and ends; and what must be padded before, if they differ."""
    half = len(pads) // 2
    begins, ends = pads[:half], pads[half:]
    if begins == ends:
        return tuple(begins), None
    return (0,) * half, [side for pair in zip(reversed(begins), reversed(ends)) for side in pair]


def _conv(node):
    axes = node.rank(1) - 2
    padding, before = _sides(node, list(node.get("pads", [0] * 2 * axes)))
    x = node.value(0) if before is None else node.call(F.pad, node.value(0), before)
    return node.call(
        _by_axes(node, axes, F.conv1d, F.conv2d, F.conv3d),
        x,
        node.value(1),
        node.value(2),
        tuple(node.get("strides", [1] * axes)),
        padding,
        tuple(node.get("dilations", [1] * axes)),
        node.get("group", 1),
    )


def _conv_transpose(node):
    axes = node.rank(1) - 2
    padding, before = _sides(node, list(node.get("pads", [0] * 2 * axes)))
    if before is not None or node.get("output_shape"):
        raise node.unsupported("pads differ at both ends, or output_shape is given")
    return node.call(
        _by_axes(node, axes, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
        node.value(0),
        node.value(1),
        node.value(2),
        tuple(node.get("strides", [1] * axes)),
        padding,
        tuple(node.get("output_padding", [0] * axes)),
        node.get("group", 1),
        tuple(node.get("dilations", [1] * axes)),
    )


def _by_axes(node, axes, *functions):
    if not 1 <= axes <= len(functions):
        raise node.unsupported(f"it has {axes} spatial axes")
    return functions[axes - 1]


def _pool(node, functions, **options):
    axes = len(node.get("kernel_shape"))
    padding, before = _sides(node, list(node.get("pads", [0] * 2 * axes)))
    if before is not None:
        raise node.unsupported("pads differ at both ends")
    return node.call(
        _by_axes(node, axes, *functions),
        node.value(0),
        tuple(node.get("kernel_shape")),
        tuple(node.get("strides", [1] * axes)),
        padding,
        ceil_mode=bool(node.get("ceil_mode", 0)),
        **options,
    )


def _max_pool(node):
    if len(node.proto.output) > 1:
        raise node.unsupported("it returns indices")
    return _pool(
        node, (F.max_pool1d, F.max_pool2d, F.max_pool3d), dilation=tuple(node.get("dilations", [1] * len(node.get("kernel_shape"))))
    )


def _average_pool(node):
    return _pool(node, (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d), count_include_pad=bool(node.get("count_include_pad", 0)))


def _global_average_pool(node):
    return node.call(_mean_behind_channels, node.value(0))


def _mean_behind_channels(x):
    return x.mean(tuple(range(2, x.dim())), keepdim=True)


def _batch_normalization(node):
    if node.get("training_mode", 0):
        raise node.unsupported("it is in training mode")
    return node.call(
        F.batch_norm, node.value(0), node.value(3), node.value(4), node.value(1), node.value(2), False, 0.0, node.get("epsilon", 1e-5)
    )


def _instance_normalization(node):
    return node.call(F.instance_norm, node.value(0), weight=node.value(1), bias=node.value(2), eps=node.get("epsilon", 1e-5))


def _gemm(node):
    a, b = node.value(0), node.value(1)
    if node.get("transA", 0):
        a = node.call(torch.t, a)
    if node.get("alpha", 1.0) != 1.0 or node.get("beta", 1.0) != 1.0:
        raise node.unsupported("alpha or beta is not 1")
    if node.get("transB", 0) and (not node.has(2) or node.rank(2) == 1):
        return node.call(F.linear, a, b, node.value(2))
    product = node.call(torch.matmul, a, node.call(torch.t, b) if node.get("transB", 0) else b)
    return node.call(torch.add, product, node.value(2)) if node.has(2) else product


def _reshape(node):
    if node.get("allowzero", 0):
        raise node.unsupported("allowzero is set")
    return node.call(_reshaped, node.value(0), tuple(int(size) for size in node.constant(1)))


def _reshaped(x, sizes):
    """ONNX's reshape: 0 keeps the size of that axis."""
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)])


def _flatten(node):
    axis = node.get("axis", 1)
    if axis != 1:
        raise node.unsupported(f"its axis is {axis}")
    return node.call(torch.flatten, node.value(0), 1)


def _concat(node):
    return node.call(torch.cat, [node.value(i) for i in range(len(node))], node.get("axis"))


def _transpose(node):
    return node.call(torch.permute, node.value(0), tuple(node.get("perm")))


def _pad(node):
    mode = node.get("mode", b"constant")
    pads = node.constant(1, node.get("pads"))
    if node.has(3):
        raise node.unsupported("axes are given")
    half = len(pads) // 2
    sides = [int(side) for pair in zip(reversed(pads[:half]), reversed(pads[half:])) for side in pair]
    while len(sides) > 2 and sides[-2:] == [0, 0]:
        sides = sides[:-2]
    if mode == b"constant":
        fill = node.constant(2, np.asarray(node.get("value", 0.0)))
        return node.call(F.pad, node.value(0), sides, "constant", float(np.asarray(fill).reshape(-1)[0]))
    if mode not in (b"reflect", b"edge"):
        raise node.unsupported(f"its mode is {mode.decode()}")
    return node.call(F.pad, node.value(0), sides, "reflect" if mode == b"reflect" else "replicate")


def _resize(node):
    mode, where = node.get("mode", b"nearest"), node.get("coordinate_transformation_mode", b"half_pixel")
    options = {"mode": "bilinear" if mode == b"linear" else "nearest"}
    if mode == b"linear" and where in (b"half_pixel", b"pytorch_half_pixel", b"align_corners"):
        options["align_corners"] = where == b"align_corners"
    elif mode != b"nearest" or where != b"asymmetric" or node.get("nearest_mode", b"round_prefer_floor") != b"floor":
        raise node.unsupported(f"its mode is {mode.decode()} with {where.decode()}")
    if node.has(3):
        return node.call(F.interpolate, node.value(0), size=tuple(int(size) for size in node.constant(3)[2:]), **options)
    return node.call(F.interpolate, node.value(0), scale_factor=tuple(float(scale) for scale in node.constant(2)[2:]), **options)


def _reduce(function):
    def convert(node):
        axes = node.constant(1, node.get("axes"))
        if axes is None:
            raise node.unsupported("it reduces all axes")
        return node.call(function, node.value(0), tuple(int(axis) for axis in axes), keepdim=bool(node.get("keepdims", 1)))

    return convert


def _with_axes(one):
    def convert(node):
        x = node.value(0)
        axes = [int(axis) for axis in node.constant(1, node.get("axes"))]
        for axis in sorted(axes, reverse=one is torch.squeeze):
            x = node.call(one, x, axis)
        return x

    return convert


def _clip(node):
    low, high = node.constant(1, node.get("min")), node.constant(2, node.get("max"))
    return node.call(torch.clamp, node.value(0), None if low is None else float(low), None if high is None else float(high))


def _plain(function, **names):
    """An operator that is one call; ``names`` maps PyTorch's options to attributes and their defaults."""

    def convert(node):
        options = {option: node.get(attribute, default) for option, (attribute, default) in names.items()}
        return node.call(function, *(node.value(i) for i in range(len(node))), **options)

    return convert


RULES: Mapping[str, Callable] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "Div": _plain(torch.div),
    "Exp": _plain(torch.exp),
    "Identity": _plain(torch.clone),
    "Log": _plain(torch.log),
    "MatMul": _plain(torch.matmul),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "Pow": _plain(torch.pow),
    "Relu": _plain(F.relu),
    "Sigmoid": _plain(torch.sigmoid),
    "Softplus": _plain(F.softplus),
    "Sqrt": _plain(torch.sqrt),
    "Sub": _plain(torch.sub),
    "Tanh": _plain(torch.tanh),
    "Elu": _plain(F.elu, alpha=("alpha", 1.0)),
    "HardSwish": _plain(F.hardswish),
    "LeakyRelu": _plain(F.leaky_relu, negative_slope=("alpha", 0.01)),
    "Softmax": _plain(torch.softmax, dim=("axis", -1)),
    "LogSoftmax": _plain(torch.log_softmax, dim=("axis", -1)),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "InstanceNormalization": _instance_normalization,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Reshape": _reshape,
    "Resize": _resize,
    "Squeeze": _with_axes(torch.squeeze),
    "Transpose": _transpose,
    "Unsqueeze": _with_axes(torch.unsqueeze),
}


class _Converter:
    def __init__(self, model):
        self.graph = fx.Graph()
        self.constants = {tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}
        self.root = torch.nn.Module()
        self._values, self._model = {}, model

    def value(self, name):
        if name not in self._values:
            if name not in self.constants:
                raise Unsupported(f"the model has no value '{name}'.")
            buffer = f"constant_{len(self._values)}"
            self.root.register_buffer(buffer, torch.from_numpy(self.constants[name].copy()))
            self._values[name] = self.graph.get_attr(buffer)
        return self._values[name]

    def run(self):
        model = self._model
        missing = sorted({node.op_type for node in model.graph.node} - set(RULES) - {"Constant"})
        if missing:
            raise Unsupported(f"no counterpart of {', '.join(missing)}.")
        for i, entry in enumerate(entry for entry in model.graph.input if entry.name not in self.constants):
            self._values[entry.name] = self.graph.placeholder(f"input_{i}")
        for proto in model.graph.node:
            if proto.op_type == "Constant":
                value = onnx.helper.get_attribute_value(proto.attribute[0])
                self.constants[proto.output[0]] = np.array(numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value)
            else:
                self._values[proto.output[0]] = RULES[proto.op_type](Node(proto, self))
        self.graph.output(tuple(self.value(entry.name) for entry in model.graph.output))
        self.graph.lint()
        return fx.GraphModule(self.root, self.graph).eval()


def load(path):
    """The model of a file as a module that takes its inputs in order and returns a tuple of its outputs.

    Raises ``Unsupported`` with all operators that have no counterpart at once.
    """
    return _Converter(onnx.load(str(path))).run()
