"""Inputs of a model, as the command line names them."""

import re
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from . import Refused

TYPES = {"float16": np.float16, "float32": np.float32, "float64": np.float64, "bool": np.bool_, "uint8": np.uint8,
         "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64}
FORM = "NAME=SIZE,SIZE,...[:TYPE][:LOW..HIGH] or NAME=FILE.npy"


class Input(NamedTuple):
    """One input: drawn with this shape, type and range, or read from a file."""

    name: str
    shape: Optional[Tuple[int, ...]] = None
    dtype: str = "float32"
    range: Optional[Tuple[float, float]] = None
    file: Optional[Path] = None

    def draw(self, generator):
        """A tensor: normal numbers; in a range uniform ones, whole numbers with both ends; without a range those are 0 or 1."""
        if self.file is not None:
            return _read(self.name, self.file)
        kind = TYPES[self.dtype]
        if np.issubdtype(kind, np.floating):
            array = generator.standard_normal(self.shape) if self.range is None else generator.uniform(*self.range, self.shape)
        else:
            low, high = self.range or (0, 1)
            array = generator.integers(int(low), int(high), self.shape, endpoint=True)
        return torch.from_numpy(np.asarray(array).astype(kind))


def parse(text):
    """An input from ``NAME=1,3,64,64``, ``NAME=2,7:int64:0..99``, ``NAME=1,8:-1..1`` or ``NAME=FILE.npy``."""
    name, equals, rest = text.partition("=")
    if not equals or not name:
        raise Refused(f"input '{text}' has no name; expected {FORM}.")
    if rest.endswith((".npy", ".pb")):
        return Input(name, file=Path(rest))
    sizes, *options = rest.split(":")
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
    except ValueError:
        raise Refused(f"input '{text}' has the sizes '{sizes}'; expected {FORM}.") from None
    if any(size < 1 for size in shape):
        raise Refused(f"input '{text}' has a size below 1; every axis needs a number (the batch size becomes free in the model by itself).")
    dtype, limits = None, None
    for option in options:
        found = re.fullmatch(r"([-+.\deE]+?)\.\.([-+.\deE]+)", option)
        if option in TYPES and dtype is None:
            dtype = option
        elif found and limits is None:
            limits = _limits(text, *found.groups())
        else:
            raise Refused(f"input '{text}' has the option '{option}'; expected one of {', '.join(TYPES)}, or LOW..HIGH, each once.")
    return Input(name, shape, dtype or "float32", limits)


def _limits(text, low, high):
    try:
        low, high = float(low), float(high)
    except ValueError:
        raise Refused(f"input '{text}' has the range '{low}..{high}'; expected two numbers, as 0..9.") from None
    if low > high:
        raise Refused(f"input '{text}' has a range from {low:g} to {high:g}; the smaller number comes first.")
    return low, high


def _read(name, path):
    if not path.exists():
        raise Refused(f"input '{name}': the file '{path}' does not exist.")
    try:
        array = np.load(path) if path.suffix == ".npy" else numpy_helper.to_array(onnx.load_tensor(str(path)))
    except Exception as error:  # what a broken file raises depends on where it breaks
        raise Refused(f"input '{name}': the file '{path}' holds no tensor ({error}).") from None
    if str(array.dtype) not in TYPES:
        raise Refused(f"input '{name}': the file '{path}' holds {array.dtype}; expected one of {', '.join(TYPES)}.")
    return torch.from_numpy(np.array(array))
