"""Reading of checkpoints: tensors, numbers and text; other classes only where the caller trusts the file."""

import inspect
import pickle
import pickletools
import zipfile

import torch

from . import Refused, first_line

# What a dictionary of tensors consists of, besides the storages and types of PyTorch.
ALLOWED = {"collections OrderedDict", "torch Size", "torch device", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"}
# Opcodes that look a class up in another way than GLOBAL; torch.save does not write them by default.
OTHER_LOOKUPS = ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")


def read(path, unsafe_pickle):
    """What a checkpoint holds, on the CPU."""
    if not path.exists():
        raise Refused(f"checkpoint '{path}' does not exist.")
    if path.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError:
            raise Refused(f"checkpoint '{path}' needs the Python package safetensors.") from None
        return load_file(str(path))
    try:
        return _load_all(path) if unsafe_pickle else _read_tensors(path)
    except Exception as error:  # a damaged file fails anywhere
        reason = first_line(error).rpartition("WeightsUnpickler error: ")[2]
        if unsafe_pickle:
            raise Refused(f"checkpoint '{path}' cannot be read: {reason}") from error
        raise Refused(f"checkpoint '{path}' holds more than tensors and numbers, or is damaged ({reason}). If you trust who made it: "
                      "--unsafe-pickle reads it, and runs whatever code it holds.") from error


def _read_tensors(path):
    known = "weights_only" in inspect.signature(torch.load).parameters
    try:
        return _load(path, weights_only=True) if known else _load_scanned(path)
    except Exception as error:  # PyTorch 1.13 and 2.0 do not even take a learning rate
        if "Unsupported operand" not in str(error):
            raise
        return _load_scanned(path)


def _load(path, **options):
    return torch.load(path, map_location="cpu", **options)


def _load_all(path):
    return _load(path, weights_only=False) if "weights_only" in inspect.signature(torch.load).parameters else _load(path)


def _load_scanned(path):
    """Reads a file after a look at every class that its pickle names, without making any."""
    if not zipfile.is_zipfile(path):
        raise pickle.UnpicklingError("a checkpoint in the form of before PyTorch 1.6")
    with zipfile.ZipFile(path) as archive:
        # Every entry, because two may have the same name.
        for entry in archive.infolist():
            if entry.filename.endswith(".pkl"):
                _scan(archive.read(entry))
    return _load_all(path)


def _scan(content):
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in OTHER_LOOKUPS:
            raise pickle.UnpicklingError(f"{opcode.name} is in it")
        if opcode.name == "GLOBAL" and argument not in ALLOWED and not _is_type(argument):
            raise pickle.UnpicklingError(f"a {argument.replace(' ', '.')} is in it")


def _is_type(name):
    module, _, name = name.partition(" ")
    return module == "torch" and (name.endswith("Storage") or isinstance(getattr(torch, name, None), torch.dtype))
