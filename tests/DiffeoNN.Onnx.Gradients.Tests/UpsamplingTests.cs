namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>Gradients of a convolution of what a transposed one upsampled, as in U-Nets:
/// both at once where nothing needs the value between.</summary>
public sealed class UpsamplingTests
{
    private static OnnxValueInfo Float(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Float, shape);

    private static IEnumerable<string> Operators(OnnxModel model) => model.Graph.Nodes.Select(n => n.OpType);

    /// <summary>Upsampling by a transposed convolution, joined with the image or not, and a convolution:
    /// their gradient is one convolution.</summary>
    [TestCase(1, 2, 2, 3, 1, 0, true)]
    [TestCase(1, 3, 2, 3, 1, 1, false)]
    [TestCase(2, 2, 2, 3, 1, 0, true)]
    [TestCase(2, 2, 2, 3, 1, 0, false)]
    [TestCase(2, 2, 2, 3, 2, 0, true)]
    [TestCase(2, 3, 2, 2, 0, 0, true)]
    [TestCase(2, 2, 3, 3, 1, 2, false)]
    [TestCase(2, 4, 2, 1, 0, 1, true)]
    [TestCase(3, 2, 2, 3, 1, 0, true)]
    public void Compile_OfConvolutionAfterUpsampling_IsOneConvolution(
        int rank, int kernel, int stride, int then, int padding, int outputPadding, bool joined)
    {
        var model = Upsampling(rank, kernel, stride, then, padding, outputPadding, joined);
        foreach (var inputs in joined ? new string[][] { ["x"], ["x", "skip"] } : [["x"]])
        {
            var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = inputs });
            Assert.That(Operators(gradient).Where(o => o.Contains("Conv", StringComparison.Ordinal)),
                Is.EqualTo(new[] { "ConvTranspose", "Conv" }.Concat(inputs.Select(_ => "Conv"))));
            CheckUpsampling(model, gradient);
        }
    }

    [Test]
    public void Compile_OfUpsamplingWhoseWeightsAreWanted_FormsTheValueBetween()
    {
        var model = Upsampling(2, 2, 2, 3, 1, 0, joined: true);
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = ["x", "up"] });
        // Two of the model, one to the value between, one from there; the weights' gradient is a product.
        Assert.That(Operators(gradient).Count(o => o.Contains("Conv", StringComparison.Ordinal)), Is.EqualTo(4));
        Assert.That(Operators(gradient).Count(o => o == "MatMul"), Is.EqualTo(1));
        CheckUpsampling(model, gradient);
    }

    [Test]
    public void Compile_OfUpsamplingBehindASum_SharesTheValueBetween()
    {
        var model = Upsampling(2, 2, 2, 3, 1, 0, joined: false);
        var graph = model.Graph;
        graph.Nodes[1].Inputs[0] = graph.AddNode("Add", ["h", "skip"], "sum");
        graph.Sort();
        var gradient = GradientCompiler.Compile(model);
        Assert.That(Operators(gradient).Count(o => o.Contains("Conv", StringComparison.Ordinal)), Is.EqualTo(4));
        CheckUpsampling(model, gradient);
    }

    /// <summary>Inputs x and skip; x is upsampled, joined with skip if asked for, and convolved.</summary>
    private static OnnxModel Upsampling(int rank, int kernel, int stride, int then, int padding, int outputPadding, bool joined)
    {
        var random = new Random(5);
        OnnxTensor Weights(string name, long[] shape) => OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(_ => random.NextDouble() - 0.5)]);
        long[] Each(long value, int times = 1) => [.. Enumerable.Repeat(value, rank * times)];
        var size = (2 * stride) + kernel + outputPadding;
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        var g = model.Graph;
        g.Inputs.Add(Float("x", [2, 6, .. Each(3).Select(s => (OnnxDimension)s)]));
        g.Inputs.Add(Float("skip", [2, 16, .. Each(size).Select(s => (OnnxDimension)s)]));
        g.AddInitializer(Weights("up", [6, 16, .. Each(kernel)]));
        g.AddInitializer(Weights("bias", [16]));
        g.AddInitializer(Weights("w", [7, joined ? 32 : 16, .. Each(then)]));
        g.AddNode("ConvTranspose", ["x", "up", "bias"], "h", OnnxAttribute.Of("strides", Each(stride)),
            OnnxAttribute.Of("output_padding", Each(outputPadding)));
        var value = joined ? g.AddNode("Concat", ["skip", "h"], "joined", OnnxAttribute.Of("axis", 1L)) : "h";
        g.AddNode("Conv", [value, "w"], "y", OnnxAttribute.Of("pads", Each(padding, 2)));
        g.Outputs.Add(Float("y", [2, 7, .. Each(size + (2 * padding) - then + 1).Select(s => (OnnxDimension)s)]));
        return model;
    }

    private static void CheckUpsampling(OnnxModel model, OnnxModel gradient)
    {
        var random = new Random(6);
        var inputs = model.Graph.Inputs.ToDictionary(
            i => i.Name, i => OnnxTensor.FromDoubles(i.Name, OnnxElementType.Float, [.. i.Shape!.Select(d => d.Size!.Value)],
                [.. Enumerable.Range(0, (int)i.Shape!.Aggregate(1L, (n, d) => n * d.Size!.Value)).Select(_ => random.NextDouble() - 0.5)]));
        // In the graph that computes every value by itself weights are inputs, so nothing is composed.
        var plain = GradientCompiler.Compile(model, new GradientOptions { Inputs = ["x", "up"] });
        using var forward = new Runner(model);
        var upstream = GradientCheck.Upstream(forward.Run(inputs), ["y"], random);
        var given = gradient.Graph.Inputs.Exists(i => i.Name == "up")
            ? new Dictionary<string, OnnxTensor>(inputs) { ["up"] = model.Graph.Initializers["up"] }
            : inputs;
        var expected = GradientCheck.Gradients(
            plain, new Dictionary<string, OnnxTensor>(inputs) { ["up"] = model.Graph.Initializers["up"] }, upstream)["x"];
        GradientCheck.AreClose(
            GradientCheck.Gradients(gradient, given, upstream)["x"].ToDoubleArray(), expected.ToDoubleArray(), 1e-5, "x");
        using var wide = GradientCheck.TryDouble(model, inputs);
        if (wide is not null)
        {
            var differences = GradientCheck.FiniteDifferences(
                wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), ["x"], 1e-3);
            GradientCheck.AreClose(GradientCheck.Gradients(gradient, given, upstream)["x"].ToDoubleArray(), differences["x"], 1e-5,
                "x by differences");
        }
    }
}
