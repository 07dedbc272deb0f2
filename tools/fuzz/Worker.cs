using DiffeoNN.Onnx.Fuzz.Mutations;

namespace DiffeoNN.Onnx.Fuzz;

/// <summary>Tries inputs one after the other in a process of its own.</summary>
/// <param name="name">The target.</param>
/// <param name="seed">With an input's number and the inputs kept so far, it chooses the input.</param>
/// <param name="folder">The worker's folder.</param>
internal sealed class Worker(string name, int seed, string folder)
{
    private const int MostKept = 4000;

    /// <summary>What takes more memory is not kept: inputs made of it would take as much, and long.</summary>
    /// <remarks>Unlike time, it is the same in each run.</remarks>
    private const long MostBytes = 8 << 20;

    private readonly HashSet<string> _paths = new(StringComparer.Ordinal);
    private readonly HashSet<string> _faults = new(StringComparer.Ordinal);

    /// <summary>Tries inputs; each fault is saved once for each place it comes from.</summary>
    public void Run(long first, long count)
    {
        using var target = FuzzTargets.Create(name, Path.Combine(folder, "files"));
        using var slot = new InputSlot(Path.Combine(folder, "current"));
        var pool = new List<byte[]>(target.Seeds);
        var seeds = pool.Count;
        long refused = 0;
        for (var i = first; i < first + count; i++)
        {
            var random = new Random(HashCode.Of(seed, i));
            var input = i - first < seeds && first == 0 ? pool[(int)i] : Next(target, pool, seeds, random);
            slot.Write(i, input, refused, _paths.Count);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var trial = Trial.Run(target, input);
            var isSmall = GC.GetAllocatedBytesForCurrentThread() - before < MostBytes;
            if (trial.Refused) refused++;
            if (trial.Fault is not null && _faults.Add(trial.Path)) Save(i, input, trial);
            if (_paths.Add(trial.Path) && pool.Count < MostKept && trial.Fault is null && isSmall) pool.Add(input);
        }

        slot.Write(first + count, [], refused, _paths.Count);
    }

    private static byte[] Next(IFuzzTarget target, List<byte[]> pool, int seeds, Random random)
    {
        // Half of the inputs come from the sound ones, which what was kept would soon outnumber.
        byte[] input = pool[random.Next(2) == 0 ? random.Next(seeds) : random.Next(pool.Count)], other = pool[random.Next(pool.Count)];
        for (var changes = 1 + random.Next(1 + random.Next(8)); changes > 0; changes--)
            input = random.Next(2) == 0 ? target.Mutate(input, other, random) : ByteMutator.Mutate(input, other, random);
        if (random.Next(8) > 0) input = target.Repair(input) ?? input;
        return input.Length <= InputSlot.Capacity ? input : input[..InputSlot.Capacity];
    }

    private void Save(long index, byte[] input, Trial trial)
    {
        var path = Path.Combine(folder, "..", $"{name}-{seed}-{index}");
        File.WriteAllBytes(path + ".bin", input);
        File.WriteAllText(path + ".txt", trial.Description);
    }

    private static class HashCode
    {
        /// <summary>The same in every process, unlike that of the framework.</summary>
        public static int Of(int seed, long index)
        {
            var mixed = ((ulong)(uint)seed << 40) ^ (ulong)index;
            mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            return (int)(mixed ^ (mixed >> 31));
        }
    }
}
