using System.Buffers.Binary;
using System.Text;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Tests.Native;

[Platform("Linux")]
public sealed class ElfSymbolPatchTests
{
    private byte[] _library = [];

    [OneTimeSetUp]
    public void ReadTorchSharp() => _library = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"));

    [Test]
    public void Apply_ToTorchSharp_ChangesNameVersionAndFlagAlone()
    {
        var patched = ElfSymbolPatch.Apply(_library);

        Assert.That(patched, Has.Length.EqualTo(_library.Length));
        var runs = Differences(_library, patched);
        Assert.That(runs.Select(run => run.Length), Is.EqualTo(new[] { 28, 1, 1 }), "lengths of the changed stretches");
        var name = Encoding.ASCII.GetBytes("_ZSt21ios_base_library_initv\0");
        Assert.That(runs[0].Start, Is.EqualTo(_library.AsSpan().IndexOf(name)), "the dynamic string table comes before the ordinary one");
        Assert.That(Encoding.ASCII.GetString(patched, runs[0].Start, 28), Is.EqualTo("sched_yield".PadRight(28, '\0')));
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(patched.AsSpan(runs[1].Start)), Is.EqualTo(1));
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(patched.AsSpan(runs[2].Start)), Is.EqualTo(2));
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(patched.AsSpan(runs[2].Start - 4)), Is.EqualTo(ElfHash("GLIBCXX_3.4.32")),
            "hash before the flags");
    }

    [Test]
    public void Apply_LeavesItsInputUntouched()
    {
        var copy = _library.ToArray();
        ElfSymbolPatch.Apply(copy);
        Assert.That(copy.AsSpan().SequenceEqual(_library), Is.True);
    }

    [Test]
    public void Apply_ToPatchedFile_ChangesNothing()
    {
        var once = ElfSymbolPatch.Apply(_library);
        var twice = ElfSymbolPatch.Apply(once);
        Assert.That(twice.AsSpan().SequenceEqual(once), Is.True);
    }

    [Test]
    public void Apply_ToOtherFiles_SaysWhatTheyAre()
    {
        var thirtyTwoBit = _library.ToArray();
        thirtyTwoBit[4] = 1;
        Assert.Multiple(() =>
        {
            Assert.That(() => ElfSymbolPatch.Apply([]), Refuses("is not an ELF file"));
            Assert.That(() => ElfSymbolPatch.Apply(Encoding.ASCII.GetBytes(new string('x', 1000))), Refuses("is not an ELF file"));
            Assert.That(() => ElfSymbolPatch.Apply(thirtyTwoBit), Refuses("is not a 64-bit little-endian ELF file"));
            Assert.That(() => ElfSymbolPatch.Apply(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libc10.so"))),
                Refuses("asks for GLIBCXX_3.4.32 0 times where once was expected"));
        });
    }

    [Test]
    public void Apply_ToTruncatedFile_Refuses([Values(63, 64, 200, 10_000, 100_000, 200_000, 260_000, 1_000_000, 1_900_000)] int length) =>
        Assert.That(() => ElfSymbolPatch.Apply(_library.AsSpan(0, length)), Throws.TypeOf<InvalidDataException>());

    [Test]
    public void Apply_WhereAnotherSymbolNeedsTheVersion_NamesIt()
    {
        var elf = new ElfFile(_library);
        var index = elf.VersionNeeds.Single(need => need.Name == "GLIBCXX_3.4.32").Index;
        var other = Enumerable.Range(1, elf.SymbolCount - 1).First(
            i => elf.String(elf.SymbolName(i)) == "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE");
        var library = _library.ToArray();
        BinaryPrimitives.WriteUInt16LittleEndian(library.AsSpan(elf.VersionSymbols + (2 * other)), (ushort)index);

        Assert.That(() => ElfSymbolPatch.Apply(library),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("_ZNSt18condition_variable4wait"));
    }

    [Test]
    public void Apply_WhereTheNameIsShared_Refuses()
    {
        var elf = new ElfFile(_library);
        var symbols = Enumerable.Range(1, elf.SymbolCount - 1).ToList();
        var name = elf.SymbolName(symbols.Single(i => elf.String(elf.SymbolName(i)) == ElfSymbolPatch.Symbol));
        var library = _library.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(library.AsSpan(elf.SymbolTable + (24 * symbols[5])), (uint)name + 6);

        Assert.That(() => ElfSymbolPatch.Apply(library), Refuses("shares the name of _ZSt21ios_base_library_initv with another symbol"));
    }

    [Test]
    public void Apply_ToCorruptTables_ThrowsNothingElse()
    {
        const int seed = 20;
        var random = new Random(seed);
        var elf = new ElfFile(_library);
        var tables = new[] { 0, 32, 64, 120, 400, elf.SymbolTable, elf.VersionSymbols, elf.VersionNeeds[0].FlagsOffset, 0x1d4b18 };
        for (var trial = 0; trial < 60; trial++)
        {
            var library = _library.ToArray();
            var at = tables[random.Next(tables.Length)] + random.Next(400);
            random.NextBytes(library.AsSpan(at, 16));
            try
            {
                ElfSymbolPatch.Apply(library);
            }
            catch (InvalidDataException)
            {
                // A refusal, and a patch of what the damage did not touch, are both right; any other exception is not.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, trial {trial}, byte {at}: {e}");
            }
        }
    }

    private static NUnit.Framework.Constraints.Constraint Refuses(string message) =>
        Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(message);

    private static List<(int Start, int Length)> Differences(byte[] a, byte[] b)
    {
        List<(int Start, int Length)> runs = [];
        for (var i = 0; i < a.Length; i++)
        {
            if (a[i] == b[i]) continue;
            if (runs.Count > 0 && runs[^1].Start + runs[^1].Length == i) runs[^1] = (runs[^1].Start, runs[^1].Length + 1);
            else runs.Add((i, 1));
        }

        return runs;
    }

    /// <summary>The hash that the ELF specification gives for names.</summary>
    private static uint ElfHash(string name)
    {
        uint hash = 0;
        foreach (var letter in name)
        {
            hash = (hash << 4) + letter;
            var high = hash & 0xf0000000;
            hash = (hash ^ (high >> 24)) & ~high;
        }

        return hash;
    }
}
