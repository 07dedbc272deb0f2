using System.Buffers.Binary;
using System.Text;

namespace DiffeoNN.Onnx.Native;

/// <summary>The few tables of an ELF64 little-endian shared library that its dynamic linker reads, with every offset checked.</summary>
/// <remarks>Found through the program headers and the dynamic section, so a stripped library reads as well. Source:
/// ELF gABI and the LSB's symbol versioning.</remarks>
internal sealed class ElfFile
{
    private const ulong TagNull = 0, TagNeeded = 1, TagStringTable = 5, TagSymbolTable = 6,
        TagStringTableSize = 10, TagSoName = 14, TagRPath = 15,
        TagRunPath = 29, TagVersionSymbols = 0x6ffffff0, TagVersionNeeds = 0x6ffffffe, TagVersionNeedCount = 0x6fffffff;

    private readonly byte[] _bytes;
    private readonly List<(ulong Address, ulong Offset, ulong Size)> _segments = [];
    private readonly Dictionary<ulong, ulong> _tags = [];
    private readonly List<int> _stringReferences = [];
    private readonly List<int> _needed = [];

    /// <param name="bytes">The whole file; read as is, not copied.</param>
    /// <exception cref="InvalidDataException">Not such a library, or an offset points outside the file;
    /// the message ends a sentence "X ...".</exception>
    public ElfFile(byte[] bytes)
    {
        _bytes = bytes;
        if (bytes.Length < 64 || !bytes.AsSpan(0, 4).SequenceEqual("\u007fELF"u8)) throw new InvalidDataException("is not an ELF file");
        if (bytes[4] != 2 || bytes[5] != 1) throw new InvalidDataException("is not a 64-bit little-endian ELF file");
        ReadSegments();
        StringTable = FileOffset(Tag(TagStringTable, "string table"));
        StringTableSize = checked((int)Tag(TagStringTableSize, "string table size"));
        Require(StringTable, StringTableSize, "string table");
        SymbolTable = FileOffset(Tag(TagSymbolTable, "symbol table"));
        VersionSymbols = FileOffset(Tag(TagVersionSymbols, "symbol version table"));
        // Linkers place .dynstr right behind .dynsym; the dynamic section itself does not tell how many symbols there are.
        var size = StringTable - SymbolTable;
        if (size <= 0 || size % SymbolSize != 0) throw new InvalidDataException("has no string table right behind its symbol table");
        SymbolCount = size / SymbolSize;
        Require(SymbolTable, size, "symbol table");
        Require(VersionSymbols, SymbolCount * 2, "symbol version table");
        VersionNeeds = ReadVersionNeeds();
    }

    public const int SymbolSize = 24;

    public int StringTable { get; }

    public int StringTableSize { get; }

    public int SymbolTable { get; }

    public int SymbolCount { get; }

    public int VersionSymbols { get; }

    public IReadOnlyList<ElfVersionNeed> VersionNeeds { get; }

    /// <summary>File names of the libraries it asks for.</summary>
    public IReadOnlyList<string> Needed => [.. _needed.Select(String)];

    /// <summary>Index into the string table of symbol <paramref name="i"/>'s name.</summary>
    public int SymbolName(int i) => checked((int)U32(SymbolTable + (i * SymbolSize)));

    /// <summary>Whether symbol <paramref name="i"/> is only referred to, and defined elsewhere.</summary>
    public bool IsUndefined(int i) => U16(SymbolTable + (i * SymbolSize) + 6) == 0;

    /// <summary>Version index of symbol <paramref name="i"/>; 1 is unversioned.</summary>
    public int SymbolVersion(int i) => U16(VersionSymbols + (i * 2)) & 0x7fff;

    /// <summary>Every index into the string table that is not a symbol's: libraries needed, search paths, versions.</summary>
    public IReadOnlyList<int> OtherStringReferences => _stringReferences;

