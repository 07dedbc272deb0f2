#!/usr/bin/env python3
"""Asks a DiffeoNN.Onnx server about images, with Python's standard library and binary tensors.

    infer.py http://localhost:8080 shapes image.png [image.png ...] [--steps 20] [--mask mask.pgm] [--key KEY]

Prints a line of JSON an image: what the search found, and how many pixels each class has. --mask writes the first image's classes.
"""
import argparse
import json
import math
import pathlib
import struct
import sys
import time
import urllib.error
import urllib.request

FORMATS = {"BOOL": "?", "UINT8": "B", "INT32": "i", "INT64": "q", "FP32": "f", "FP64": "d"}
TRIES = 5


def of_files(files):
    """Files as a tensor of BYTES: each its length in 4 bytes, little-endian, and then its own."""
    return b"".join(struct.pack("<I", len(file)) + file for file in files)


def request(url, files, outputs, parameters, key):
    """A request: JSON, and the tensors behind it."""
    data = of_files(files)
    head = json.dumps({
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(files)], "parameters": {"binary_data_size": len(data)}}],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs],
        "parameters": parameters,
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
                sys.exit(f"{error.code}: {json.load(error)['error']}")
            time.sleep(float(error.headers.get("Retry-After", 1)))
    return None


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


def main():
    """Asks, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("model")
    parser.add_argument("image", nargs="+", type=pathlib.Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--mask", type=pathlib.Path)
    parser.add_argument("--key")
    given = parser.parse_args()
    outputs = ["mask", "energy_before", "energy_after", "accepted", "refusal", "steps", "determinant"]
    parameters = {} if given.steps is None else {"steps": given.steps}
    url = f"{given.server}/v2/models/{given.model}/infer"
    found = tensors(*ask(request(url, [path.read_bytes() for path in given.image], outputs, parameters, given.key)))
    (_, height, width), labels = found.pop("mask")
    for i, path in enumerate(given.image):
        mask = labels[i * height * width:(i + 1) * height * width]
        pixels = {str(label): mask.count(label) for label in sorted(set(mask))}
        print(json.dumps({"image": path.name, **{name: values[i] for name, (_, values) in found.items()}, "pixels": pixels}))
    if given.mask:
        most = max(1, *labels)
        given.mask.write_bytes(b"P5 %d %d %d\n" % (width, height, most) + bytes(labels[:height * width]))


if __name__ == "__main__":
    main()
