"""A user's model: imported, built, and given the weights of a checkpoint."""

import importlib
import inspect
import os
import sys
from collections import Counter

import torch
from torch import nn

from . import Refused, checkpoints, first_line

# Where training scripts keep the weights among other things.
WEIGHTS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "ema")
UNNECESSARY = "num_batches_tracked"


def load(module, kwargs, checkpoint, unsafe_pickle=False, key=None):
    """A module in evaluation mode on the CPU; what is remarkable is told in the second value, a list of lines."""
    notes = []
    built = build(module, kwargs) if module else None
    if checkpoint is not None:
        content = checkpoints.read(checkpoint, unsafe_pickle)
        if built is None:
            built = _module(content)
        else:
            _fill(built, _state(content, checkpoint, key), checkpoint, notes)
    if built is None:
        raise Refused("--module is missing: name the class or function that builds the model, as package.module:Callable"
                      + (" (the checkpoint holds weights alone)." if checkpoint else "."))
    if isinstance(built, torch.jit.ScriptModule):
        raise Refused("the model is a compiled TorchScript module; give the Python class it was made of with --module, and its "
                      "weights with --checkpoint.")
    return built.cpu().eval(), notes


def build(name, kwargs):
    """Calls ``package.module:Callable`` with keyword arguments; the current folder is searched, too."""
    path, colon, attribute = name.partition(":")
    if not colon or not path or not attribute or path.endswith(".py") or "/" in path:
        raise Refused(f"--module '{name}' is not of the form package.module:Callable (a file src/net.py is src.net, started from "
                      "the folder that holds src).")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(path)
    except Exception as error:  # a user's module can fail in any way while it is imported
        raise Refused(f"module '{path}' cannot be imported from '{os.getcwd()}': {first_line(error)}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [key for key, value in vars(found).items() if inspect.isclass(value) and issubclass(value, nn.Module)
                     and value.__module__ == path]
            raise Refused(f"module '{path}' has no '{attribute}'." + (f" Its networks: {', '.join(names)}." if names else ""))
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        return found
    try:
        built = found(**kwargs)
    except Exception as error:
        raise Refused(f"'{name}' cannot be built with the arguments {kwargs or 'none'} (--kwargs): {first_line(error)}") from error
    if not isinstance(built, nn.Module):
        raise Refused(f"'{name}' gave a {type(built).__name__}; expected a torch.nn.Module.")
    return built


def _module(content):
    """The module that a checkpoint holds as a whole, or None."""
    candidates = [content, *(content.get(name) for name in WEIGHTS)] if isinstance(content, dict) else [content]
    return next((value for value in candidates if isinstance(value, nn.Module)), None)


def _state(content, path, key):
    """The weights by name, found in whatever a training script has saved."""
    if isinstance(content, nn.Module):
        return content.state_dict()
    if key is not None:
        for part in key.split("."):
            if not isinstance(content, dict) or part not in content:
                raise Refused(f"checkpoint '{path}' has no '{key}' (--checkpoint-key). {_keys(content)}")
            content = content[part]
    elif isinstance(content, dict) and not _is_state(content):
        inside = next((content[name] for name in WEIGHTS if name in content), content)
        content = inside.state_dict() if isinstance(inside, nn.Module) else inside
    if not _is_state(content):
        raise Refused(f"checkpoint '{path}' holds no weights by name where they are looked for. {_keys(content)} "
                      "--checkpoint-key names the one.")
    return content


def _is_state(content):
    return isinstance(content, dict) and len(content) > 0 and all(isinstance(value, torch.Tensor) for value in content.values())


def _keys(content):
    return f"There are: {', '.join(map(str, list(content)[:8]))}." if isinstance(content, dict) else f"It is a {type(content).__name__}."


def _fill(module, state, path, notes):
    expected = module.state_dict()
    prefix = _prefix(expected, state)
    if prefix:
        others = sum(not name.startswith(prefix) for name in state)
        notes.append(f"checkpoint: the prefix '{prefix}' of the weights' names was removed"
                     + (f", and {others} weights without it were left out" if others else ""))
        state = {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}
    missing = [name for name in expected if name not in state and not name.endswith(UNNECESSARY)]
    unknown = [name for name in state if name not in expected and not name.endswith(UNNECESSARY)]
    shapes = [f"{name} is {list(state[name].shape)} in the checkpoint and {list(value.shape)} in the model"
              for name, value in expected.items() if name in state and state[name].shape != value.shape]
    problems = [f"{len(names)} weights {what}: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
                for names, what in ((missing, "are missing"), (unknown, "are not in the model"), (shapes, "have another shape")) if names]
    if problems:
        raise Refused(f"checkpoint '{path}' does not fit the model: {'; '.join(problems)}. Build the model as it was "
                      "trained (--module, --kwargs).")
    module.load_state_dict({name: state[name] for name in expected if name in state}, strict=False)


def _prefix(expected, state):
    """What stands before all names that fit, as ``module.`` of DataParallel or ``model.`` of Lightning; the one that fits most."""
    suffixes = set(expected)
    counts = Counter()
    for name in state:
        parts = name.split(".")
        for i in range(min(4, len(parts) - 1)):
            if ".".join(parts[i:]) in suffixes:
                counts[".".join(parts[:i])] += 1
                break
    best = max(counts, key=counts.get, default="")
    return best + "." if best else ""