    /// <summary>A string of the string table.</summary>
    public string String(int index)
    {
        if (index < 0 || index >= StringTableSize)
            throw new InvalidDataException($"refers to string {index} of a table of {StringTableSize} bytes");
        var rest = _bytes.AsSpan(StringTable + index, StringTableSize - index);
        var length = rest.IndexOf((byte)0);
        return length >= 0 ? Encoding.UTF8.GetString(rest[..length]) : throw new InvalidDataException("has a string without an end");
    }

    private void ReadSegments()
    {
        var headers = checked((int)U64(32));
        int headerSize = U16(54), count = U16(56);
        if (headerSize < 56) throw new InvalidDataException("has malformed program headers");
        Require(headers, checked(headerSize * count), "program headers");
        (int Offset, int Size)? dynamic = null;
        for (var i = 0; i < count; i++)
        {
            var at = headers + (i * headerSize);
            ulong type = U32(at), offset = U64(at + 8), address = U64(at + 16), size = U64(at + 32);
            if (type is not (1 or 2)) continue;
            if (offset > (ulong)_bytes.Length || size > (ulong)_bytes.Length - offset)
                throw new InvalidDataException($"is truncated: it has {_bytes.Length} bytes and its segments end at {offset + size}");
            if (type == 1) _segments.Add((address, offset, size));
            else dynamic = ((int)offset, (int)size);
        }

        if (dynamic is not { } section) throw new InvalidDataException("is not a shared library: it has no dynamic section");
        for (var at = section.Offset; at + 16 <= section.Offset + section.Size; at += 16)
        {
            ulong tag = U64(at), value = U64(at + 8);
            if (tag == TagNull) break;
            if (tag is TagNeeded or TagSoName or TagRPath or TagRunPath) _stringReferences.Add(checked((int)value));
            else _tags[tag] = value;
            if (tag == TagNeeded) _needed.Add(checked((int)value));
        }
    }

    private List<ElfVersionNeed> ReadVersionNeeds()
    {
        List<ElfVersionNeed> result = [];
        var at = FileOffset(Tag(TagVersionNeeds, "version needs"));
        for (var left = Tag(TagVersionNeedCount, "version needs"); left > 0; left--)
        {
            Require(at, 16, "version needs");
            var library = checked((int)U32(at + 4));
            _stringReferences.Add(library);
            var entry = checked(at + (int)U32(at + 8));
            for (var i = U16(at + 2); i > 0; i--)
            {
                Require(entry, 16, "version needs");
                var name = checked((int)U32(entry + 8));
                _stringReferences.Add(name);
                result.Add(new ElfVersionNeed(String(library), String(name), Index: U16(entry + 6), Flags: U16(entry + 4),
                    FlagsOffset: entry + 4));
                entry = checked(entry + (int)U32(entry + 12));
            }

            at = checked(at + (int)U32(at + 12));
        }

        return result;
    }

    private ulong Tag(ulong tag, string what) =>
        _tags.TryGetValue(tag, out var value) ? value : throw new InvalidDataException($"has no {what}");

    private int FileOffset(ulong address)
    {
        foreach (var (start, offset, size) in _segments)
            if (address >= start && address - start < size) return (int)(offset + (address - start));
        throw new InvalidDataException($"refers to address 0x{address:x}, which it does not hold");
    }

    private void Require(int offset, int size, string what)
    {
        if (offset < 0 || size < 0 || offset > _bytes.Length - size) throw new InvalidDataException($"is truncated within its {what}");
    }

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(at));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(at));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(at));
}

/// <summary>A version of a library that an ELF file asks for.</summary>
/// <param name="Library">The library's file name.</param>
/// <param name="Name">The version.</param>
/// <param name="Index">What symbols that ask for it carry.</param>
/// <param name="Flags">2: weak, its absence is forgiven.</param>
/// <param name="FlagsOffset">Where in the file the two bytes of <paramref name="Flags"/> lie.</param>
internal sealed record ElfVersionNeed(string Library, string Name, int Index, int Flags, int FlagsOffset);
