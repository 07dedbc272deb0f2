namespace DiffeoNN.Onnx.Answers;

/// <summary>What an inner model's output means, and so how it comes back to the input image. Everything else about a kind is in the file
/// of its name beside this one.</summary>
public enum OutputKind
{
    /// <summary>Shape (N, K, H, W): class scores of each pixel, or (N, H, W): class numbers; warped back as probabilities.</summary>
    Segmentation,

    /// <summary>Shape (N, K): scores of the whole image, invariant.</summary>
    Classification,

    /// <summary>Shape (N, K, H, W): real values of each pixel, warped back.</summary>
    Image,

    /// <summary>Shape (N, P, 2) or (N, 2P): points, mapped p -> p + u(p).</summary>
    Points,

    /// <summary>Shape (N, K): numbers of the whole image, invariant.</summary>
    Regression,

    /// <summary>Shape (N, B, 4): axis-aligned boxes, mapped by their corners and the middles of their edges.</summary>
    Boxes,
}
