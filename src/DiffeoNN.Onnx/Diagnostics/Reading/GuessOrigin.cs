namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>How sure something is that was read of a network.</summary>
public enum GuessOrigin
{
    /// <summary>The file says it.</summary>
    File,

    /// <summary>The caller said it.</summary>
    Told,

    /// <summary>Names, operators or values speak for it.</summary>
    Guessed,

    /// <summary>Nothing tells; the usual is taken.</summary>
    Unknown,
}
