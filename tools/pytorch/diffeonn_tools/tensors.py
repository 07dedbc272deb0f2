"""Serialised ONNX tensors: one ``TensorProto`` a file."""

import re

import numpy as np
import torch
from onnx import numpy_helper


def save(path, name, tensor):
    """Writes one tensor under a name; float64 becomes float32, other types stay."""
    array = tensor.detach().cpu().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
    array = np.asarray(array, dtype=np.float32 if array.dtype == np.float64 else array.dtype, order="C")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def file_name(name):
    """A file name for a tensor: what is not a letter, a digit or one of ``._-`` becomes ``_``. The name itself is inside the file."""
    return re.sub(r"[^\w.-]", "_", name) + ".pb"
