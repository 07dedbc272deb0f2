using System.Buffers.Binary;
using System.Text;

namespace DiffeoNN.Onnx.Native;

/// <summary>Takes one no-op symbol of a newer libstdc++ out of a shared library, so that an older libstdc++ can serve it.</summary>
/// <remarks>
/// GCC 13 emits a reference to <c>std::ios_base_library_init()</c> in every file that includes <c>iostream</c>. The function is empty:
/// it makes sure that the standard streams are initialised, which an older libstdc++ does by itself. Three edits take the reference out:
/// the symbol gets the name of a function libc has and whose call is harmless, it becomes unversioned,
/// and the version it came with becomes weak.
/// </remarks>
internal static class ElfSymbolPatch
{
    /// <summary>The symbol that is taken out.</summary>
    public const string Symbol = "_ZSt21ios_base_library_initv";

    /// <summary>The version of libstdc++ it came with.</summary>
    public const string Version = "GLIBCXX_3.4.32";

    /// <summary>What is called in its place: takes no argument, its result is ignored.</summary>
    public const string Replacement = "sched_yield";

    private const int Unversioned = 1;
    private const int Weak = 2;

    /// <summary>Patches a library.</summary>
    /// <param name="library">The whole file; left untouched.</param>
    /// <returns>The patched file, of the same length; an equal copy if it is patched already.</returns>
    /// <exception cref="InvalidDataException">The file is not what the patch was made for; the message ends a sentence "X ...".</exception>
    public static byte[] Apply(ReadOnlySpan<byte> library)
    {
        var result = library.ToArray();
        try
        {
            return Patch(result);
        }
        catch (Exception e) when (e is OverflowException or ArgumentOutOfRangeException or IndexOutOfRangeException)
        {
            throw new InvalidDataException("has an offset outside the file", e);
        }
    }

    private static byte[] Patch(byte[] result)
    {
        var elf = new ElfFile(result);
        var needs = elf.VersionNeeds.Where(need => need.Name == Version).ToList();
        if (needs.Count != 1) throw new InvalidDataException($"asks for {Version} {needs.Count} times where once was expected");
        var need = needs[0];
        var users = Enumerable.Range(0, elf.SymbolCount).Where(i => elf.SymbolVersion(i) == need.Index).ToList();
        if (users.Count == 0 && need.Flags == Weak && HasReplacement(elf)) return result;

        if (users.Count != 1 || elf.String(elf.SymbolName(users[0])) != Symbol)
        {
            var found = users.Count == 0 ? "nothing" : string.Join(", ", users.Select(i => elf.String(elf.SymbolName(i))));
            throw new InvalidDataException($"needs {found} of {Version} where {Symbol} alone was expected");
        }

        if (need.Flags != 0) throw new InvalidDataException($"carries flags {need.Flags} on {Version} where 0 was expected");
        var symbol = users[0];
        if (!elf.IsUndefined(symbol)) throw new InvalidDataException($"defines {Symbol} itself");
        var name = elf.SymbolName(symbol);
        RequireUnshared(elf, name, symbol);

        var text = result.AsSpan(elf.StringTable + name, Symbol.Length);
        text.Clear();
        Encoding.ASCII.GetBytes(Replacement, text);
        BinaryPrimitives.WriteUInt16LittleEndian(result.AsSpan(elf.VersionSymbols + (symbol * 2)), Unversioned);
        BinaryPrimitives.WriteUInt16LittleEndian(result.AsSpan(need.FlagsOffset), Weak);
        return result;
    }

    private static bool HasReplacement(ElfFile elf) => Enumerable.Range(0, elf.SymbolCount).Any(i =>
        elf.IsUndefined(i) && elf.SymbolVersion(i) == Unversioned && elf.String(elf.SymbolName(i)) == Replacement);

    /// <summary>Linkers let one string end inside another; renaming such a string would rename the other as well.</summary>
    private static void RequireUnshared(ElfFile elf, int name, int symbol)
    {
        bool Overlaps(int index) => index >= name && index <= name + Symbol.Length;
        var shared = elf.OtherStringReferences.Any(Overlaps)
            || Enumerable.Range(0, elf.SymbolCount).Any(i => i != symbol && Overlaps(elf.SymbolName(i)))
            || (name > 0 && elf.String(name - 1).Length > Symbol.Length);
        if (shared) throw new InvalidDataException($"shares the name of {Symbol} with another symbol");
    }
}
