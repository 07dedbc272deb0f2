namespace DiffeoNN.Onnx.Fuzz;

/// <summary>A reader of the library, the inputs it starts from, and the changes that suit its format.</summary>
internal interface IFuzzTarget : IDisposable
{
    /// <summary>Sound inputs.</summary>
    IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>A changed copy of an input that keeps its format's structure.</summary>
    byte[] Mutate(byte[] input, byte[] other, Random random);

    /// <summary>Mends what the format protects itself by (checksums), so that a change gets past it; null where there is nothing.</summary>
    byte[]? Repair(byte[] input);

    /// <summary>Reads an input as a user would.</summary>
    /// <returns>What kind of thing came out: few different texts, since each new one keeps its input as a seed.</returns>
    string Read(byte[] input);
}
