"""Writes the small ONNX models of the execution tests into this script's folder: python3 make_fixtures.py"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
FLOAT = TensorProto.FLOAT


def tensor(name, shape, element=FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype=dtype), name)


def save(name, nodes, inputs, outputs, constants=(), check=True):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], producer_name="fixtures")
    model.ir_version = 8
    if check:
        onnx.checker.check_model(model)
    onnx.save(model, FOLDER / f"{name}.onnx")


# scaled = 2 image + 1, and its mean per image.
save("scale",
     [helper.make_node("Mul", ["image", "two"], ["doubled"]),
      helper.make_node("Add", ["doubled", "one"], ["scaled"]),
      helper.make_node("ReduceMean", ["scaled"], ["mean"], axes=[1, 2, 3], keepdims=0)],
     [tensor("image", ["N", 1, 4, 4])],
     [tensor("scaled", ["N", 1, 4, 4]), tensor("mean", ["N"])],
     [constant("two", 2), constant("one", 1)])

# Two inputs that share the batch size, and a scalar.
save("pair",
     [helper.make_node("Mul", ["b", "weight"], ["weighted"]), helper.make_node("Add", ["a", "weighted"], ["sum"])],
     [tensor("a", ["N", 2]), tensor("b", ["N", 2]), tensor("weight", [])],
     [tensor("sum", ["N", 2])])

# Each element type through an identity.
TYPES = {"float": FLOAT, "double": TensorProto.DOUBLE, "half": TensorProto.FLOAT16, "long": TensorProto.INT64,
         "int": TensorProto.INT32, "bool": TensorProto.BOOL, "byte": TensorProto.UINT8}
save("types",
     [helper.make_node("Identity", [name], [f"{name}_out"]) for name in TYPES],
     [tensor(name, ["N"], element) for name, element in TYPES.items()],
     [tensor(f"{name}_out", ["N"], element) for name, element in TYPES.items()])

# An output whose shape depends on the values, beside one whose shape does not.
save("nonzero",
     [helper.make_node("NonZero", ["x"], ["places"]), helper.make_node("Neg", ["x"], ["negative"])],
     [tensor("x", ["N"])],
     [tensor("places", [1, "count"], TensorProto.INT64), tensor("negative", ["N"])])

# Runs as long as it is told to: for cancellation.
body = helper.make_graph(
    [helper.make_node("Identity", ["again"], ["still"]), helper.make_node("Cos", ["value"], ["next"])],
    "body",
    [tensor("round", [], TensorProto.INT64), tensor("again", [], TensorProto.BOOL), tensor("value", ["N"])],
    [tensor("still", [], TensorProto.BOOL), tensor("next", ["N"])])
save("loop",
     [helper.make_node("Loop", ["rounds", "true", "x"], ["y"], body=body)],
     [tensor("x", ["N"]), tensor("rounds", [], TensorProto.INT64)],
     [tensor("y", ["N"])],
     [constant("true", True, np.bool_)])

# A little network with sums long enough that their order would show.
random = np.random.default_rng(1)
save("network",
     [helper.make_node("Conv", ["image", "w1"], ["h1"], pads=[2, 2, 2, 2]),
      helper.make_node("Relu", ["h1"], ["h2"]),
      helper.make_node("Conv", ["h2", "w2"], ["h3"], pads=[2, 2, 2, 2]),
      helper.make_node("Tanh", ["h3"], ["h4"]),
      helper.make_node("ReduceSum", ["h4", "axes"], ["score"], keepdims=0)],
     [tensor("image", ["N", 1, "H", "W"])],
     [tensor("h4", ["N", 1, "H", "W"]), tensor("score", ["N"])],
     [constant("w1", random.normal(0, 0.3, (8, 1, 5, 5))), constant("w2", random.normal(0, 0.1, (1, 8, 5, 5))),
      constant("axes", [1, 2, 3], np.int64)])

# What the library refuses or passes on.
save("text", [helper.make_node("Identity", ["words"], ["same"])],
     [tensor("words", ["N"], TensorProto.STRING)], [tensor("same", ["N"], TensorProto.STRING)])
save("unknown", [helper.make_node("NoSuchOperator", ["x"], ["y"])], [tensor("x", ["N"])], [tensor("y", ["N"])], check=False)
save("reshape", [helper.make_node("Reshape", ["x", "shape"], ["y"])],
     [tensor("x", ["N"]), tensor("shape", [2], TensorProto.INT64)], [tensor("y", ["A", "B"])])

# Weights in a file of their own.
graph = helper.make_graph([helper.make_node("Add", ["x", "offset"], ["y"])], "external", [tensor("x", [256])], [tensor("y", [256])],
                          [constant("offset", np.arange(256))])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], producer_name="fixtures")
model.ir_version = 8
(FOLDER / "external.data").unlink(missing_ok=True)
onnx.save(model, FOLDER / "external.onnx", save_as_external_data=True, all_tensors_to_one_file=True, location="external.data",
          size_threshold=0)
