"""What is asked with: ONNX files and images, written by hand, so that nothing is needed for them."""
import struct
import zlib

# Type of the protocol: number in ONNX, and format of Python's struct.
TYPES = {
    "BOOL": (9, "?"), "UINT8": (2, "B"), "UINT16": (4, "H"), "UINT32": (12, "I"), "UINT64": (13, "Q"), "INT8": (3, "b"),
    "INT16": (5, "h"), "INT32": (6, "i"), "INT64": (7, "q"), "FP16": (10, "e"), "FP32": (1, "f"), "FP64": (11, "d"), "BYTES": (8, None),
}
VALUES = {
    "BOOL": [True, False, True, True, False, False], "UINT64": [0, 1, 2 ** 63, 2 ** 64 - 1, 7, 8],
    "INT64": [0, -1, 2 ** 62, -2 ** 63, 7, 8], "INT8": [0, -1, 127, -128, 7, 8], "BYTES": ["", "a", "größer", "x" * 300, "\n", "\"q\""],
    "FP16": [0.0, 1.5, -2.25, 65504.0, 0.125, -0.5], "FP32": [0.0, 0.1, -1e-30, 3e38, 1 / 3, 2.0], "FP64": [0.0, 0.1, -1e-300, 1e308,
    1 / 3, 2],
}


def values(kind):
    """Six values of a type, as Python has them after they went through it."""
    found = VALUES.get(kind, [0, 1, 2, 3, 100, 120])
    return found if kind == "BYTES" else list(struct.unpack(f"<6{TYPES[kind][1]}", struct.pack(f"<6{TYPES[kind][1]}", *found)))


def raw(kind, elements):
    """Elements as bytes on the wire."""
    if kind != "BYTES":
        return struct.pack(f"<{len(elements)}{TYPES[kind][1]}", *elements)
    parts = [one if isinstance(one, bytes) else one.encode() for one in elements]
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def unraw(kind, data):
    """The elements of bytes on the wire; BYTES as bytes."""
    if kind != "BYTES":
        return list(struct.unpack(f"<{len(data) // struct.calcsize(TYPES[kind][1])}{TYPES[kind][1]}", data))
    found = []
    while data:
        size, = struct.unpack_from("<I", data)
        found.append(data[4:4 + size])
        data = data[4 + size:]
    return found


def _tag(number, payload):
    if isinstance(payload, int):
        return _varint(number << 3) + _varint(payload)
    payload = payload.encode() if isinstance(payload, str) else payload
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def identity(kind):
    """An ONNX file whose output `y` is its input `x`, of two free dimensions."""
    def tensor(name):
        dims = b"".join(_tag(1, _tag(2, one)) for one in ("rows", "columns"))
        return _tag(1, name) + _tag(2, _tag(1, _tag(1, TYPES[kind][0]) + _tag(2, dims)))

    node = _tag(1, "x") + _tag(2, "y") + _tag(4, "Identity")
    graph = _tag(1, node) + _tag(2, "g") + _tag(11, tensor("x")) + _tag(12, tensor("y"))
    return _tag(1, 8) + _tag(7, graph) + _tag(8, _tag(2, 13))


def png(rows, size=None):
    """A grey PNG of rows of bytes; with another size than it has in its header, if one is given."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    width, height = size or (len(rows[0]), len(rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows)))
            + chunk(b"IEND", b""))


def picture(number, size=48):
    """Rows of an image: a bright square on a slope."""
    return [bytes(230 if number + 8 < x < number + 28 and 12 < y < 30 else (2 * x + y) % 90 for x in range(size)) for y in range(size)]
