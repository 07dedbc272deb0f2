"""What PyTorch makes of a model's inputs: outputs, gradients and the outputs of its parts, in float64 where that works."""

import contextlib
from typing import Dict, NamedTuple

import numpy as np
import torch

from . import first_line
from .network import Recorder

# Relative change of an output beyond which two runs are not the same function.
SAME = 1e-3
STEP = 1e-6
# Cosine of two gradients below which 'diffeonn validate' sees a disagreement.
ALIKE = 0.99999


class Values(NamedTuple):
    """Tensors by name, of one set."""

    outputs: Dict[str, torch.Tensor]
    upstream: Dict[str, torch.Tensor]
    gradients: Dict[str, torch.Tensor]
    intermediates: Dict[str, torch.Tensor]


class Computer:
    """Computes one set after another in the type that the model can be run in; tells in ``notes`` what is remarkable."""

    def __init__(self, network, example, precision, notes):
        self.network, self.notes = network, notes
        with torch.no_grad():
            self.plain = network.try_call(example, "as it is")
        self.own = next((y.dtype for y in self.plain.values() if y.is_floating_point()), torch.float32)
        self._check_random(example)
        self.dtype = self._choose(example, precision)
        self.checked = self.compared = False

    def _check_random(self, example):
        torch.manual_seed(1)
        with torch.no_grad():
            again = self.network(example)
        if any(_difference(again[name], y) > SAME for name, y in self.plain.items()):
            self.notes.append("the model draws random numbers: two runs in evaluation mode differ, so no engine can "
                              "reproduce these references")

    def _choose(self, example, precision):
        if precision == "own":
            return self.own
        try:
            with self._in(torch.float64), torch.no_grad():
                exact = self.network(self._inputs(example, torch.float64))
        except Exception as error:  # whatever a model raises that is written for float32
            self.notes.append(f"computed in {str(self.own)[6:]}, because the model does not run in float64 ({first_line(error)})")
            return self.own
        worst = max(((_difference(y, exact[name]), name) for name, y in self.plain.items()), default=(0, ""))
        if worst[0] > SAME:
            self.notes.append(f"output '{worst[1]}' differs by {worst[0]:.1e} between {str(self.own)[6:]} and float64: "
                              "expect engines to differ, too")
        return torch.float64

    @contextlib.contextmanager
    def _in(self, dtype):
        """The model in another precision; afterwards it is as before."""
        module, default = self.network.module, torch.get_default_dtype()
        tensors = [*module.parameters(), *module.buffers()]
        before = [tensor.data for tensor in tensors]
        torch.set_default_dtype(dtype)
        try:
            for tensor in tensors:
                if tensor.is_floating_point():
                    tensor.data = tensor.data.to(dtype)
            yield
        finally:
            torch.set_default_dtype(default)
            for tensor, data in zip(tensors, before):
                tensor.data = data

    @staticmethod
    def _inputs(tensors, dtype):
        return [x.to(dtype) if x.is_floating_point() and dtype == torch.float64 else x for x in tensors]

    def compute(self, tensors, generator, with_gradients, with_intermediates):
        """One set; upstream gradients are normal numbers."""
        with self._in(torch.float64) if self.dtype == torch.float64 else contextlib.nullcontext():
            inputs = [x.detach().clone().requires_grad_(with_gradients and x.is_floating_point())
                      for x in self._inputs(tensors, self.dtype)]
            recorder = Recorder(self.network.module)
            with recorder.attached() if with_intermediates else contextlib.nullcontext(), torch.set_grad_enabled(with_gradients):
                # A model may change its inputs in place, which leaves of autograd do not allow.
                outputs = self.network.try_call([x.clone() for x in inputs], f"in {str(self.dtype)[6:]}")
            upstream, gradients = self._differentiate(inputs, outputs, generator) if with_gradients else ({}, {})
        intermediates = {key: tensor.detach() for key, tensor in recorder.kept()}
        self.types, self.skipped = recorder.types, recorder.skipped
        # Stored in the types that the model's own outputs and inputs have.
        outputs = {name: y.detach().to(self.plain[name].dtype) for name, y in outputs.items()}
        upstream = {name: g.to(self.plain[name].dtype) for name, g in upstream.items()}
        gradients = {name: gradients[name].to(x.dtype) for name, x in zip(self.network.inputs, tensors) if name in gradients}
        if gradients and not self.compared and self.dtype != self.own:
            self._compare_precisions(tensors, upstream, gradients)
        return Values(outputs, upstream, gradients, {key: tensor.to(self.own) for key, tensor in intermediates.items()})

    def _differentiate(self, inputs, outputs, generator):
        upstream = {name: torch.from_numpy(np.asarray(generator.standard_normal(tuple(y.shape)))).to(self.plain[name].dtype).to(y.dtype)
                    for name, y in outputs.items() if y.is_floating_point() and y.requires_grad}
        leaves = {name: x for name, x in zip(self.network.inputs, inputs) if x.requires_grad}
        if not upstream or not leaves:
            self._note("no gradients: "
                       + ("no input is floating point" if not leaves else "no output depends on the inputs in a way that autograd follows"))
            return {}, {}
        try:
            found = torch.autograd.grad([outputs[name] for name in upstream], list(leaves.values()), list(upstream.values()),
                                        allow_unused=True)
        except RuntimeError as error:
            self._note(f"no gradients: autograd stops with {first_line(error)}")
            return {}, {}
        constant = [name for name, y in outputs.items() if y.is_floating_point() and name not in upstream]
        if constant:
            self._note(f"autograd does not reach the inputs from {', '.join(constant)}: without upstream gradient, so treat it as zero")
        unused = [name for name, g in zip(leaves, found) if g is None]
        if unused:
            self._note(f"the gradient is zero for {', '.join(unused)}: no output depends on it in a way that autograd follows")
        gradients = {name: torch.zeros_like(x) if g is None else g for (name, x), g in zip(leaves.items(), found)}
        if not self.checked and self.dtype == torch.float64:
            self._check_derivative(inputs, upstream, gradients, generator)
        return upstream, gradients

    def _check_derivative(self, inputs, upstream, gradients, generator):
        """Compares autograd with the difference along a random direction: it is another function where a model detaches values."""
        self.checked = True
        directions = {name: torch.from_numpy(np.asarray(generator.standard_normal(tuple(g.shape)))).to(g.dtype)
                      for name, g in gradients.items()}
        claimed = sum(float((gradients[name] * d).sum()) for name, d in directions.items())

        def at(step):
            with torch.no_grad():
                moved = [x + step * directions[name] if name in directions else x for name, x in zip(self.network.inputs, inputs)]
                found = self.network(moved)
            return sum(float((found[name] * g).sum()) for name, g in upstream.items())

        difference = (at(STEP) - at(-STEP)) / (2 * STEP)
        error = abs(difference - claimed) / max(abs(claimed), abs(difference), 1e-12)
        if not error <= SAME:
            self.notes.append(f"autograd's gradient is not the slope of the outputs: along a random direction {claimed:.6g} "
                              f"and {difference:.6g}. The model detaches values, rounds, or lies at a kink; a graph that was exported "
                              "knows nothing of detaching.")

    def _compare_precisions(self, tensors, upstream, gradients):
        """Tells where PyTorch's own gradients depend on the precision: no engine can come closer to these references than it does."""
        self.compared = True
        inputs = [x.detach().clone().requires_grad_(name in gradients) for name, x in zip(self.network.inputs, tensors)]
        outputs = self.network([x.clone() for x in inputs])
        leaves = [x for x in inputs if x.requires_grad]
        found = torch.autograd.grad([outputs[name] for name in upstream], leaves, list(upstream.values()), allow_unused=True)
        for (name, expected), g in zip(gradients.items(), found):
            if g is None or not float(expected.abs().max()) > 0:
                continue
            cosine = float(torch.nn.functional.cosine_similarity(g.double().flatten(), expected.double().flatten(), 0, eps=0))
            if not cosine >= ALIKE:
                self.notes.append(f"PyTorch's own gradient by '{name}' in {str(self.own)[6:]} has a cosine of only {cosine:.6f} with the "
                                  "one in float64, so no engine will agree better: the inputs lie at kinks (rectifiers, maxima), or the "
                                  "model is badly scaled. Other inputs (--seed, --input) or trained weights may help.")

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)


def _difference(a, b):
    """The largest difference, relative to the largest magnitude."""
    if a.shape != b.shape:
        return float("inf")
    if a.numel() == 0 or a.dtype == torch.bool:
        return float((a != b).any())
    a, b = (torch.view_as_real(x.resolve_conj()) if x.is_complex() else x for x in (a, b))
    a, b = a.double(), b.double()
    scale = max(float(b.abs().max()), 1e-12)
    if bool(torch.isfinite(a).all()) and bool(torch.isfinite(b).all()):
        return float((a - b).abs().max()) / scale
    return float(not torch.equal(a.nan_to_num(), b.nan_to_num()))
