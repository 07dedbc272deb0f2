"""ONNX export with a free batch size."""

import inspect
import warnings

import onnx
import torch

OPSET = 15
INPUT = "image"
OUTPUTS = {"inner": ["logits"], "vae": ["reconstruction", "mu", "logvar"], "critic": ["score"], "proposer": ["velocity"],
           "augmented": ["logits"], "features": ["distance"]}


def export(network, role, path, channels, size, opset=OPSET):
    """Writes one network in evaluation mode with the sizes of its outputs; only the batch axis, ``N``, is free."""
    names = OUTPUTS[role]
    arguments = dict(opset_version=opset, input_names=[INPUT], output_names=names,
                     dynamic_axes={name: {0: "N"} for name in [INPUT] + names})
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        # Newer exporters write opset 18 and later with local functions; the TorchScript one stays portable.
        arguments["dynamo"] = False
    example = torch.zeros(2, channels, size, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (example,), str(path), **arguments)

    # The exporter loses sizes behind a reshape to a free batch: state them.
    with torch.no_grad():
        outputs = network(example)
    model = onnx.load(str(path))
    for value, tensor in zip(model.graph.output, outputs if isinstance(outputs, tuple) else (outputs,)):
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, ["N", *tensor.shape[1:]]))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
