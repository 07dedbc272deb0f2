"""Users' models and checkpoints in the forms in which they come, and inputs as they are written on the command line."""

import os
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from diffeonn_tools.model_reference import Refused, loading
from diffeonn_tools.model_reference.inputs import parse
from tests import user_models


class LoadingTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        torch.manual_seed(5)
        self.trained = user_models.Plain()
        self.state = self.trained.state_dict()

    def load(self, content, module="tests.user_models:Plain", kwargs=None, **options):
        path = self.folder / "weights.pt"
        torch.save(content, path)
        return loading.load(module, kwargs or {}, path, **options)

    def assert_trained(self, module):
        self.assertFalse(module.training)
        for name, value in module.state_dict().items():
            self.assertTrue(torch.equal(value, self.state[name]), name)

    def test_weights_are_found_where_training_scripts_put_them(self):
        optimizer = {"lr": 1.0, "step": 3, "type": torch.float32, "size": torch.Size([2])}
        for content in (self.state, {"state_dict": self.state, "epoch": 3}, {"model": self.state, "optimizer": optimizer},
                        {"model_state_dict": self.state}):
            module, notes = self.load(content)
            self.assert_trained(module)
            self.assertEqual(notes, [])

    def test_weights_are_found_under_a_key(self):
        content = {"averaged": {"inner": self.state}, "model": user_models.Plain().state_dict()}
        self.assert_trained(self.load(content, key="averaged.inner")[0])
        with self.assertRaisesRegex(Refused, r"has no 'averaged.outer' \(--checkpoint-key\). There are: inner."):
            self.load(content, key="averaged.outer")

    def test_prefixes_of_wrappers_are_removed_and_told(self):
        for prefix in ("module.", "_orig_mod.", "module.net."):
            module, notes = self.load({prefix + name: value for name, value in self.state.items()})
            self.assert_trained(module)
            self.assertEqual(notes, [f"checkpoint: the prefix '{prefix}' of the weights' names was removed"])
        _, notes = self.load({"loss.weight": torch.ones(2), **{"model." + name: value for name, value in self.state.items()}})
        self.assertEqual(notes,
                         ["checkpoint: the prefix 'model.' of the weights' names was removed, and 1 weights without it were left out"])

    def test_weights_that_do_not_fit_are_listed(self):
        with self.assertRaisesRegex(Refused, r"weights.pt' does not fit the model: 2 weights have another shape: head.weight is \[2, 3, "
                                             r"1, 1\] in the checkpoint and \[5, 3, 1, 1\] in the model, head.bias is "
                                             r"\[2\] .*--module, --kwargs"):
            self.load(self.state, kwargs={"classes": 5})
        del self.state["head.bias"], self.state["first.weight"]
        self.state["tail.bias"] = torch.ones(1)
        with self.assertRaisesRegex(Refused, "2 weights are missing: first.weight, head.bias; 1 weights are not in the model: tail.bias"):
            self.load(self.state)

    def test_a_counter_that_older_versions_lack_is_not_missed(self):
        counter = "block.1.num_batches_tracked"
        state = {name: value for name, value in self.state.items() if name != counter}
        self.assertIn(counter, self.state)
        self.assert_trained(self.load(state)[0])

    def test_pickled_modules_take_a_flag(self):
        for content in (self.trained, {"model": self.trained, "epoch": 1}):
            with self.assertRaisesRegex(Refused, r"holds more than tensors and numbers, or is damaged \(.*\). .* --unsafe-pickle reads it, "
                                        r"and runs whatever code it holds"):
                self.load(content)
            self.assert_trained(self.load(content, unsafe_pickle=True)[0])
            self.assert_trained(self.load(content, module=None, unsafe_pickle=True)[0])

    def test_code_in_a_checkpoint_is_not_run(self):
        marker = self.folder / "ran"

        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(marker),)

        path = self.folder / "weights.pt"
        for content in ({"x": Evil()}, {"rate": 0.5, "x": Evil()}, {"rate": 0.5, "x": os.mkdir}):
            for protocol in (2, 4):
                torch.save(content, path, pickle_protocol=protocol)
                with self.assertRaisesRegex(Refused, "holds more than tensors and numbers"):
                    loading.load("tests.user_models:Plain", {}, path)
                self.assertFalse(marker.exists())
        content = {"state_dict": self.state, "rate": 0.5, "x": Evil()}
        self.assert_trained(self.load(content, unsafe_pickle=True)[0])
        self.assertTrue(marker.exists())

    def test_what_is_no_checkpoint_is_refused(self):
        with self.assertRaisesRegex(Refused, "holds no weights by name where they are looked for. There are: epoch, best."):
            self.load({"epoch": 1, "best": 0.5})
        with self.assertRaisesRegex(Refused, r"--module is missing: .* \(the checkpoint holds weights alone\)."):
            self.load(self.state, module=None)
        with self.assertRaisesRegex(Refused, "checkpoint 'none.pt' does not exist."):
            loading.load("tests.user_models:Plain", {}, Path("none.pt"))
        (self.folder / "text.pt").write_text("no checkpoint")
        with self.assertRaisesRegex(Refused, "text.pt' holds more than tensors and numbers, or is damaged"):
            loading.load("tests.user_models:Plain", {}, self.folder / "text.pt")

    def test_callables_are_classes_functions_and_modules(self):
        self.assertIsInstance(loading.build("tests.user_models:Plain", {"width": 2}), user_models.Plain)
        self.assertIsInstance(loading.build("tests.user_models:make", {"kind": "Labels"}), user_models.Labels)
        self.assertIs(loading.build("tests.user_models:ready", {}), user_models.ready)
        self.assertIsInstance(loading.build("torch:nn.Identity", {}), torch.nn.Identity)

    def test_what_cannot_be_built_is_told_with_the_reason(self):
        for name, kwargs, message in (
                ("tests/user_models.py:Plain", {}, "is not of the form package.module:Callable"),
                ("Plain", {}, "is not of the form package.module:Callable"),
                ("tests.nothing:Plain", {},
                 "module 'tests.nothing' cannot be imported from .*: ModuleNotFoundError: No module named 'tests.nothing'"),
                ("tests.user_models:Plan", {}, "module 'tests.user_models' has no 'Plan'. Its networks: Plain, Translator, "),
                ("tests.user_models:Plain", {"depth": 2},
                 r"cannot be built with the arguments {'depth': 2} \(--kwargs\): TypeError: .*'depth'"),
                ("tests.user_models:not_a_model", {}, "gave a dict; expected a torch.nn.Module.")):
            with self.subTest(name), self.assertRaisesRegex(Refused, message):
                loading.build(name, kwargs)
        with self.assertRaisesRegex(Refused, "is a compiled TorchScript module; give the Python class"):
            loading.load("torch.jit:script", {"obj": user_models.Two()}, None)


