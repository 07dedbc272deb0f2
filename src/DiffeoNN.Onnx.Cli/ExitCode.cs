namespace DiffeoNN.Onnx.Cli;

/// <summary>What the process returns; documented in README.md beside this file.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>A defect of this program.</summary>
    Internal = 1,

    /// <summary>Unknown command, option or value.</summary>
    Usage = 2,

    /// <summary>An image, a tensor or a data folder is missing, unreadable or malformed.</summary>
    Data = 3,

    /// <summary>A bundle or model is missing, malformed, inconsistent, or does not fit its input.</summary>
    Model = 4,

    /// <summary>A comparison came out beyond its tolerance.</summary>
    Disagreement = 5,

    /// <summary>A device or native library is missing.</summary>
    Device = 6,

    /// <summary>A model holds an operator that has no gradient rule.</summary>
    Operator = 7,

    /// <summary>A result cannot be written.</summary>
    Output = 8,

    /// <summary>For some image an energy was not finite, so that its answer is the network's alone, or the answer itself.</summary>
    NonFinite = 9,

    /// <summary>Interrupted.</summary>
    Cancelled = 130,
}
