using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Images to learn from: a soft upright cross and a bar below it, of slightly random size, in each channel another
/// shade.</summary>
internal static class Shapes
{
    /// <summary>(count, channels, height, width), float32 in [0, 1]; the caller disposes it.</summary>
    public static torch.Tensor Draw(int count, int channels, int height, int width, ulong seed)
    {
        var values = new float[count * channels * height * width];
        var longest = Math.Max(height, width) - 1.0;
        for (var (n, i) = (0, 0); n < count; n++)
        {
            var random = SplitMix64.ForItem(seed, n);
            double arm = random.Uniform(0.35, 0.45), thick = random.Uniform(0.08, 0.14), low = random.Uniform(0.5, 0.6);
            for (var c = 0; c < channels; c++)
            {
                var shade = random.Uniform(0.6, 1);
                for (var row = 0; row < height; row++)
                {
                    for (var column = 0; column < width; column++)
                    {
                        double x = ((2 * column) - (width - 1)) / longest, y = ((2 * row) - (height - 1)) / longest;
                        double Box(double cx, double cy, double w, double h) =>
                            Math.Clamp(0.5 + (10 * (w - Math.Abs(x - cx))), 0, 1) * Math.Clamp(0.5 + (10 * (h - Math.Abs(y - cy))), 0, 1);
                        var ink = Math.Max(Math.Max(Box(0, -0.1, arm, thick), Box(0, -0.1, thick, arm)), Box(0.1, low, 0.3, 0.06));
                        values[i++] = (float)(shade * ink);
                    }
                }
            }
        }

        return torch.tensor(values).reshape(count, channels, height, width);
    }

    /// <summary>An inner network that tells ink from background pixel by pixel, at half the size: logits (N, 2, h, w).</summary>
    public static OnnxModel Inner(int channels, int height, int width, float sharpness = 8)
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 19;
        var g = model.Graph;
        g.Name = "ink";
        g.Inputs.Add(new OnnxValueInfo("pixels", OnnxElementType.Float, ["N", channels, height, width]));
        g.AddInitializer(OnnxTensor.Create<float>("w", [2, channels, 3, 3], [.. Enumerable.Range(0, 2 * channels * 9)
            .Select(i => (i < channels * 9 ? -1 : 1) * sharpness / (channels * 9))]));
        g.AddInitializer(OnnxTensor.Create<float>("b", [2], [sharpness * 0.4f, -sharpness * 0.4f]));
        g.AddNode("Conv", ["pixels", "w", "b"], "logits", OnnxAttribute.Of("pads", [1L, 1, 1, 1]), OnnxAttribute.Of("strides", [2L, 2]));
        g.Outputs.Add(new OnnxValueInfo("logits", OnnxElementType.Float, ["N", 2L, (height + 1) / 2, (width + 1) / 2]));
        return model;
    }
}