class InputTests(unittest.TestCase):
    def draw(self, text, seed=1):
        return parse(text).draw(np.random.default_rng(seed))

    def test_types_and_ranges_are_those_asked_for(self):
        normal = self.draw("x=100,20")
        self.assertEqual((normal.dtype, normal.shape), (torch.float32, (100, 20)))
        self.assertLess(abs(float(normal.std()) - 1), 0.1)
        uniform = self.draw("x=1000:-2..3")
        self.assertTrue(-2 <= float(uniform.min()) < -1.9 and 2.9 < float(uniform.max()) <= 3)
        self.assertEqual(self.draw("x=500:int64:4..6").unique().tolist(), [4, 5, 6])
        self.assertEqual(self.draw("x=500:4..6:int32").dtype, torch.int32)
        self.assertEqual(self.draw("x=50:int64").unique().tolist(), [0, 1])
        self.assertEqual(self.draw("x=50:bool").dtype, torch.bool)
        self.assertEqual(self.draw("x=").shape, ())
        self.assertTrue(torch.equal(self.draw("x=9"), self.draw("y=9")))
        self.assertFalse(torch.equal(self.draw("x=9"), self.draw("x=9", 2)))

    def test_files_are_read_in_their_own_type(self):
        with tempfile.TemporaryDirectory() as folder:
            values = np.arange(6).reshape(2, 3)
            np.save(f"{folder}/a.npy", values)
            Path(f"{folder}/b.pb").write_bytes(numpy_helper.from_array(values.astype(np.float32)).SerializeToString())
            self.assertEqual(self.draw(f"x={folder}/a.npy").tolist(), values.tolist())
            self.assertEqual(self.draw(f"x={folder}/b.pb").dtype, torch.float32)
            np.save(f"{folder}/c.npy", np.array(["text"]))
            Path(f"{folder}/d.npy").write_text("nothing")
            for name, message in (("c.npy", "holds <U4; expected one of float16"), ("d.npy", "holds no tensor"),
                                  ("e.npy", "does not exist")):
                with self.subTest(name), self.assertRaisesRegex(Refused, f"input 'x': the file '.*{name}' {message}"):
                    self.draw(f"x={folder}/{name}")

    def test_what_is_not_understood_is_told_with_the_form(self):
        for text, message in (("1,3", "has no name; expected NAME=SIZE,SIZE"), ("x=1,b", "has the sizes '1,b'"),
                              ("x=1,0", "has a size below 1"), ("x=-1,3", "has a size below 1"),
                              ("x=1:float31", "has the option 'float31'; expected one of float16, "),
                              ("x=1:int64:int32", "has the option 'int32'"), ("x=1:3..2", "has a range from 3 to 2"),
                              ("x=1:1..2:1..2", "each once"), ("x=1:...5", "has the option '...5'|has the range")):
            with self.subTest(text), self.assertRaisesRegex(Refused, message):
                parse(text)


if __name__ == "__main__":
    unittest.main()
