"""Which value of an exported graph holds the output of which module.

The model is exported once more with the modules' outputs as further outputs. A value of that graph and one of the model are
the same where they are computed in the same way from the same inputs and weights; names play no part, because exporters
change them. An exposed value can keep the exporter from merging two operators (a convolution and the normalisation behind
it); such values do not exist in the model, are told to be absent, and are no longer exposed.
"""

import ast
import hashlib
import tempfile
from pathlib import Path

import onnx
from onnx import numpy_helper

from . import exporting
from .network import Recorder

ROUNDS = 5
SCOPES = "pkg.torch.onnx.name_scopes"


def find(network, request, path, exporter, keys, types, notes):
    """The value's name in the model for each recorded module, or None where the model has none.

    Where the exporter does not expose values, what it wrote about its nodes is taken instead, if it wrote anything.
    """
    model = onnx.load(str(path))
    try:
        return _by_computation(model, network, request, exporter, keys)
    except Exception as error:  # exporters raise whatever they meet
        found = by_scope(model.graph, keys, types)
        if not any(found.values()):
            notes.append(f"which values of the model the intermediates belong to is unknown: {error}")
        return found


def _by_computation(model, network, request, exporter, keys):
    names = {}
    for name, key, produced in _values(model):
        if produced:
            names.setdefault(key, name)
    found, exposed = dict.fromkeys(keys), list(keys)
    for _ in range(ROUNDS):
        graph, outputs = _exposed(network, request, exporter, exposed)
        if len(outputs) != len(exposed):
            raise ValueError(f"of {len(exposed)} values that were to be exposed the exporter wrote {len(outputs)}")
        made = _values(graph)
        computed, constant = {name: key for name, key, _ in made}, {name for name, _, produced in made if not produced}
        values = {key: names.get(computed[output]) for output, key in zip(outputs, exposed)}
        # Nothing behind a value that keeps operators apart can be found, so those go first.
        merged = _merged(graph, {output: key for output, key in zip(outputs, exposed) if values[key] is None})
        found.update({key: value for key, value in values.items() if value is not None})
        missing = [key for output, key in zip(outputs, exposed) if values[key] is None and output not in constant]
        if not missing:
            return found
        first = merged or {missing[0]}
        exposed = [key for key in exposed if key not in first]
        if not exposed:
            return found
    return found


def by_scope(graph, keys, types):
    """The value that leaves the nodes of each module, from the module paths that the dynamo exporter writes beside its nodes."""
    # For each node the modules that it belongs to; for each value those of its producer and of its users.
    scopes, producers, users = [], {}, {value.name: [set()] for value in graph.output}
    for node in graph.node:
        written = [entry.value for entry in getattr(node, "metadata_props", ()) if entry.key == SCOPES]
        # The last one is the node's own name.
        scopes.append(set(ast.literal_eval(written[0])[:-1]) if written else set())
        producers.update({name: scopes[-1] for name in node.output if name})
        for name in node.input:
            users.setdefault(name, []).append(scopes[-1])
    repeated = {key.partition("#")[0] for key in keys if "#" in key}
    found = {}
    for key in keys:
        leaving = [name for name, paths in producers.items() if key in paths and any(key not in user for user in users.get(name, []))]
        found[key] = leaving[0] if len(leaving) == 1 and key not in repeated else None
    # A normalisation without nodes of its own was merged into the convolution before it, whose value is then the normalisation's.
    for before, key in zip(keys, keys[1:]):
        if types[key].startswith("BatchNorm") and types[before].startswith("Conv") and not any(key in paths for paths in scopes):
            found[key], found[before] = found[before], None
    return found


def _exposed(network, request, exporter, keys):
    """The graph with modules' outputs exposed, and the names of those outputs."""
    recorder = Recorder(network.module, keys)
    with tempfile.TemporaryDirectory() as folder, recorder.attached():
        path = Path(folder) / "exposed.onnx"
        exporting.export(network, request, path, exporter, [], recorder)
        model = onnx.load(str(path))
    return model, [value.name for value in model.graph.output][len(request.outputs):]


def _merged(model, exposed):
    """The exposed outputs of convolutions that only feed a normalisation: in the model both are one operator."""
    producers = {name: node for node in model.graph.node for name in node.output}
    consumers = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)

    def source(name):
        while name in producers and producers[name].op_type == "Identity":
            name = producers[name].input[0]
        return name

    merged = set()
    for name, key in exposed.items():
        value = source(name)
        if value in producers and producers[value].op_type == "Conv" \
                and any(node.op_type == "BatchNormalization" and node.input[0] == value for node in consumers.get(value, [])):
            merged.add(key)
    return merged


def _values(model):
    """Each value's name, a key that says how it is computed, and whether it depends on an operator or an input."""
    keys, constant = {}, set()
    for tensor in model.graph.initializer:
        keys[tensor.name] = _hash("constant", _content(tensor))
        constant.add(tensor.name)
    for i, value in enumerate(value for value in model.graph.input if value.name not in keys):
        keys[value.name] = _hash("input", str(i))
    for node in model.graph.node:
        sources = [keys.get(name, f"outer {name}" if name else "") for name in node.input]
        for i, name in enumerate(node.output):
            if not name:
                continue
            if node.op_type == "Identity" and node.input[0] in keys:
                keys[name] = sources[0]
            elif node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].name == "value":
                keys[name] = _hash("constant", _content(node.attribute[0].t))
            else:
                keys[name] = _hash(node.domain, node.op_type, str(i), *_attributes(node), *sources)
        if all(name in constant for name in node.input):
            constant.update(node.output)
    return [(name, key, name not in constant) for name, key in keys.items()]


def _attributes(node):
    for attribute in sorted(node.attribute, key=lambda item: item.name):
        if attribute.type == onnx.AttributeProto.TENSOR:
            yield attribute.name + _content(attribute.t)
        else:
            plain = onnx.AttributeProto()
            plain.CopyFrom(attribute)
            plain.doc_string = ""
            yield plain.SerializeToString().hex()


def _content(tensor):
    array = numpy_helper.to_array(tensor)
    return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


def _hash(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
