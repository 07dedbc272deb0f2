"""Export to ONNX with either of PyTorch's exporters."""

import gc
import importlib.util
import inspect
import os
import traceback
import warnings
from typing import Mapping, NamedTuple, Optional, Sequence

import onnx
import torch

from . import Refused, first_line

EXPORTERS = ("auto", "torchscript", "dynamo")
OPSET = 16  # of the TorchScript exporter; the other one has a recommendation of its own
BATCH = "N"
LARGE = 1 << 30


class Request(NamedTuple):
    """What to export: example inputs, names, the batch's axis of those that have one, and inputs for a fixed batch in case that has to
    be."""

    examples: Sequence[torch.Tensor]
    inputs: Sequence[str]
    outputs: Sequence[str]
    free: Mapping[str, int] = {}
    opset: Optional[int] = None
    fixed: Sequence[torch.Tensor] = ()


def choose(wanted):
    """The exporters to try, in this order."""
    parameters = inspect.signature(torch.onnx.export).parameters
    known, scripts = "dynamo" in parameters, importlib.util.find_spec("onnxscript") is not None
    if wanted == "dynamo":
        if not known or "dynamic_shapes" not in parameters:
            raise Refused(f"PyTorch {torch.__version__} has no dynamo exporter: it takes PyTorch 2.5 or later with onnxscript. "
                          "--exporter torchscript works here.")
        if not scripts:
            raise Refused("the dynamo exporter needs the Python package onnxscript; --exporter torchscript works without.")
        return ["dynamo"]
    if wanted == "torchscript" or not known or "dynamic_shapes" not in parameters or not scripts:
        return ["torchscript"]
    # What this PyTorch does by itself comes first.
    return ["dynamo", "torchscript"] if parameters["dynamo"].default else ["torchscript", "dynamo"]


def export(network, request, path, wanted, notes, recorder=None):
    """Writes the model; returns which exporter did, and the request as it was fulfilled: perhaps with a fixed batch."""
    problems = []
    for exporter in choose(wanted):
        # The dynamo exporter proves that a free batch is free, and refuses where the model's code branches on it.
        attempts = [request]
        if exporter == "dynamo" and request.free and recorder is None:
            attempts.append(request._replace(free={}, examples=request.fixed))
        for attempt in attempts:
            try:
                frozen = _export(network, attempt, path, exporter, recorder)
            except Exception as error:  # exporters raise whatever they meet
                problems.append((f"{exporter} exporter" + (" with a free batch" if attempt.free and len(attempts) > 1 else ""), error))
                # Graphs that the error's frames keep alive break the next export of PyTorch 1.13.
                traceback.clear_frames(error.__traceback__)
                gc.collect()
                continue
            used = exporter + (", the batch fixed," if attempt is not request else "")
            notes.extend(f"the {name} failed ({first_line(problem)}), so {used} was used" for name, problem in problems)
            notes.extend(frozen)
            return exporter, attempt
    raise Refused("; ".join(f"the {name} failed: {first_line(error)}" for name, error in problems)) from problems[-1][1]


def _export(network, request, path, exporter, recorder):
    parameters = inspect.signature(torch.onnx.export).parameters
    options = dict(input_names=list(request.inputs), output_names=list(request.outputs))
    if exporter == "dynamo":
        options.update(dynamo=True, verbose=False)
        if request.opset:
            options["opset_version"] = request.opset
        if request.free:
            batch = torch.export.Dim(BATCH)
            options["dynamic_shapes"] = tuple({request.free[name]: batch} if name in request.free else None for name in request.inputs)
        if "external_data" in parameters:
            options["external_data"] = _bytes(network.module) > LARGE
        if "fallback" in parameters:
            options["fallback"] = False
    else:
        options["opset_version"] = request.opset or OPSET
        options["dynamic_axes"] = {name: {axis: BATCH} for name, axis in request.free.items()}
        if "dynamo" in parameters:
            options["dynamo"] = False
    with warnings.catch_warnings(record=True) as caught, network.as_graph(recorder) as module:
        warnings.simplefilter("always")
        torch.onnx.export(module, tuple(request.examples), str(path), **options)
    return _frozen(caught)


def _frozen(caught):
    """Notes about Python code outside of PyTorch that looks at tensors: a trace keeps what it saw once."""
    library = os.path.dirname(torch.__file__)
    places = dict.fromkeys(f"{os.path.basename(w.filename)}:{w.lineno}" for w in caught
                           if issubclass(w.category, torch.jit.TracerWarning) and not os.path.abspath(w.filename).startswith(library))
    if not places:
        return []
    return [f"in {len(places)} {'place' if len(places) == 1 else 'places'} the model's code decides or computes by tensors in Python, and "
            f"the export keeps what it did for these inputs: {', '.join(list(places)[:5])}{', ...' if len(places) > 5 else ''}. Harmless "
            "for sizes that stay; wrong where values or other sizes matter"]


def finish(path, shapes, free):
    """Checks the model and states the sizes of its outputs, which exporters lose behind a reshape; ``shapes`` are those of a run."""
    try:
        onnx.checker.check_model(str(path))
    except Exception as error:  # the checker's own type, and protobuf's
        raise Refused(f"'{path}' was exported, but the ONNX checker refuses it: {first_line(error)}") from error
    model = onnx.load(str(path), load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        return
    for value in model.graph.output:
        shape = value.type.tensor_type.shape
        if value.name not in shapes or len(shape.dim) not in (0, len(shapes[value.name])):
            continue
        sizes = [BATCH if i == free.get(value.name) else size for i, size in enumerate(shapes[value.name])]
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, kind, sizes))
    onnx.save(model, str(path))


def free_axes(network, tensors, outputs, notes):
    """The batch's axis of inputs and outputs, found by running the model with twice as many, and those inputs.

    Inputs have it in front; outputs where their size doubles, which for the states of recurrent networks is behind.
    """
    batch = tensors[0].shape[0] if tensors and tensors[0].dim() else 0
    if not batch:
        return {}, tensors
    free = {name: 0 for name, x in zip(network.inputs, tensors) if x.dim() and x.shape[0] == batch}
    double = [torch.cat([x, x]) if name in free else x for name, x in zip(network.inputs, tensors)]
    try:
        with torch.no_grad():
            found = network(double)
        for name, y in outputs.items():
            changed = [i for i, (a, b) in enumerate(zip(y.shape, found[name].shape)) if a != b]
            if found[name].dim() != y.dim() or len(changed) > 1 or (changed and found[name].shape[changed[0]] != 2 * y.shape[changed[0]]):
                raise ValueError(f"'{name}' has then the shape {list(found[name].shape)} instead of {list(y.shape)}")
            free.update({name: axis for axis in changed})
    except Exception as error:  # the model is made for this batch alone
        notes.append(f"the batch size is fixed at {batch}: with {2 * batch} the model does not work ({first_line(error)})")
        return {}, tensors
    return free, double


def external_files(path):
    """Files beside a model that hold its weights."""
    model = onnx.load(str(path), load_external_data=False)
    names = [entry.value for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL
             for entry in tensor.external_data if entry.key == "location"]
    return sorted(set(names))


def _bytes(module):
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
