using TorchSharp;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>The class of every pixel of an image.</summary>
public sealed class LabelMap
{
    /// <summary>The label of pixels that count in no score, where there are fewer than 256 classes: 255.</summary>
    public const byte Ignored = 255;

    private readonly byte[] _labels;

    /// <summary>Creates a map over existing labels.</summary>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="labels">Row by row, 0 is usually the background; taken over, not copied.</param>
    /// <exception cref="ArgumentException">The number of labels is not height x width.</exception>
    public LabelMap(int height, int width, byte[] labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (labels.LongLength != (long)height * width)
            throw new ArgumentException($"labels has {labels.Length} entries; {height} x {width} needs {(long)height * width}.",
                nameof(labels));
        Height = height;
        Width = width;
        _labels = labels;
    }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>The labels, row by row.</summary>
    public ReadOnlySpan<byte> Labels => _labels;

    /// <summary>Label of a pixel.</summary>
    /// <param name="row">Row from the top.</param>
    /// <param name="column">Column from the left.</param>
    public byte this[int row, int column] => _labels[(row * Width) + column];

    /// <summary>The labels that occur, rising.</summary>
    public IReadOnlyList<int> Present()
    {
        var counts = new bool[256];
        foreach (var label in _labels) counts[label] = true;
        return [.. counts.Index().Where(pair => pair.Item).Select(pair => pair.Index)];
    }

    /// <summary>Reads a mask image: <paramref name="classes"/> evenly spaced grey levels from black, so 0 and 1 for two classes.</summary>
    /// <param name="image">Colour is reduced to luma first; each pixel takes the nearest level.</param>
    /// <param name="classes">In [2, 256].</param>
    public static LabelMap FromImage(ImageBuffer image, int classes = 2)
    {
        ArgumentNullException.ThrowIfNull(image);
        CheckClasses(classes);
        ReadOnlySpan<float> values = image.WithChannels(1).Data;
        var labels = new byte[values.Length];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = (byte)Math.Clamp((int)Math.Floor((values[i] * (classes - 1)) + 0.5f), 0, classes - 1);
        return new LabelMap(image.Height, image.Width, labels);
    }

    /// <summary>The most probable class of each pixel; with a single channel, 1 where it reaches 0.5.</summary>
    /// <param name="probabilities">Shape (N, K, H, W), K at most 256; the smaller class wins ties.</param>
    /// <returns>One map an image.</returns>
    /// <exception cref="ArgumentException">The tensor has another number of dimensions, or too many classes.</exception>
    public static LabelMap[] FromProbabilities(torch.Tensor probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        if (probabilities.dim() != 4 || probabilities.size(1) > 256)
            throw new ArgumentException(
                $"probabilities has shape [{string.Join(",", probabilities.shape)}]; expected (N, K, H, W) with K at most 256.",
                nameof(probabilities));
        var images = ImageTensor.FromTensor(probabilities);
        return Array.ConvertAll(images, FromProbabilities);
    }

    /// <summary>A mask image: label k of K becomes the grey level k / (K - 1).</summary>
    /// <param name="classes">K, in [2, 256]; no label may reach it.</param>
    public ImageBuffer ToImage(int classes = 2)
    {
        CheckClasses(classes);
        var image = new ImageBuffer(1, Height, Width);
        var data = image.Data;
        for (var i = 0; i < data.Length; i++)
            data[i] = _labels[i] < classes
                ? _labels[i] / (classes - 1f)
                : throw new ArgumentException($"A pixel has label {_labels[i]}; {classes} classes end at {classes - 1}.", nameof(classes));
        return image;
    }

    /// <summary>The most probable class of each pixel, as <see cref="FromProbabilities(torch.Tensor)"/>.</summary>
    internal static LabelMap FromProbabilities(ImageBuffer scores)
    {
        var labels = new byte[scores.Height * scores.Width];
        ReadOnlySpan<float> data = scores.Data;
        for (var i = 0; i < labels.Length; i++)
        {
            if (scores.Channels == 1)
            {
                labels[i] = data[i] >= 0.5f ? (byte)1 : (byte)0;
                continue;
            }

            var best = 0;
            for (var k = 1; k < scores.Channels; k++)
                if (data[(k * labels.Length) + i] > data[(best * labels.Length) + i])
                    best = k;
            labels[i] = (byte)best;
        }

        return new LabelMap(scores.Height, scores.Width, labels);
    }

    private static void CheckClasses(int classes)
    {
        if (classes is < 2 or > 256) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A label map has 2 to 256 classes.");
    }
}
