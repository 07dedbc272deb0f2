namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>A published case whose gradient cannot be compared with finite differences, and why.</summary>
/// <param name="Case">Name of the case, in whatever release and folder.</param>
/// <param name="Reason">Why it is an exception.</param>
internal sealed record CaseException(string Case, string Reason)
{
    /// <summary>Part of the message with which the compiler refuses the case; null where only the comparison is left out:
    /// it compiles and runs.</summary>
    public string? Refused { get; init; }

    /// <summary>Whether the runtime computes the case in float32 whatever the type, so that it is compared in float32.</summary>
    public bool FloatOnly { get; init; }

    public bool Covers(string path) => Path.GetFileName(path).Split("__")[0] == Case;
}
