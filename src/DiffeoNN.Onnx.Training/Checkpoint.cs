using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Training;

/// <summary>The file of a training that goes on later: a header, the numbers of each network, and a hash of all before it.</summary>
internal static class Checkpoint
{
    private const int Version = 1;
    private static readonly byte[] Magic = "DiffeoNN training"u8.ToArray();

    /// <summary>Bytes of the least file: what it is, version, steps, and the hash.</summary>
    private static readonly int Least = Magic.Length + (2 * sizeof(int)) + SHA256.HashSizeInBytes;

    public static void Save(string path, int steps, ulong seed, IReadOnlyList<(TrainableNetwork Network, AdamState State)> states) =>
        AtomicFile.Write(path, stream =>
        {
            using var hash = SHA256.Create();
            using (var hashed = new CryptoStream(stream, hash, CryptoStreamMode.Write, leaveOpen: true))
            {
                using var writer = new BinaryWriter(hashed, Encoding.UTF8, leaveOpen: true);
                writer.Write(Header(steps, seed, states));
                writer.Flush();
                foreach (var memory in states.SelectMany(s => Parts(s.Network, s.State)))
                    Copy(memory, bytes => hashed.Write(bytes));
            }

            stream.Write(hash.Hash!);
        });

    /// <summary>Takes a checkpoint's numbers over once all of it is known to be right.</summary>
    /// <returns>Its steps.</returns>
    public static int Restore(string path, ulong seed, IReadOnlyList<(TrainableNetwork Network, AdamState State)> states)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"Cannot read checkpoint '{path}': {e.Message}", e);
        }

        if (!bytes.AsSpan().StartsWith(Magic))
            throw new TrainingException($"'{path}' is no checkpoint of a training.");
        if (bytes.Length < Least)
            throw new TrainingException(
                $"Checkpoint '{path}' is cut short: it has {bytes.Length} bytes, and the least one has {Least}. Take an older one.");
        var content = bytes.AsSpan(0, Math.Max(0, bytes.Length - SHA256.HashSizeInBytes));
        if (!SHA256.HashData(content).AsSpan().SequenceEqual(bytes.AsSpan(content.Length)))
            throw new TrainingException($"Checkpoint '{path}' is damaged: its hash does not fit its content. Take an older one.");
        var version = BitConverter.ToInt32(content[Magic.Length..]);
        if (version != Version)
            throw new TrainingException(
                $"Checkpoint '{path}' is of version {version}; expected {Version}. Go on with the release that wrote it.");
        // All but the steps must be the same.
        var steps = BitConverter.ToInt32(content[(Magic.Length + sizeof(int))..]);
        if (steps < 0)
            throw new TrainingException($"Checkpoint '{path}' tells of {steps} steps; expected 0 or more. Take an older one.");
        var header = Header(steps, seed, states);
        var numbers = states.SelectMany(s => Parts(s.Network, s.State)).Sum(memory => memory.Length);
        if (!content.StartsWith(header) || content.Length - header.Length != numbers * sizeof(float))
            throw new TrainingException(
                $"Checkpoint '{path}' is of another training; expected seed {seed} and networks "
                + $"{string.Join("; ", states.Select(Describe))}.");
        var rest = content[header.Length..];
        foreach (var memory in states.SelectMany(s => Parts(s.Network, s.State)))
        {
            foreach (var span in Spans(memory))
            {
                var target = MemoryMarshal.AsBytes(memory.Span(span.Start, span.Length));
                rest[..target.Length].CopyTo(target);
                rest = rest[target.Length..];
            }
        }

        return steps;
    }

    private static byte[] Header(int steps, ulong seed, IReadOnlyList<(TrainableNetwork Network, AdamState State)> states)
    {
        using var memory = new MemoryStream();
        using (var writer = new BinaryWriter(memory, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write(Version);
            writer.Write(steps);
            writer.Write(seed);
            writer.Write(states.Count);
            foreach (var (network, state) in states)
            {
                writer.Write(network.Name);
                writer.Write(state.Average is not null);
                writer.Write(network.Weights.Count);
                foreach (var (weight, shape) in network.Weights.Zip(network.Shapes))
                {
                    writer.Write(weight);
                    writer.Write(string.Join('x', shape));
                }
            }
        }

        return memory.ToArray();
    }

    private static string Describe((TrainableNetwork Network, AdamState State) state) =>
        $"'{state.Network.Name}' with {state.Network.Weights.Count} weights{(state.State.Average is null ? "" : " and their averages")}";

    private static IEnumerable<FlatMemory> Parts(TrainableNetwork network, AdamState state) =>
        state.Average is null ? [network.Memory, state.Mean, state.Square] : [network.Memory, state.Mean, state.Square, state.Average];

    private static void Copy(FlatMemory memory, Action<ReadOnlySpan<byte>> write)
    {
        foreach (var (start, length) in Spans(memory))
            write(MemoryMarshal.AsBytes(memory.Span(start, length)));
    }

    private static IEnumerable<(long Start, int Length)> Spans(FlatMemory memory)
    {
        const int Most = 1 << 24;
        for (var start = 0L; start < memory.Length; start += Most)
            yield return (start, (int)Math.Min(Most, memory.Length - start));
    }
}
