namespace DiffeoNN.Onnx.Bundles;

/// <summary>What a warp reads outside the image.</summary>
public enum ImagePadding
{
    /// <summary>Zero.</summary>
    Zeros,

    /// <summary>The nearest pixel of the border.</summary>
    Border,
}
