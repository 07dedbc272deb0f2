using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>Runs a network that finds the centre of a bright spot through a map that is known exactly.</summary>
internal static class KnownMap
{
    public const double Turn = 0.4, Growth = 0.15;

    /// <summary>Where the spot is, in pixels.</summary>
    public static readonly (double Column, double Row) Spot = (38.3, 20.6);

    private static readonly EquivariantOptions Options = new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu } };

    /// <summary>The answer for the image of the spot.</summary>
    /// <param name="bundle">The network.</param>
    /// <param name="options">What is different.</param>
    /// <param name="image">The image; of the spot if null.</param>
    public static ModelOutput Run(
        AnswerBundle bundle, Func<EquivariantOptions, EquivariantOptions>? options = null, ImageBuffer? image = null)
    {
        var used = Options with { Start = StartPoint.Proposer, Accept = AcceptanceRule.Always };
        using var model = EquivariantModel.Load(bundle.Path, options?.Invoke(used) ?? used);
        using var result = model.Run([image ?? SpotImage()]);
        Assert.That(result.Images[0].Canonicalisation.Accepted);
        return result.Images[0].Output;
    }

    /// <summary>The network alone.</summary>
    public static ModelOutput Alone(AnswerBundle bundle, ImageBuffer? image = null)
    {
        using var model = EquivariantModel.Load(bundle.Path, Options with { Start = StartPoint.Identity, Steps = 0 });
        return model.RunNaive([image ?? SpotImage()])[0];
    }

    /// <summary>A round spot on black.</summary>
    public static ImageBuffer SpotImage()
    {
        var image = new ImageBuffer(1, AnswerBundle.Height, AnswerBundle.Width);
        for (var row = 0; row < image.Height; row++)
            for (var column = 0; column < image.Width; column++)
            {
                double dx = column - Spot.Column, dy = row - Spot.Row;
                image[0, row, column] = (float)Math.Exp(-((dx * dx) + (dy * dy)) / 12);
            }

        return image;
    }

    /// <summary>A field of the manifest's output.</summary>
    public static JsonObject Output(string name, string kind, params (string Name, JsonNode Value)[] fields)
    {
        var output = new JsonObject { ["name"] = name, ["kind"] = kind };
        foreach (var (field, value) in fields) output[field] = value.DeepClone();
        return output;
    }
}
