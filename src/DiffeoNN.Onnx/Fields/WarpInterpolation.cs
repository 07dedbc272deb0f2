namespace DiffeoNN.Onnx.Fields;

/// <summary>How values between pixel centres are found.</summary>
public enum WarpInterpolation
{
    /// <summary>Linear in x and in y.</summary>
    Bilinear,

    /// <summary>The nearest pixel; has no useful derivative by position.</summary>
    Nearest,
}
