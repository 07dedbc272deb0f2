using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>An output of a bundle: what it is called, and how it is taken from images that were answered.</summary>
/// <param name="Metadata">Name, type, dimensions.</param>
/// <param name="Take">Computes it, where that is not done yet.</param>
internal sealed record BundleOutput(TensorMetadata Metadata, Func<IReadOnlyList<AnsweredImage>, InferenceTensor> Take)
{
    /// <summary>Whether it comes where nothing is asked for.</summary>
    public bool IsUsual { get; init; }

    /// <summary>Whether it is of the network alone, without a search.</summary>
    public bool IsAlone { get; init; }

    /// <summary>Bytes that an image's part of it takes, as far as that goes by the image's size; told before it is computed.</summary>
    public Func<AnsweredImage, long> Bytes { get; init; } = _ => 0;

    /// <summary>One number an image.</summary>
    public static BundleOutput OfImages<T>(string name, Func<AnsweredImage, T> value)
        where T : unmanaged => new(
            new TensorMetadata(name, DataTypes.Of<T>(), [-1]),
            images => InferenceTensor.Of<T>(name, [images.Count], images.Select(value).ToArray()))
        {
            IsUsual = true,
        };

    /// <summary>One text an image.</summary>
    public static BundleOutput OfTexts(string name, Func<AnsweredImage, string> value) => new(
        new TensorMetadata(name, DataType.Bytes, [-1]),
        images => InferenceTensor.OfTexts(name, [images.Count], images.Select(value)))
    {
        IsUsual = true,
    };

    /// <summary>One array an image, of the same shape for all.</summary>
    /// <exception cref="ProtocolException">Shapes differ.</exception>
    public static BundleOutput OfArrays<T>(
        string name, IReadOnlyList<long> shape, Func<AnsweredImage, (IReadOnlyList<long> Shape, T[] Values)> array)
        where T : unmanaged => new(
            new TensorMetadata(name, DataTypes.Of<T>(), [-1, .. shape]),
            images =>
            {
                var arrays = images.Select(array).ToList();
                if (arrays.Find(one => !one.Shape.SequenceEqual(arrays[0].Shape)) is { Shape: { } other })
                {
                    throw ProtocolException.Invalid(
                        $"Output '{name}' has shape {TensorShape.Text(arrays[0].Shape)} for the first image and {TensorShape.Text(other)} "
                        + "for another; send images of different sizes in requests of their own.");
                }

                return InferenceTensor.Of<T>(
                    name, [images.Count, .. arrays[0].Shape], arrays.SelectMany(one => one.Values).ToArray());
            });
}
