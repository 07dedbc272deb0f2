namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>Whole networks as their authors exported them.</summary>
public sealed class PublishedModelTests
{
    /// <param name="name">The model's folder.</param>
    /// <param name="output">The output differentiated; empty for the first.</param>
    /// <param name="step">Step of the finite differences, in the input's unit.</param>
    /// <param name="shape">Shape of the input.</param>
    [TestCase("mnist_cntk", "", 1e-2, 1, 1, 28, 28)]
    [TestCase("mnist_conv_bn_torch2.0", "", 1e-2, 1, 1, 28, 28)]
    [TestCase("mnist_cnn_torch2.9", "", 1e-2, 2, 1, 28, 28)]
    [TestCase("unet_sed_torch2.6", "", 1e-3, 1, 1, 224, 224)]
    [TestCase("cct_opset20", "", 1e-2, 1, 3, 32, 32)]
    [TestCase("policy_g1_tf2onnx", "", 1e-2, 1, 103)]
    public void Gradient_AgreesWithFiniteDifferences(string name, string output, double step, params int[] shape) => Check(name, output, step, shape, 0.02);

    [Explicit("Larger networks: a minute or two.")]
    [TestCase("road_segmentation_adas", "", 1e-3, 1, 512, 896, 3)]
    [TestCase("agllnet_256", "", 1e-3, 1, 3, 256, 256)]
    [TestCase("autoencoder2d_gmm", "reconstruction", 1e-2, 1, 1, 10, 16)]
    [TestCase("deeplab_v3_mnv2_257", "", 1e-3, 1, 257, 257, 3)]
    [TestCase("light_inception_v2", "", 1e-2, 1, 3, 224, 224)]
    [TestCase("light_bvlc_alexnet", "", 1e-2, 1, 3, 224, 224)]
    [TestCase("light_shufflenet", "", 1e-2, 1, 3, 224, 224)]
    [TestCase("light_squeezenet", "", 1e-2, 1, 3, 224, 224)]
    [TestCase("light_zfnet512", "", 1e-2, 1, 3, 224, 224)]
    [TestCase("ppocr_mobile_det_v1.1", "", 1e-2, 1, 3, 128, 160)]
    [TestCase("scrfd_500m", "", 1e-2, 1, 3, 96, 128)]
    [TestCase("vit_tracker", "", 1e-2, 1, 3, 128, 128)]
    [TestCase("policy_sac_scorethegoal", "", 1e-2, 2, 16)]
    public void Gradient_OfLargerNetworks_AgreesWithFiniteDifferences(string name, string output, double step, params int[] shape) =>
        Check(name, output, step, shape, 0.1);

    private static void Check(string name, string output, double step, int[] shape, double tolerance)
    {
        var model = OnnxModel.Load(Repository.Shared($"onnx-models/{name}/model.onnx"));
        var random = new Random(5);
        OnnxTensor Random(string input, IEnumerable<int> sizes) => OnnxTensor.FromDoubles(input, OnnxElementType.Float, sizes.Select(s => (long)s),
            [.. Enumerable.Range(0, sizes.Aggregate((a, b) => a * b)).Select(_ => random.NextDouble())]);
        var required = model.Graph.RequiredInputs.ToList();
        var inputs = new Dictionary<string, OnnxTensor> { [required[0].Name] = Random(required[0].Name, shape) };
        foreach (var other in required.Skip(1))
            inputs[other.Name] = Random(other.Name, other.Shape!.Select(d => (int)(d.Size ?? shape[0])));

        output = output.Length > 0 ? output : model.Graph.Outputs[0].Name;
        // The gradient of a softmax over equal scores is zero: the scores themselves then.
        if (name.StartsWith("light_", StringComparison.Ordinal))
        {
            var softmax = model.Graph.Nodes.Last(n => n.OpType == "Softmax");
            model.Graph.Outputs.Clear();
            output = softmax.Inputs[0];
            model.Graph.Outputs.Add(new OnnxValueInfo(output, OnnxElementType.Float, null));
        }

        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = [required[0].Name], Outputs = [output] });
        using var wide = GradientCheck.TryDouble(model, inputs);
        using var narrow = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(narrow.Run(inputs, [output]), [output], random);
        var gradients = GradientCheck.Gradients(gradient, inputs, upstream);
        var error = wide is null
            ? DirectionalCheck.Error(narrow, inputs, upstream, gradients, [step, step / 3, step / 10, step / 30], random, along: true)
            : DirectionalCheck.Error(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), gradients, [1e-6], random, along: true);
        TestContext.Out.WriteLine($"{name}: {(wide is null ? "float32" : "float64")} error {error:g3}, nodes {model.Graph.Nodes.Count} -> {gradient.Graph.Nodes.Count}");
        Assert.That(error, Is.LessThan(tolerance), $"{name}, seed 5, step {step}");
    }
}
