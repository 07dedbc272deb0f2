"""Which exporter is used and how it is called, where this PyTorch has one only; and which value belongs to which module."""

import inspect
import tempfile
import unittest
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from diffeonn_tools.model_reference import Refused, command, exporting, inputs, mapping
from tests import user_models

EXPORT = torch.onnx.export
NEWER = "dynamo" in inspect.signature(EXPORT).parameters
DIM = ("a dimension", "N")


class NewerPyTorch:
    """``torch.onnx.export`` as newer versions have it; writes by the exporter at hand and keeps what it was called with."""

    def __init__(self, default=True, scripts=True, fails=()):
        self.default, self.scripts, self.fails = default, scripts, fails
        self.calls = []

    def __enter__(self):
        def export(model, args=(), f=None, *, input_names=None, output_names=None, opset_version=None, dynamic_axes=None, verbose=None,
                   dynamo=self.default,
                   external_data=True, dynamic_shapes=None, fallback=False):
            given = {name: value for name, value in locals().items() if name not in ("self", "model", "args", "f") and value is not None}
            self.calls.append(given)
            if ("dynamo" if dynamo else "torchscript") in self.fails or (dynamic_shapes and "shapes" in self.fails):
                raise RuntimeError("\n  no decomposition of aten::new\nlog")
            axes = dynamic_axes or {name: {0: "N"} for name, shape in zip(input_names, dynamic_shapes or ()) if shape}
            EXPORT(model, args, f, input_names=input_names, output_names=output_names, opset_version=16, dynamic_axes=axes,
                   **({"dynamo": False} if NEWER else {}))

        self._stack = ExitStack()
        # The real signature's default is the version's.
        self._stack.enter_context(mock.patch.object(torch.onnx, "export", export))
        self._stack.enter_context(mock.patch.object(torch, "export", SimpleNamespace(Dim=lambda name: ("a dimension", name)), create=True))
        find = exporting.importlib.util.find_spec
        self._stack.enter_context(mock.patch.object(exporting.importlib.util, "find_spec",
                                                    lambda name, *rest: (object() if self.scripts else None) if name == "onnxscript"
                                                    else find(name, *rest)))
        return self

    def __exit__(self, *error):
        self._stack.close()


class ExporterTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        torch.manual_seed(2)

    def write(self, exporter, opset=None, intermediates=False, kind="Two", specs=("minuend=2,3", "subtrahend=1,3")):
        return command.write(getattr(user_models, kind)().eval(), [inputs.parse(spec) for spec in specs], self.folder,
                             exporter=exporter, opset=opset,
                             intermediates=intermediates)

    def test_an_older_pytorch_has_torchscript_alone(self):
        if NEWER:
            self.skipTest("this PyTorch has the dynamo exporter")
        self.assertEqual(exporting.choose("auto"), ["torchscript"])
        with self.assertRaisesRegex(Refused, r"^PyTorch \S+ has no dynamo exporter: it takes PyTorch 2.5 or later with onnxscript. "
                                    r"--exporter torchscript works here.$"):
            exporting.choose("dynamo")

    def test_auto_begins_with_the_default_of_the_version_and_needs_onnxscript(self):
        for default, scripts, expected in ((True, True, ["dynamo", "torchscript"]), (False, True, ["torchscript", "dynamo"]),
                                           (True, False, ["torchscript"])):
            with self.subTest(default=default, scripts=scripts), NewerPyTorch(default, scripts):
                self.assertEqual(exporting.choose("auto"), expected)
        with NewerPyTorch(scripts=False), self.assertRaisesRegex(Refused, "the dynamo exporter needs the Python package onnxscript"):
            exporting.choose("dynamo")

    def test_dynamo_is_told_of_the_batch_by_shapes_and_keeps_its_own_operator_set(self):
        with NewerPyTorch() as newer:
            manifest = self.write("dynamo")
        call, = newer.calls
        self.assertEqual(call, {"dynamo": True, "verbose": False, "external_data": False, "fallback": False,
                                "input_names": ["minuend", "subtrahend"], "output_names": ["output"],
                                "dynamic_shapes": ({0: DIM}, None)})
        self.assertEqual((manifest["exporter"], manifest["notes"]), ("dynamo", []))
        with NewerPyTorch() as newer:
            self.write("dynamo", opset=20)
        self.assertEqual(newer.calls[0]["opset_version"], 20)

    def test_torchscript_is_asked_for_in_a_version_whose_default_is_the_other(self):
        with NewerPyTorch() as newer:
            manifest = self.write("torchscript", opset=15)
        call, = newer.calls
        self.assertEqual((call["dynamo"], call["opset_version"], call["dynamic_axes"]),
                         (False, 15, {"minuend": {0: "N"}, "output": {0: "N"}}))
        self.assertNotIn("dynamic_shapes", call)
        self.assertEqual(manifest["exporter"], "torchscript")

    def test_auto_takes_the_other_exporter_where_the_first_fails_and_tells(self):
        with NewerPyTorch(fails=["dynamo"]):
            manifest = self.write("auto")
        self.assertEqual(manifest["exporter"], "torchscript")
        self.assertEqual(manifest["notes"],
                         ["the dynamo exporter with a free batch failed (RuntimeError: no decomposition of "
                          "aten::new), so torchscript was used",
                          "the dynamo exporter failed (RuntimeError: no decomposition of aten::new), so torchscript was used"])
        with NewerPyTorch(fails=["dynamo", "torchscript"]), self.assertRaisesRegex(
                Refused, "^the dynamo exporter with a free batch failed: .*; the dynamo exporter failed: RuntimeError: no decomposition of "
                "aten::new; the torchscript exporter failed: .*$"):
            self.write("auto")
        with NewerPyTorch(fails=["dynamo"]), self.assertRaisesRegex(Refused, "^the dynamo exporter with a free batch failed: "):
            self.write("dynamo")

    def test_dynamo_fixes_the_batch_where_it_takes_no_free_one_and_tells(self):
        with NewerPyTorch(fails=["shapes"]):
            manifest = self.write("dynamo", intermediates=True, kind="Plain", specs=["x=1,2,4,4"])
        self.assertEqual(manifest["notes"],
                         ["the dynamo exporter with a free batch failed (RuntimeError: no decomposition of aten::new), so dynamo, "
                          "the batch fixed, was used"])
        value = onnx.load(str(self.folder / "model.onnx")).graph.input[0]
        self.assertEqual([size.dim_value for size in value.type.tensor_type.shape.dim], [1, 2, 4, 4])
        self.assertEqual(sum(entry["value"] is None for entry in manifest["modules"]), 2)

    def test_modules_are_found_in_what_dynamo_writes(self):
        with NewerPyTorch() as newer:
            manifest = self.write("dynamo", intermediates=True, kind="Plain", specs=["x=1,2,4,4"])
        self.assertTrue(all(call["dynamo"] for call in newer.calls) and len(newer.calls) > 1)
        self.assertEqual([entry["path"] for entry in manifest["modules"] if entry["value"] is None], ["block.0", "block.0#2"])

    def test_without_exposed_values_the_intermediates_stay_and_that_is_told(self):
        real = exporting._export

        def refuses(network, request, path, exporter, recorder):
            if recorder is not None:
                raise RuntimeError("no side effects")
            return real(network, request, path, exporter, recorder)

        with mock.patch.object(exporting, "_export", refuses):
            manifest = self.write("torchscript", intermediates=True, kind="Plain", specs=["x=1,2,4,4"])
        self.assertEqual([entry["value"] for entry in manifest["modules"]], [None] * 9)
        self.assertEqual(manifest["notes"],
                         ["which values of the model the intermediates belong to is unknown: the torchscript exporter failed: "
                          "RuntimeError: no side effects"])


