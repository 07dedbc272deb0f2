namespace DiffeoNN.Onnx.Bundles;

/// <summary>What an inner model's output means, and so how it comes back to the input image.</summary>
public enum OutputKind
{
    /// <summary>Shape (N, K, H, W): class scores of each pixel, warped back as probabilities.</summary>
    Segmentation,

    /// <summary>Shape (N, K): scores of the whole image, invariant.</summary>
    Classification,

    /// <summary>Shape (N, K, H, W): real values of each pixel, warped back.</summary>
    Image,

    /// <summary>Shape (N, P, 2): points (x, y) in the library's unit, mapped p -> p + u(p).</summary>
    Points,
}
