"""A module as a function from named tensors to named tensors, and what its parts give on the way."""

import contextlib
import inspect

import torch

from . import Refused, first_line


class Network:
    """Calls a module with tensors by name, flattens what it returns, and records the outputs of its parts.

    Inputs go to the parameters of ``forward`` with their names where all of them are such; otherwise in their order.
    """

    def __init__(self, module, input_names, output_names=None):
        self.module = module
        self.inputs = list(input_names)
        self.keywords = self._bind()
        self._wanted = output_names
        self.outputs = None
        self.ignored = []

    def _bind(self):
        parameters = inspect.signature(self.module.forward).parameters
        positional = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if positional[: len(self.inputs)] == self.inputs:
            return None
        named = {p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        return self.inputs if named.issuperset(self.inputs) else None

    def __call__(self, tensors):
        """Outputs by name of tensors in the order of the inputs."""
        return dict(zip(*self._named(self._call(tensors))))

    def try_call(self, tensors, what):
        """The same; what a module raises becomes one line."""
        try:
            return self(tensors)
        except Refused:
            raise
        except Exception as error:  # whatever a user's module raises
            shapes = ", ".join(f"{name} {str(x.dtype)[6:]} {list(x.shape)}" for name, x in zip(self.inputs, tensors))
            raise Refused(f"the model cannot be run {what} with {shapes}: {first_line(error)}") from error

    def _call(self, tensors):
        return self.module(*tensors) if self.keywords is None else self.module(**dict(zip(self.keywords, tensors)))

    def _named(self, result):
        flat, ignored = [], []
        _flatten("", result, flat, ignored)
        if not flat:
            raise Refused(f"the model returns no tensor but a {type(result).__name__}; wrap it in a module that returns one, or a "
                          "tuple or dictionary of them.")
        if self.outputs is None:
            self.outputs = self._names([name for name, _ in flat])
            self.ignored = ignored
        return self.outputs, [tensor for _, tensor in flat]

    def _names(self, found):
        names = ["output" if not name else f"output_{name}" if name[0].isdigit() else name for name in found]
        if self._wanted:
            if len(self._wanted) != len(names):
                raise Refused(f"--output-names has {len(self._wanted)} names, but the model has {len(names)} outputs: {', '.join(names)}.")
            names = list(self._wanted)
        names = [name + "_out" if name in self.inputs else name for name in names]
        if len(set(names)) < len(names):
            raise Refused(f"outputs share a name: {', '.join(names)}; --output-names gives others.")
        return names

    @contextlib.contextmanager
    def as_graph(self, recorder=None):
        """For an exporter: within, the module takes the inputs and returns the flat outputs as a tuple, then what a recorder keeps."""
        inner = self.module.forward
        own = "forward" in self.module.__dict__
        keywords, network = self.keywords, self

        def forward(*tensors):
            if recorder is not None:
                recorder.clear()
            result = inner(*tensors) if keywords is None else inner(**dict(zip(keywords, tensors)))
            outputs = network._named(result)[1] + ([] if recorder is None else [tensor for _, tensor in recorder.kept()])
            return outputs[0] if len(outputs) == 1 else tuple(outputs)

        # Exporters read the parameters' names from the signature.
        forward.__signature__ = inspect.Signature([inspect.Parameter(f"input_{i}", inspect.Parameter.POSITIONAL_OR_KEYWORD)
                                                   for i in range(len(self.inputs))])
        self.module.forward = forward
        try:
            yield self.module
        finally:
            if own:
                self.module.forward = inner
            else:
                del self.module.forward


def _flatten(name, value, flat, ignored):
    if isinstance(value, torch.Tensor):
        flat.append((name, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            _flatten(f"{name}_{key}" if name else str(key), item, flat, ignored)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        _flatten(name, value._asdict(), flat, ignored)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _flatten(f"{name}_{i}" if name else str(i) if len(value) > 1 else "", item, flat, ignored)
    elif hasattr(value, "__dataclass_fields__"):
        _flatten(name, {key: getattr(value, key) for key in value.__dataclass_fields__}, flat, ignored)
    elif value is not None:
        ignored.append(f"{name or 'output'} ({type(value).__name__})")


class Recorder:
    """Outputs of a module's parts in the order in which they are done; a part that is called again is ``path#2`` and so on.

    Kept are floating-point tensors of leaf modules and of those others that do more than pass on what a part of theirs gave;
    of a tuple the first tensor. The module itself is left out: its outputs are the model's.
    """

    def __init__(self, module, keys=None):
        self._module = module
        self._keys = None if keys is None else set(keys)
        self.types = {}
        self.skipped = {}
        self.clear()

    def clear(self):
        """Forgets what was recorded."""
        self._calls = {}
        self._active = []
        self._records = []

    def kept(self):
        """Pairs of path and tensor."""
        return [(key, tensor) for key, tensor, _, _ in self._records]

    @contextlib.contextmanager
    def attached(self):
        """Records what runs within."""
        self.clear()
        handles = []
        try:
            for path, part in self._module.named_modules():
                if path and not isinstance(part, torch.jit.ScriptModule):
                    handles.append(part.register_forward_pre_hook(self._enter))
                    handles.append(part.register_forward_hook(self._leave(path)))
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, part, inputs):
        self._active.append(len(self._records))

    def _leave(self, path):
        def hook(part, inputs, output):
            inside = self._records[self._active.pop():]
            call = self._calls[path] = self._calls.get(path, 0) + 1
            key = path if call == 1 else f"{path}#{call}"
            tensor = _first(output)
            if tensor is None or not tensor.is_floating_point():
                self.skipped[key] = "gives no tensor" if tensor is None else f"gives {str(tensor.dtype)[6:]}"
            elif (key in self._keys if self._keys is not None
                  else not any(tensor is other and _version(tensor) == v for _, _, other, v in inside)):
                # A copy: what follows may change it in place.
                self.types[key] = type(part).__name__
                self._records.append((key, tensor.clone(), tensor, _version(tensor)))
        return hook


def _version(tensor):
    """How often a tensor was changed in place; inference tensors do not tell."""
    return 0 if tensor.is_inference() else tensor._version


def _first(output):
    if isinstance(output, torch.Tensor):
        return output
    flat = []
    _flatten("", output, flat, [])
    return next((tensor for _, tensor in flat if tensor.is_floating_point()), None)
