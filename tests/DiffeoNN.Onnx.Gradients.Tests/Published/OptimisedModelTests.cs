using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>What ONNX Runtime's optimiser saves has the gradient of the model that it was given.</summary>
public sealed class OptimisedModelTests
{
    private static readonly TransformerModel.Activation[] Layers =
    [
        TransformerModel.Activation.Gelu, TransformerModel.Activation.QuickGelu, TransformerModel.Activation.FastGelu,
    ];

    [Test]
    public void Transformer_Optimised_HasTheSameGradient(
        [Values(13, 16, 17, 20)] int opset,
        [Values(GraphOptimizationLevel.ORT_ENABLE_EXTENDED, GraphOptimizationLevel.ORT_ENABLE_ALL)] GraphOptimizationLevel level)
    {
        var model = TransformerModel.Create(opset, Layers);
        var optimised = Optimised(model, level);
        Assert.That(Fused(optimised), Does.Contain("SkipLayerNormalization").And.Contain("QuickGelu"), "what the optimiser wrote");
        Compare(model, optimised, TransformerModel.Inputs());
    }

    [Test]
    public void Convolutions_Optimised_HaveTheSameGradient()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        var graph = model.Graph;
        var random = new Random(20240615);
        string Weight(params long[] shape) => graph.AddInitializer(OnnxTensor.FromDoubles($"w{graph.Initializers.Count}",
            OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextDouble() - 0.5)]));
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [1, 2, 6, 6]));
        var pads = OnnxAttribute.Of("pads", [1L, 1, 1, 1]);
        graph.AddNode("Conv", ["x", Weight(3, 2, 3, 3), Weight(3)], "c1", pads);
        graph.AddNode("Relu", ["c1"], "r1");
        graph.AddNode("Conv", ["r1", Weight(3, 3, 3, 3), Weight(3)], "c2", pads);
        graph.AddNode("Add", ["c2", "r1"], "s2");
        graph.AddNode("Relu", ["s2"], "r2");
        graph.AddNode("Conv", ["r2", Weight(2, 3, 3, 3)], "c3");
        graph.AddNode("Sigmoid", ["c3"], "s3");
        graph.AddNode("Flatten", ["s3"], "flat");
        graph.AddNode("Gemm", ["flat", Weight(32, 5), Weight(5)], "g");
        graph.AddNode("Relu", ["g"], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [1, 5]));
        var optimised = Optimised(model, GraphOptimizationLevel.ORT_ENABLE_EXTENDED);
        Assert.That(Fused(optimised), Does.Contain("FusedConv").And.Contain("FusedGemm"), "what the optimiser wrote");
        Compare(model, optimised, new()
        {
            ["x"] = OnnxTensor.FromDoubles("x", OnnxElementType.Float, [1, 2, 6, 6],
                [.. Enumerable.Range(0, 72).Select(_ => (random.NextDouble() * 2) - 1)]),
        });
    }

    private static IReadOnlyList<string> Fused(OnnxModel model) =>
        [.. model.Graph.Nodes.Where(n => n.Domain == "com.microsoft").Select(n => n.OpType).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The model that the runtime saves.</summary>
    private static OnnxModel Optimised(OnnxModel model, GraphOptimizationLevel level)
    {
        var folder = Directory.CreateTempSubdirectory("diffeonn-optimised-");
        try
        {
            var path = Path.Combine(folder.FullName, "optimised.onnx");
            using (var options = new SessionOptions
            {
                GraphOptimizationLevel = level, OptimizedModelFilePath = path,
                LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            })
            {
                using var session = new InferenceSession(model.ToBytes(), options);
            }

            return OnnxModel.Parse(File.ReadAllBytes(path));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Compare(OnnxModel model, OnnxModel optimised, Dictionary<string, OnnxTensor> inputs)
    {
        using var forward = new Runner(model);
        var upstream = GradientCheck.Upstream(forward.Run(inputs), ["y"], new Random(20240616));
        var options = new GradientOptions { Inputs = ["x"] };
        var expected = GradientCheck.Gradients(GradientCompiler.Compile(model, options), inputs, upstream);
        var gradient = GradientCompiler.Compile(optimised, options);
        var actual = GradientCheck.Gradients(gradient, inputs, upstream);
        GradientCheck.AreClose(actual["x"].ToDoubleArray(), expected["x"].ToDoubleArray(), 2e-5,
            $"gradient of {string.Join(", ", Fused(optimised))}");
        using var both = new Runner(gradient);
        GradientCheck.AreClose(both.Run(new Dictionary<string, OnnxTensor>(inputs) { ["y_grad"] = upstream["y"] })["y"].ToDoubleArray(),
            forward.Run(inputs)["y"].ToDoubleArray(), 2e-5, "output");
    }
}
