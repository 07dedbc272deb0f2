using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What a network gave for some images, on the host.</summary>
/// <param name="Shape">Dimensions, the batch first.</param>
/// <param name="IsInteger">Whether elements are whole numbers.</param>
/// <param name="Values">All elements.</param>
internal sealed record OutputSample(long[] Shape, bool IsInteger, float[] Values)
{
    public int Count => (int)Shape[0];

    /// <summary>Elements of one image.</summary>
    public int Length => Values.Length / Math.Max(1, Count);

    public bool IsFinite => Array.TrueForAll(Values, float.IsFinite);

    public float Least => Values.Length == 0 ? 0 : Values.Min();

    public float Most => Values.Length == 0 ? 0 : Values.Max();

    public ReadOnlySpan<float> Of(int image) => Values.AsSpan(image * Length, Length);

    public static OutputSample Read(torch.Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        var isInteger = !tensor.is_floating_point();
        return new OutputSample(tensor.shape, isInteger, tensor.to(torch.float32).cpu().contiguous().data<float>().ToArray());
    }

    /// <summary>Standard deviation of elements over the images, averaged, as a share of the spread of all elements; 1 for one
    /// image, of which it does not show.</summary>
    public double Variation()
    {
        if (Count < 2 || Values.Length == 0) return 1;
        double within = 0, mean = Values.Average(value => (double)value);
        var all = Math.Sqrt(Values.Average(value => (value - mean) * (value - mean)));
        for (var j = 0; j < Length; j++)
        {
            double sum = 0, squares = 0;
            for (var i = 0; i < Count; i++)
            {
                double value = Values[(i * Length) + j];
                sum += value;
                squares += value * value;
            }

            within += Math.Sqrt(Math.Max(0, (squares / Count) - (sum / Count * sum / Count)));
        }

        var size = Math.Max(all, 1e-3 * Math.Abs(mean));
        return size > 0 ? within / Length / size : 0;
    }
}
