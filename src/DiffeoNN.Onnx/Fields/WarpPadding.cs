namespace DiffeoNN.Onnx.Fields;

/// <summary>What an image is outside its outermost pixel centres.</summary>
public enum WarpPadding
{
    /// <summary>Zero; values fade to it over one pixel.</summary>
    Zeros,

    /// <summary>The nearest pixel of the border.</summary>
    Border,

    /// <summary>The image mirrored about the centres of its outermost pixels.</summary>
    Reflection,
}
