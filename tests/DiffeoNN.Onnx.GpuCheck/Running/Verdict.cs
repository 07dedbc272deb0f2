namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>What a row says.</summary>
internal enum Verdict
{
    /// <summary>A figure without a bar.</summary>
    Info,

    /// <summary>Within its bar.</summary>
    Ok,

    /// <summary>Outside its bar, or it failed.</summary>
    Miss,

    /// <summary>Not asked for, or not possible on this machine; says why.</summary>
    Skip,

    /// <summary>The time ended before it was done.</summary>
    Late,
}
