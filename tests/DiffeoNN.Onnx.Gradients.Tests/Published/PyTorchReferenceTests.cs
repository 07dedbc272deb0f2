namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>
/// Architectures exported by PyTorch against its autograd; tools/pytorch writes the fixtures
/// (<c>python3 -m diffeonn_tools.gradient_references</c>).
/// </summary>
public sealed class PyTorchReferenceTests
{
    private const double SmallestCosine = 0.99999;

    /// <summary>Weights of which folding made a second, constant copy (the transposed embedding, the lengths of filters):
    /// their gradient is another.</summary>
    private static readonly string[] CopiedByFolding = ["language_model.onnx: words.weight", "wavenet.onnx: gates"];

    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Gradients.Tests", "Fixtures", "pytorch");

    private static IEnumerable<string> Models() => Directory.EnumerateFiles(Folder, "*.tensors.onnx")
        .Select(file => Path.GetFileName(file)[..^".tensors.onnx".Length]).Order(StringComparer.Ordinal);

    /// <summary>Whole numbers, as a language model's only input, have no gradient.</summary>
    private static IEnumerable<string> ModelsOfNumbers() => Models().Where(name => name != "language_model");

    /// <summary>As users export: constants folded, normalisation fused, the batch size free and here another than the exporter's.</summary>
    [TestCaseSource(nameof(ModelsOfNumbers))]
    public void InputGradient_OfAnExportWithFreeBatch_IsAutograds(string name) => Check(name, ".onnx", weights: false);

    [TestCaseSource(nameof(Models))]
    public void WeightGradients_OfAnExportWithFreeBatch_AreAutograds(string name) => Check(name, ".onnx", weights: true);

    /// <summary>Nothing folded or fused, so that every weight of the network is found by its name.</summary>
    [TestCaseSource(nameof(Models))]
    public void WeightGradients_OfAPlainExport_AreAutograds(string name) => Check(name, ".plain.onnx", weights: true);

    [Test]
    public void References_NameAtLeastTwelveArchitectures() => Assert.That(Models().ToList(), Has.Count.AtLeast(12)
        .And.SupersetOf(
            new[] { "unet", "resnet", "mobilenet_v3", "vae", "dcgan_critic", "vit", "convnext", "lstm_classifier", "deeplab" }));

    private static void Check(string name, string file, bool weights)
    {
        var model = OnnxModel.Load(Path.Combine(Folder, name + file));
        var tensors = OnnxModel.Load(Path.Combine(Folder, name + ".tensors.onnx")).Graph.Initializers;
        var inputs = model.Graph.RequiredInputs.ToDictionary(i => i.Name, i => tensors[i.Name]);
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Weights = weights });

        using var runner = new Runner(gradient);
        var upstream = model.Graph.Outputs.ToDictionary(o => o.Name + "_grad", o => tensors[o.Name + "_grad"]);
        var results = runner.Run(inputs.Concat(upstream).ToDictionary(), [.. gradient.Graph.Outputs.Select(o => o.Name)]);

        foreach (var output in model.Graph.Outputs)
            GradientCheck.AreClose(results[output.Name].ToDoubleArray(), tensors[output.Name].ToDoubleArray(), 1e-4,
                $"{name}: output '{output.Name}'");
        var compared = 0;
        var worst = (Cosine: 1.0, Name: "");
        foreach (var (key, expected) in tensors.Where(
            t => t.Key.EndsWith("_grad", StringComparison.Ordinal) && !upstream.ContainsKey(t.Key)))
        {
            if ((!weights && !inputs.ContainsKey(key[..^5])) || CopiedByFolding.Any($"{name}{file}: {key}".StartsWith))
                continue;
            // Folding and fusing replace some weights by products of them, which have other names.
            if (!results.TryGetValue(key, out var actual))
            {
                Assert.That(file, Is.EqualTo(".onnx"), $"{name}: '{key}' is missing");
                continue;
            }

            Assert.That(actual.Dimensions, Is.EqualTo(expected.Dimensions), key);
            var cosine = Cosine(actual.ToDoubleArray(), expected.ToDoubleArray());
            Assert.That(cosine, Is.GreaterThanOrEqualTo(SmallestCosine), $"{name}{file}: '{key}'");
            GradientCheck.AreClose(actual.ToDoubleArray(), expected.ToDoubleArray(), 1e-2, $"{name}{file}: '{key}'");
            worst = cosine < worst.Cosine ? (cosine, key) : worst;
            compared++;
        }

        Assert.That(compared, Is.Positive);
        TestContext.Out.WriteLine($"{name}{file}: {compared} gradients, smallest cosine 1 - {1 - worst.Cosine:g2} ({worst.Name})");
    }

    private static double Cosine(double[] a, double[] b)
    {
        double Dot(double[] x, double[] y) => x.Zip(y, (p, q) => p * q).Sum();
        return Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));
    }
}
