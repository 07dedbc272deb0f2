"""References for users' own models: what is written agrees with the model, whatever it takes and returns."""

import hashlib
import io
import json
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from diffeonn_tools import __main__ as commands
from diffeonn_tools.model_reference import Refused, command, inputs
from tests import user_models


class References:
    """A folder that was written, read back."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = json.loads((self.folder / "reference.json").read_text())
        self.graph = onnx.load(str(self.folder / "model.onnx")).graph
        self.modules = {entry["path"]: entry for entry in self.manifest["modules"]}

    def tensor(self, name, number=0):
        return onnx.load_tensor(str(self.folder / f"test_data_set_{number}" / f"{name}.pb"))

    def array(self, name, number=0):
        return torch.from_numpy(numpy_helper.to_array(self.tensor(name, number)).copy())

    def intermediate(self, path):
        return self.array(f"intermediates/{self.modules[path]['index']}")

    def names(self, number=0):
        return sorted(str(file.relative_to(self.folder / f"test_data_set_{number}"))
                      for file in (self.folder / f"test_data_set_{number}").rglob("*.pb"))

    def has_note(self, text):
        return any(text in note for note in self.manifest["notes"])


class ModelReferenceTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        torch.manual_seed(2)

    def write(self, module, *specs, **options):
        options.setdefault("exporter", "torchscript")
        command.write(module.eval(), [inputs.parse(spec) for spec in specs], self.folder / "written", **options)
        return References(self.folder / "written")

    def test_outputs_and_gradients_are_those_of_the_model_in_double_precision(self):
        module = user_models.Plain()
        found = self.write(module, "image=3,2,5,4:0..1")
        x = found.array("input_0")
        self.assertTrue(0 <= float(x.min()) < 0.2 and 0.8 < float(x.max()) <= 1)
        module = module.double()
        x = x.double().requires_grad_(True)
        y = module(x)
        self.assertEqual([found.tensor(name).name for name in ("input_0", "output_0", "output_grad", "image_grad")],
                         ["image", "output", "output_grad", "image_grad"])
        torch.testing.assert_close(found.array("output_0"), y.detach().float(), rtol=1e-6, atol=1e-7)
        gradient, = torch.autograd.grad(y, x, found.array("output_grad").double())
        torch.testing.assert_close(found.array("image_grad"), gradient.float(), rtol=1e-5, atol=1e-6)
        self.assertGreater(float(found.array("output_grad").std()), 0.5)
        self.assertEqual((found.manifest["dtype"], found.manifest["notes"]), ("float64", []))
        self.assertEqual(found.manifest["sha256"], hashlib.sha256((found.folder / "model.onnx").read_bytes()).hexdigest())
        self.assertTrue(all(p.dtype == torch.float32 for p in user_models.Plain().parameters()))

    def test_the_module_is_left_as_it_was(self):
        module = user_models.Plain().eval()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        self.write(module, "image=1,2,4,4")
        for name, value in module.state_dict().items():
            self.assertEqual(value.dtype, before[name].dtype)
            self.assertTrue(torch.equal(value, before[name]))
        self.assertNotIn("forward", vars(module))
        self.assertFalse(any(part._forward_hooks or part._forward_pre_hooks for part in module.modules()))

    def test_intermediates_are_every_calls_output_before_it_is_changed_in_place(self):
        module = user_models.Plain()
        found = self.write(module, "image=1,2,5,5")
        self.assertEqual(list(found.modules),
                         ["first", "block.0", "block.1", "block.2", "block.0#2", "block.1#2", "block.2#2", "drop", "head"])
        self.assertEqual([entry["index"] for entry in found.manifest["modules"]], list(range(9)))
        self.assertEqual(found.tensor("intermediates/4").name, "block.0#2")
        h = module.first(found.array("input_0"))
        normal = module.block[1](module.block[0](h))
        self.assertLess(float(normal.min()), 0)
        torch.testing.assert_close(found.intermediate("block.1"), normal.detach(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.intermediate("block.2"), normal.clamp(min=0).detach(), rtol=1e-4, atol=1e-5)
        again = module.block(h + normal.clamp(min=0))
        torch.testing.assert_close(found.intermediate("block.2#2"), again.detach(), rtol=1e-4, atol=1e-5)

    def test_values_of_the_graph_are_told_and_convolutions_merged_with_their_normalisation_have_none(self):
        found = self.write(user_models.Plain(), "image=1,2,5,5")
        producers = {name: node for node in found.graph.node for name in node.output}
        kinds = {path: producers[entry["value"]].op_type if entry["value"] else None for path, entry in found.modules.items()}
        self.assertEqual(kinds,
                         {"first": "Conv", "block.0": None, "block.1": "Conv", "block.2": "Relu", "block.0#2": None, "block.1#2": "Conv",
                          "block.2#2": "Relu", "drop": "Add", "head": "Conv"})
        first, second = (producers[found.modules[path]["value"]] for path in ("block.1", "block.1#2"))
        self.assertIn(found.modules["first"]["value"], first.input)
        self.assertNotEqual(first.output, second.output)
        self.assertEqual(found.modules["head"]["value"], "output")

    def test_batch_is_free_only_where_the_model_works_with_another(self):
        free = self.write(user_models.Plain(), "image=1,2,4,4").graph
        self.assertEqual([v.type.tensor_type.shape.dim[0].dim_param for v in (free.input[0], free.output[0])], ["N", "N"])
        fixed = self.write(user_models.Plain(), "image=1,2,4,4", dynamic_batch=False).graph
        self.assertEqual([v.type.tensor_type.shape.dim[0].dim_value for v in (fixed.input[0], fixed.output[0])], [1, 1])
        refused = self.write(user_models.FixedBatch(), "image=2,6")
        self.assertEqual(refused.graph.input[0].type.tensor_type.shape.dim[0].dim_value, 2)
        self.assertTrue(
            refused.has_note("the batch size is fixed at 2: with 4 the model does not work (RuntimeError: shape '[2, 6]' is invalid"))

    def test_batch_may_be_another_axis_of_an_output(self):
        found = self.write(user_models.States(), "x=2,2,5")
        self.assertEqual([[size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim] for value in found.graph.output],
                         [["N", 5, 8], [2, "N", 4]])
        self.assertEqual(found.manifest["notes"], [])

    def test_a_convolution_that_is_used_beside_its_normalisation_has_a_value(self):
        found = self.write(user_models.States(), "x=2,2,5")
        self.assertEqual({path: entry["value"] for path, entry in found.modules.items()},
                         {"conv": "/conv/Conv_output_0", "norm": "/norm/BatchNormalization_output_0", "rnn": "output_0"})

    def test_branches_by_values_are_told(self):
        found = self.write(user_models.Branch(), "x=2,4")
        self.assertTrue(found.has_note("in 1 place the model's code decides or computes by tensors in Python, and the export keeps what it "
                                       "did for these inputs: user_models.py:"))

    def test_inputs_go_to_parameters_of_their_names_and_others_in_order(self):
        named = self.write(user_models.Two(), "subtrahend=1,3", "minuend=1,3")
        torch.testing.assert_close(named.array("output_0"), named.array("input_1") - 2 * named.array("input_0"))
        ordered = self.write(user_models.Two(), "a=1,3", "b=1,3")
        torch.testing.assert_close(ordered.array("output_0"), ordered.array("input_0") - 2 * ordered.array("input_1"))
        self.assertEqual([value.name for value in ordered.graph.input], ["a", "b"])
        self.assertFalse(torch.equal(ordered.array("input_0"), ordered.array("input_1")))

    def test_dictionaries_lists_and_whole_numbers_work(self):
        module = user_models.Translator().eval()
        found = self.write(module, "tokens=2,5:int64:0..10", "weight=2,5")
        self.assertEqual([v.name for v in found.graph.output], ["states", "parts_0", "parts_1"])
        tokens, weight = found.array("input_0"), found.array("input_1")
        self.assertEqual((tokens.dtype, int(tokens.min()) >= 0, int(tokens.max()) <= 10), (torch.int64, True, True))
        result = module(tokens, weight=weight)
        torch.testing.assert_close(found.array("output_0"), result["states"].detach(), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.array("output_2"), result["parts"][1].detach(), rtol=1e-4, atol=1e-6)
        self.assertIn("weight_grad.pb", found.names())
        self.assertNotIn("tokens_grad.pb", found.names())
        self.assertTrue(found.has_note("left out, because they are no tensors: count (int)"))
        self.assertEqual(found.modules["rnn"]["type"], "LSTM")

    def test_outputs_that_cannot_be_differentiated_are_told(self):
        found = self.write(user_models.Labels(), "x=3,4")
        self.assertEqual([v.name for v in found.graph.output], ["output_0_logits", "output_0_labels", "output_1"])
        self.assertEqual(found.array("output_1").dtype, torch.int64)
        self.assertEqual([name for name in found.names() if "grad" in name], ["output_0_logits_grad.pb", "x_grad.pb"])
        self.assertTrue(found.has_note("autograd does not reach the inputs from output_1"))
        none = self.write(user_models.Threshold(), "x=3,4")
        self.assertEqual([name for name in none.names() if "grad" in name], [])
        self.assertTrue(none.has_note("no gradients: no output depends on the inputs in a way that autograd follows"))

    def test_dataclasses_and_names_for_outputs_work(self):
        found = self.write(user_models.Dataclass(), "logits=3,4")
        self.assertEqual([v.name for v in found.graph.output], ["loss", "logits_out"])
        self.assertEqual([v.name for v in self.write(user_models.Dataclass(), "x=3,4", output_names=["a", "b"]).graph.output], ["a", "b"])
        with self.assertRaisesRegex(Refused, "--output-names has 1 names, but the model has 2 outputs: loss, logits"):
            self.write(user_models.Dataclass(), "x=3,4", output_names=["a"])

    def test_a_model_that_needs_float32_is_computed_in_it_and_that_is_told(self):
        module = user_models.SinglePrecision()
        found = self.write(module, "x=2,4")
        self.assertEqual(found.manifest["dtype"], "float32")
        self.assertTrue(found.has_note("computed in float32, because the model does not run in float64 (RuntimeError: "))
        torch.testing.assert_close(found.array("x_grad"), found.array("output_grad") @ module.matrix.t())

    def test_a_model_in_double_precision_stays_so(self):
        module = user_models.Dataclass().double()
        found = self.write(module, "x=2,4:float64")
        self.assertEqual({found.array(name).dtype for name in ("input_0", "output_0", "loss_grad", "x_grad", "intermediates/0")},
                         {torch.float64})
        self.assertEqual(found.graph.input[0].type.tensor_type.elem_type, onnx.TensorProto.DOUBLE)
        again = self.write(module, "x=2,4:float64", precision="own")
        self.assertEqual(again.manifest["dtype"], "float64")

    def test_random_and_detaching_models_are_told(self):
        self.assertTrue(self.write(user_models.Random(), "x=2,4").has_note("the model draws random numbers"))
        self.assertTrue(self.write(user_models.Detached(), "x=2,4").has_note("autograd's gradient is not the slope of the outputs"))

    def test_gradients_that_depend_on_the_precision_are_told(self):
        found = self.write(user_models.Kinked(), "x=2,40")
        self.assertTrue(found.has_note("PyTorch's own gradient by 'x' in float32 has a cosine of only "))
        self.assertFalse(self.write(user_models.Plain(), "x=2,2,4,4").has_note("PyTorch's own gradient"))

    def test_a_model_that_changes_its_input_is_given_a_copy(self):
        found = self.write(user_models.InPlace(), "x=2,4")
        torch.testing.assert_close(found.array("output_0"), 2 * (found.array("input_0") + 1))
        torch.testing.assert_close(found.array("x_grad"), 2 * found.array("output_grad"))

    def test_parts_that_are_not_called_one_by_one_are_one_intermediate(self):
        found = self.write(user_models.Attention(), "x=2,5,4")
        self.assertEqual(list(found.modules), ["attention", "norm"])
        self.assertTrue(all(entry["value"] for entry in found.manifest["modules"]))

    def test_sets_differ_and_the_same_seed_gives_the_same_files(self):
        torch.manual_seed(2)
        first = self.write(user_models.Two(), "a=1,3", "b=1,3", sets=2)
        files = {name: first.tensor(name[:-3], number).SerializeToString() for number in (0, 1) for name in first.names(number)}
        self.assertFalse(torch.equal(first.array("input_0", 0), first.array("input_0", 1)))
        again = self.write(user_models.Two(), "a=1,3", "b=1,3", sets=1)
        self.assertFalse((again.folder / "test_data_set_1").exists())
        self.assertEqual({name: again.tensor(name[:-3]).SerializeToString() for name in again.names()},
                         {name: first.tensor(name[:-3]).SerializeToString() for name in again.names()})
        other = self.write(user_models.Two(), "a=1,3", "b=1,3", seed=8)
        self.assertNotIn(other.tensor("input_0").SerializeToString(), files.values())

    def test_what_is_not_wanted_or_too_large_is_left_out(self):
        several = self.write(user_models.Plain(), "image=1,2,5,5", sets=2, max_intermediate_mb=0.001)
        self.assertEqual([[name for name in several.names(number) if "inter" in name] for number in (0, 1)],
                         [["intermediates/0.pb", "intermediates/1.pb"]] * 2)
        found = self.write(user_models.Plain(), "image=1,2,5,5", gradients=False, intermediates=False)
        self.assertEqual(found.names(), ["input_0.pb", "output_0.pb"])
        small = self.write(user_models.Plain(), "image=1,2,5,5", max_intermediate_mb=0.0005)
        self.assertEqual(list(small.modules), ["first", "head"])
        self.assertTrue(
            small.has_note("7 intermediates (0.0 MB) are over --max-intermediate-mb 0.0005 and were left out: block.0, block.1"))

    def test_files_of_an_earlier_run_do_not_stay_and_others_do(self):
        (self.folder / "written").mkdir()
        (self.folder / "written" / "mine.txt").write_text("kept")
        self.write(user_models.Plain(), "image=1,2,5,5", sets=3)
        found = self.write(user_models.Two(), "a=1,3", "b=1,3")
        self.assertEqual(sorted(str(f.relative_to(found.folder)) for f in found.folder.rglob("*") if f.is_file()),
                         sorted(["mine.txt", "model.onnx", "reference.json", *(f"test_data_set_0/{name}" for name in
                                 ("a_grad.pb", "b_grad.pb", "input_0.pb", "input_1.pb", "output_0.pb", "output_grad.pb"))]))

    def test_a_folder_of_somebody_else_is_left_alone_and_a_failure_leaves_what_was_there(self):
        (self.folder / "written").mkdir()
        (self.folder / "written" / "model.onnx").write_text("mine")
        with self.assertRaisesRegex(Refused,
                                    "written' holds 'model.onnx' but no reference.json, so another tool has made it; name another folder."):
            self.write(user_models.Two(), "a=1,3", "b=1,3")
        self.assertEqual((self.folder / "written" / "model.onnx").read_text(), "mine")
        (self.folder / "written" / "model.onnx").unlink()
        self.write(user_models.Two(), "a=1,3", "b=1,3")
        before = {file: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        with self.assertRaises(Refused):
            self.write(user_models.NotExportable(), "x=2,4")
        self.assertEqual({file: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}, before)

    def test_models_that_cannot_be_run_or_exported_are_refused_in_one_line(self):
        for kind, message in (("NoTensor", "the model returns no tensor but a int"),
                              ("Broken", r"the model cannot be run as it is with x float32 \[2, 4\]: RuntimeError: sizes do not fit$"),
                              ("NotExportable", "the torchscript exporter failed: ")):
            with self.subTest(kind), self.assertRaisesRegex(Refused, message) as caught:
                self.write(getattr(user_models, kind)(), "x=2,4")
            self.assertNotIn("\n", str(caught.exception))

    def test_inputs_come_from_files(self):
        np.save(self.folder / "x.npy", np.arange(8, dtype=np.float32).reshape(2, 4))
        found = self.write(user_models.Dataclass(), f"x={self.folder / 'x.npy'}")
        self.assertEqual(found.array("input_0").flatten().tolist(), list(range(8)))


class CommandTests(unittest.TestCase):
    def run_command(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = commands.main(["reference", *arguments])
        return code, out.getvalue(), err.getvalue()

    def test_one_command_writes_everything(self):
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"state_dict": {"module." + name: value for name, value in user_models.Plain(classes=3).state_dict().items()}},
                       f"{folder}/w.pt")
            code, out, err = self.run_command("--module", "tests.user_models:make", "--kwargs",
                                              '{"kind": "Plain", "classes": 3}', "--checkpoint",
                                              f"{folder}/w.pt", "--input", "image=1,2,4,4", "--exporter", "torchscript", "--output",
                                              f"{folder}/out")
            self.assertEqual(code, 0, err)
            self.assertEqual([line.split()[0] for line in err.splitlines()], ["exporting", "computing", "exporting"])
            self.assertEqual(References(f"{folder}/out").array("output_0").shape, (1, 3, 4, 4))
        self.assertIn("note: checkpoint: the prefix 'module.' of the weights' names was removed\n", out)
        self.assertIn("model.onnx (opset 16, torchscript), 1 set in float64, 9 intermediates, 7 of them found in the model\n", out)

    def test_errors_are_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments, message in ((["--module", "tests.user_models:Nothing", "--input", "x=1"],
                                        "module 'tests.user_models' has no 'Nothing'. Its networks: "),
                                       (["--module", "tests.user_models:Plain", "--input", "x=1,2,4,4", "--input", "x=1"],
                                        "inputs share a name: x, x."),
                                       (["--module", "tests.user_models:Plain", "--input", "x=1,2,4,4", "--sets", "0"],
                                        "--sets is 0; expected at least 1.")):
                code, _, err = self.run_command(*arguments, "--output", folder)
                self.assertEqual(code, 1)
                self.assertTrue(err.startswith(f"error: {message}"), err)
                self.assertEqual(err.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