class MappingTests(unittest.TestCase):
    @staticmethod
    def _model(names, weight, operator="Relu"):
        """y = operator(x * w + w), by the given names for the two values between."""
        nodes = [helper.make_node("Identity", ["x"], ["same"]), helper.make_node("Mul", ["same", "w"], [names[0]]),
                 helper.make_node("Add", [names[0], "w"], [names[1]]),
                 helper.make_node(operator, [names[1]], ["y"])]
        value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in ("x", "y")]
        return helper.make_model(
            helper.make_graph(nodes, "g", value[:1], value[1:], [numpy_helper.from_array(np.float32([weight, 2]), "w")]))

    def test_values_are_the_same_by_what_computes_them_not_by_name(self):
        def keys(model):
            return {name: key for name, key, _ in mapping._values(model)}

        first, renamed = keys(self._model(["a", "b"], 1)), keys(self._model(["b", "a"], 1))
        self.assertEqual((first["a"], first["b"], first["y"]), (renamed["b"], renamed["a"], renamed["y"]))
        self.assertEqual(first["same"], first["x"])
        other = keys(self._model(["a", "b"], 1.01))
        self.assertFalse({first[name] for name in "aby"} & {other[name] for name in "aby"})
        operator = keys(self._model(["a", "b"], 1, "Sigmoid"))
        self.assertEqual([first[name] == operator[name] for name in "aby"], [True, True, False])

    def test_scopes_tell_what_leaves_a_module_and_a_merged_normalisation_has_the_convolutions_value(self):
        def node(scope, given, made):
            entry = SimpleNamespace(key=mapping.SCOPES, value=repr(scope))
            return SimpleNamespace(input=given, output=made, metadata_props=[entry])

        graph = SimpleNamespace(output=[SimpleNamespace(name="y")], node=[
            node(["", "body", "body.conv", "conv2d"], ["x", "w"], ["c"]), node(["", "gelu", "div"], ["c"], ["d"]),
            node(["", "gelu", "erf"], ["d"], ["e"]),
            node(["", "twice", "a"], ["e"], ["f"]), node(["", "twice", "b"], ["f"], ["g"]), node(["", "add"], ["g", "e"], ["h"]),
            node(["", "last", "z"], ["h"], ["y"])])
        keys = ["body.conv", "body.norm", "gelu", "twice", "twice#2", "last"]
        types = dict(zip(keys, ["Conv2d", "BatchNorm2d", "GELU", "Linear", "Linear", "Linear"]))
        self.assertEqual(mapping.by_scope(graph, keys, types),
                         {"body.conv": None, "body.norm": "c", "gelu": "e", "twice": None, "twice#2": None, "last": "y"})


if __name__ == "__main__":
    unittest.main()
