"""Leaves one GPU architecture's machine code in a library and takes that of the others out, for a machine whose GPU is known.

``thin FILE REST --arch 90`` overwrites the code of other architectures with zeros, which pack to nothing, and writes what was there to
REST; all addresses stay. ``restore FILE REST`` puts it back. A container without code for the architecture is left as it is.
"""

import argparse
import json
import struct
from pathlib import Path

MAGIC, CODE = 0xBA55ED50, 2
FAT_HEADER, ENTRY_HEADER = struct.Struct("<IHHQ"), struct.Struct("<HHIQ")
ARCHITECTURE = 28


def section(data, name):
    """Where a section of a 64-bit ELF file begins and ends."""
    if data[:5] != b"\x7fELF\x02":
        raise SystemExit("error: the file is no 64-bit ELF library.")
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        if bytes(data[start:data.index(b"\0", start)]) == name:
            return header[4], header[4] + header[5]
    raise SystemExit(f"error: the file has no section {name.decode()}; expected a library with code for GPUs.")


def containers(data):
    """For each container of GPU code its entries: architecture, whether it is machine code, first and last byte."""
    at, end = section(data, b".nv_fatbin")
    while at < end:
        magic, _, header, size = FAT_HEADER.unpack_from(data, at) if at + FAT_HEADER.size <= end else (0, 0, 0, 0)
        if magic != MAGIC:
            at += 8
            continue
        entries, entry, stop = [], at + header, at + header + size
        while entry < stop:
            kind, _, head, length = ENTRY_HEADER.unpack_from(data, entry)
            architecture, = struct.unpack_from("<I", data, entry + ARCHITECTURE)
            if entry + head + length > stop:
                raise SystemExit(f"error: the container at byte {at} has an entry that goes beyond its end; its format is another one.")
            entries.append((architecture, kind == CODE, entry + head, entry + head + length))
            entry += head + length
        yield entries
        at = stop


def thin(path, rest, architecture):
    """Takes the code of other architectures out; returns the bytes taken and kept."""
    data = bytearray(path.read_bytes())
    ranges, kept = [], 0
    for entries in containers(data):
        has = any(code and found == architecture for found, code, _, _ in entries)
        for found, code, first, last in entries:
            if has and code and found != architecture:
                ranges.append((first, last))
            else:
                kept += last - first
    head = json.dumps({"size": len(data), "ranges": ranges}).encode()
    with rest.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for first, last in ranges:
            file.write(data[first:last])
            data[first:last] = bytes(last - first)
    path.write_bytes(data)
    return sum(last - first for first, last in ranges), kept


def restore(path, rest):
    """Puts back what ``thin`` took out."""
    with rest.open("rb") as source, path.open("r+b") as target:
        length, = struct.unpack("<Q", source.read(8))
        head = json.loads(source.read(length))
        if path.stat().st_size != head["size"]:
            raise SystemExit(f"error: '{path}' has {path.stat().st_size} bytes; what was taken out is of a file of {head['size']}.")
        for first, last in head["ranges"]:
            target.seek(first)
            target.write(source.read(last - first))


def main():
    parser = argparse.ArgumentParser(description="Takes GPU code of other architectures out of a library, and puts it back.")
    parser.add_argument("action", choices=("thin", "restore"))
    parser.add_argument("file", type=Path)
    parser.add_argument("rest", type=Path)
    parser.add_argument("--arch", type=int, help="compute capability that stays, as 90")
    options = parser.parse_args()
    if options.action == "restore":
        restore(options.file, options.rest)
    elif options.arch is None:
        parser.error("thin needs --arch.")
    else:
        taken, kept = thin(options.file, options.rest, options.arch)
        if not taken:
            raise SystemExit(f"error: '{options.file}' holds nothing to take out beside code for {options.arch}.")
        print(f"{taken / 1e6:.0f} MB of GPU code taken out, {kept / 1e6:.0f} MB kept")


if __name__ == "__main__":
    main()
