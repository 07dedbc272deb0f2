namespace DiffeoNN.Onnx.Client;

/// <summary>A bundle's answer for one image. What was not asked for, or what its network does not answer, is null.</summary>
public sealed class ImageAnswer
{
    private readonly TensorAnswer _answer;
    private readonly int _image;

    internal ImageAnswer(TensorAnswer answer, int image) => (_answer, _image) = (answer, image);

    /// <summary>The model's version that answered.</summary>
    public string Version => _answer.Version;

    /// <summary>Whether a search of its request was ended by the request's time.</summary>
    public bool IsBestAtTimeout => _answer.IsBestAtTimeout;

    /// <summary>Class of each pixel, (H, W), at the image's own size.</summary>
    public NumberArray<byte>? Mask => Array<byte>("mask");

    /// <summary>Probabilities of the classes, (K, H, W).</summary>
    public NumberArray<float>? Probabilities => Array<float>("probabilities");

    /// <summary>Scores of the classes, (K); of boxes, (B).</summary>
    public NumberArray<float>? Scores => Array<float>("scores");

    /// <summary>Numbers of a regression, (K).</summary>
    public NumberArray<float>? Numbers => Array<float>("numbers");

    /// <summary>Planes of an image, (K, H, W).</summary>
    public NumberArray<float>? Planes => Array<float>("planes");

    /// <summary>Points, (P, 2): column and row in pixels.</summary>
    public NumberArray<float>? Points => Array<float>("points");

    /// <summary>Boxes, (B, 4): left, top, right, bottom in pixels.</summary>
    public NumberArray<float>? Boxes => Array<float>("boxes");

    /// <summary>Classes of the boxes, (B).</summary>
    public NumberArray<float>? Classes => Array<float>("classes");

    /// <summary>The canonical image, (C, H, W), at the bundle's size.</summary>
    public NumberArray<float>? Canonical => Array<float>("canonical");

    /// <summary>The map that was found, (2, H, W), x first, in half the longest side.</summary>
    public NumberArray<float>? Displacement => Array<float>("displacement");

    /// <summary>Its inverse, likewise.</summary>
    public NumberArray<float>? Inverse => Array<float>("inverse");

    /// <summary>Energy of the image.</summary>
    public double? EnergyBefore => Number<double>("energy_before");

    /// <summary>Energy of the canonical image.</summary>
    public double? EnergyAfter => Number<double>("energy_after");

    /// <summary>Whether the map is used; if not, the answer is the network's own.</summary>
    public bool? Accepted => Number<bool>("accepted");

    /// <summary>Why it is not used; empty where it is.</summary>
    public string? Refusal => Text("refusal");

    /// <summary>Steps of the search.</summary>
    public int? Steps => Number<int>("steps");

    /// <summary>Why it ended.</summary>
    public string? Stop => Text("stop");

    /// <summary>Smallest Jacobian determinant of the map that is used: positive where it does not fold.</summary>
    public double? Determinant => Number<double>("determinant");

    /// <summary>Largest error of its inverse, in pixels.</summary>
    public double? Residual => Number<double>("residual");

    /// <summary>Any output by its name: <c>naive_mask</c>, the network alone, or <c>landmarks.points</c>, of a network with several.
    /// </summary>
    /// <typeparam name="T">Of a number.</typeparam>
    /// <param name="output">The name.</param>
    /// <returns>Null where it was not asked for.</returns>
    /// <exception cref="InvalidOperationException">Its numbers are of another type.</exception>
    public NumberArray<T>? Array<T>(string output)
        where T : unmanaged
    {
        if (Find(output) is not { } tensor) return null;
        var size = tensor.Count / tensor.Shape[0];
        return new NumberArray<T>([.. tensor.Shape.Skip(1)], tensor.As<T>().Slice(_image * size, size).ToArray());
    }

    private T? Number<T>(string output)
        where T : unmanaged => Find(output) is { } tensor ? tensor.As<T>()[_image] : null;

    private string? Text(string output) => Find(output)?.AsTexts()[_image];

    private WireTensor? Find(string output) => _answer.Tensors.FirstOrDefault(tensor => tensor.Name == output);
}
