"""Serialised ONNX tensors: one ``TensorProto`` a file."""

import re

import torch
from onnx import numpy_helper


def save(path, name, tensor):
    """Writes one tensor under a name, in its own type; bfloat16, which NumPy does not know, becomes float32."""
    tensor = tensor.detach().cpu()
    array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).contiguous().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def file_name(name):
    """A file name for a tensor: what is not a letter, a digit or one of ``._-`` becomes ``_``. The name itself is inside the file."""
    return re.sub(r"[^\w.-]", "_", name) + ".pb"
