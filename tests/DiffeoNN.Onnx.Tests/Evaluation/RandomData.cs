using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Tests.Evaluation;

/// <summary>Smooth random images with masks of three classes.</summary>
internal sealed class RandomData(int count) : IEvaluationData
{
    public int Height { get; init; } = 12;

    public int Width { get; init; } = 16;

    public int? Broken { get; init; }

    /// <summary>Whether masks hold class 0 alone.</summary>
    public bool IsBlank { get; init; }

    public int Reads { get; set; }

    public string Name => "random";

    public string? Split { get; init; }

    public string? Source => null;

    public int Count => count;

    public EvaluationSample Read(int index)
    {
        Reads++;
        if (index == Broken) throw new ImageException($"'image-{index}' is broken.");
        var random = new Random(index);
        var small = new ImageBuffer(2, 3, 4);
        foreach (ref var value in small.Data) value = random.NextSingle();
        var image = ImageResampler.Resize(small, Height, Width);
        byte[] labels = [.. image.Plane(0).ToArray().Select(value => IsBlank ? (byte)0 : (byte)Math.Min(2, value * 3))];
        return new EvaluationSample($"image-{index}", image, new LabelMap(Height, Width, labels), null);
    }
}
