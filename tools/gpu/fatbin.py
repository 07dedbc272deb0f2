"""Leaves one GPU architecture's machine code in a library and takes that of the others out, for a machine whose GPU is known.

``thin FILE REST --arch 90`` makes each container of GPU code one that holds code for this architecture alone, where it stands, followed by
zeros, which pack to nothing; what was taken out goes to REST. ``restore FILE REST`` puts it back. A container without code for the
architecture is left as it is.
"""

import argparse
import io
import json
import struct
from pathlib import Path

MAGIC, CODE = 0xBA55ED50, 2
FAT_HEADER, ENTRY_HEADER = struct.Struct("<IHHQ"), struct.Struct("<HHIQ")
SIZE, ARCHITECTURE = 8, 28


def section(data, name):
    """Where a section of a 64-bit ELF file begins and ends."""
    if data[:5] != b"\x7fELF\x02":
        raise SystemExit("error: the file is no 64-bit ELF library.")
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        if bytes(data[start : data.index(b"\0", start)]) == name:
            return header[4], header[4] + header[5]
    raise SystemExit(f"error: the file has no section {name.decode()}; expected a library with code for GPUs.")


def containers(data):
    """For each container its first byte, where its entries begin, and those: architecture, whether code, first and last byte."""
    at, end = section(data, b".nv_fatbin")
    while at < end:
        magic, _, header, size = FAT_HEADER.unpack_from(data, at) if at + FAT_HEADER.size <= end else (0, 0, 0, 0)
        if magic != MAGIC:
            at += 8
            continue
        entries, entry, stop = [], at + header, at + header + size
        while entry < stop:
            kind, _, head, length = ENTRY_HEADER.unpack_from(data, entry)
            (architecture,) = struct.unpack_from("<I", data, entry + ARCHITECTURE)
            if entry + head + length > stop:
                raise SystemExit(f"error: the container at byte {at} has an entry that goes beyond its end; its format is another one.")
            entries.append((architecture, kind == CODE, entry, entry + head + length))
            entry += head + length
        yield at, at + header, entries
        at = stop


def thin(path, rest, architecture):
    """Takes the code of other architectures out; returns the bytes taken and kept."""
    data = path.read_bytes()
    result, taken, plan = bytearray(data), [], []
    for at, begin, entries in containers(data):
        stays = [not code or found == architecture for found, code, _, _ in entries]
        if all(stays) or not any(code and found == architecture for found, code, _, _ in entries):
            continue
        kept = b"".join(data[first:last] for (_, _, first, last), stay in zip(entries, stays) if stay)
        taken += [data[first:last] for (_, _, first, last), stay in zip(entries, stays) if not stay]
        end = entries[-1][3]
        result[begin:end] = kept.ljust(end - begin, b"\0")
        struct.pack_into("<Q", result, at + SIZE, len(kept))
        plan.append((at, begin, [(last - first, stay) for (_, _, first, last), stay in zip(entries, stays)]))
    head = json.dumps({"size": len(data), "containers": plan}).encode()
    rest.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(taken))
    path.write_bytes(result)
    return sum(map(len, taken)), sum(length for _, _, entries in plan for length, stay in entries if stay)


def restore(path, rest):
    """Puts back what ``thin`` took out."""
    with rest.open("rb") as source, path.open("r+b") as target:
        (length,) = struct.unpack("<Q", source.read(8))
        head = json.loads(source.read(length))
        if path.stat().st_size != head["size"]:
            raise SystemExit(f"error: '{path}' has {path.stat().st_size} bytes; what was taken out is of a file of {head['size']}.")
        for at, begin, entries in head["containers"]:
            total, kept = sum(size for size, _ in entries), sum(size for size, stay in entries if stay)
            target.seek(at + SIZE)
            (found,) = struct.unpack("<Q", target.read(8))
            if found == total:
                raise SystemExit(f"error: '{path}' has its code already.")
            target.seek(begin)
            code = io.BytesIO(target.read(kept))
            target.seek(at + SIZE)
            target.write(struct.pack("<Q", total))
            target.seek(begin)
            for size, stay in entries:
                target.write((code if stay else source).read(size))


def main():
    parser = argparse.ArgumentParser(description="Takes GPU code of other architectures out of a library, and puts it back.")
    parser.add_argument("action", choices=("thin", "restore"))
    parser.add_argument("file", type=Path)
    parser.add_argument("rest", type=Path)
    parser.add_argument("--arch", type=int, help="compute capability that stays, as 90")
    options = parser.parse_args()
    for path in [options.file] + ([options.rest] if options.action == "restore" else []):
        if not path.is_file():
            raise SystemExit(f"error: '{path}' is no file.")
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
