#!/usr/bin/env python3
"""Asks a DiffeoNN.Onnx server about images, with Python's standard library and binary tensors.

    infer.py http://localhost:8080 shapes image.png [image.png ...] [--steps 20] [--mask mask.pgm] [--key KEY]

Prints a line of JSON an image: the bundle's usual outputs, of a mask the pixels of each class. --mask writes the first image's classes.
Without --key the key is DIFFEONN_KEY's.
"""
import argparse
import http.client
import json
import math
import os
import pathlib
import struct
import sys
import time
import urllib.error
import urllib.request

FORMATS = {"BOOL": "?", "UINT8": "B", "INT32": "i", "INT64": "q", "FP32": "f", "FP64": "d"}
TRIES = 5
MOST = 1000    # Numbers that are printed of an output; of larger ones their shape.


def of_files(files):
    """Files as a tensor of BYTES: each its length in 4 bytes, little-endian, and then its own."""
    return b"".join(struct.pack("<I", len(file)) + file for file in files)


def request(url, files, parameters, key):
    """A request for the usual outputs: JSON, and the tensors behind it."""
    data = of_files(files)
    head = json.dumps({
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(files)], "parameters": {"binary_data_size": len(data)}}],
        "parameters": {"binary_data_output": True, **parameters},
    }).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return urllib.request.Request(url, head + data, headers)


def ask(asked):
    """Sends it, and again where the server has too much to do and says when."""
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(asked) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503 or left == 0:
                sys.exit(f"{error.code}: {reason(error)}")
            time.sleep(float(error.headers.get("Retry-After", 1)))
        except (OSError, http.client.HTTPException) as error:
            sys.exit(f"{asked.full_url} was not reached: {getattr(error, 'reason', error)}")
    return None


def reason(error):
    """What the server says, or who answers in its place."""
    body = error.read()
    try:
        return json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return error.reason


def texts(data):
    """The elements of BYTES."""
    while data:
        size, = struct.unpack_from("<I", data)
        yield data[4:4 + size].decode()
        data = data[4 + size:]


def tensors(headers, body):
    """The outputs: name to shape and numbers, or texts."""
    length = int(headers["Inference-Header-Content-Length"])
    at, found = length, {}
    for output in json.loads(body[:length])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        data, at = body[at:at + size], at + size
        kind = output["datatype"]
        values = list(texts(data)) if kind == "BYTES" else struct.unpack(f"<{math.prod(output['shape'])}{FORMATS[kind]}", data)
        found[output["name"]] = (output["shape"], values)
    return found


def nested(shape, values):
    """Numbers by their shape, as JSON has them."""
    if len(shape) == 0:
        return values[0]
    size = math.prod(shape[1:])
    return [nested(shape[1:], values[i * size:(i + 1) * size]) for i in range(shape[0])]


def told(name, shape, values):
    """What is printed of an image's output."""
    if name == "mask":
        return {str(label): values.count(label) for label in sorted(set(values))}
    return nested(shape, values) if len(values) <= MOST else f"{'x'.join(map(str, shape))} numbers"


def main():
    """Asks, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("model")
    parser.add_argument("image", nargs="+", type=pathlib.Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--mask", type=pathlib.Path)
    parser.add_argument("--key", default=os.environ.get("DIFFEONN_KEY"))
    given = parser.parse_args()
    parameters = {} if given.steps is None else {"steps": given.steps}
    url = f"{given.server.rstrip('/')}/v2/models/{given.model}/infer"
    try:
        files = [path.read_bytes() for path in given.image]
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
    found = tensors(*ask(request(url, files, parameters, given.key)))
    for i, path in enumerate(given.image):
        line = {"image": path.name}
        for name, (shape, values) in found.items():
            size = math.prod(shape[1:])
            line["pixels" if name == "mask" else name] = told(name, shape[1:], values[i * size:(i + 1) * size])
        print(json.dumps(line))
    if given.mask:
        if "mask" not in found:
            sys.exit(f"{given.model} answers no mask; it has {', '.join(found)}.")
        (_, height, width), labels = found["mask"]
        labels = labels[:height * width]
        try:
            given.mask.write_bytes(b"P5 %d %d %d\n" % (width, height, max(1, *labels)) + bytes(labels))
        except OSError as error:
            sys.exit(f"{error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
