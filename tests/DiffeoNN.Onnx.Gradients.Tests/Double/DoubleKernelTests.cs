using DiffeoNN.Onnx.Gradients.Tests.Rules;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>What stands in for the runtime's missing float64 kernels computes what its float32 kernels do.</summary>
public sealed class DoubleKernelTests
{
    private const int Seed = 11;
    private const double Tolerance = 2e-6;

    /// <summary>Forms that no published network of the tests has.</summary>
    private static readonly string[] WithoutReplacement = ["tf_crop_and_resize", "keep_aspect_ratio_policy=not"];

    private static IEnumerable<TestCaseData> Cases() =>
        RuleCases.All.Concat(Further).Where(c => c.Domain.Length == 0 && DoubleKernels.Operators.Contains(c.OpType) && c.Opsets.Max() >= 18)
            .Where(c => c.OpType != "Resize" || c.Model(c.Opsets.Max()).Graph.Initializers.Keys.Any(k => k is "x2" or "x3"))
            .Where(c => !WithoutReplacement.Any(w => c.ToString().Contains(w, StringComparison.Ordinal)))
            .Select(c => new TestCaseData(c).SetArgDisplayNames($"{c}"));

    /// <summary>Operators that only emitted graphs have, or that are written out before they are differentiated.</summary>
    private static IEnumerable<RuleCase> Further =>
    [
        new("MaxUnpool", [22],
            [Operand.Any(1, 2, 2, 2), Operand.Fix(OnnxTensor.Create<long>("", [1, 2, 2, 2], [0, 3, 9, 14, 17, 18, 28, 31]))],
            OnnxAttribute.Of("kernel_shape", [2, 2]), OnnxAttribute.Of("strides", [2, 2])),
        new("Erf", [22], [Operand.Between(-7, 7, [0], 40)]),
        new("Conv", [22], [Operand.Any(2, 4, 40), Operand.Any(6, 2, 70)], OnnxAttribute.Of("group", 2L), OnnxAttribute.Of("strides", [3]),
            OnnxAttribute.Of("pads", [20, 19])),
        new("Conv", [22], [Operand.Any(1, 2, 14, 13), Operand.Any(3, 2, 9, 8)], OnnxAttribute.Of("dilations", [1, 2]),
            OnnxAttribute.Of("pads", [1, 4, 0, 5])),
        new("ConvTranspose", [22], [Operand.Any(2, 4, 20), Operand.Any(4, 3, 70)], OnnxAttribute.Of("group", 2L),
            OnnxAttribute.Of("strides", [3]), OnnxAttribute.Of("pads", [20, 19]), OnnxAttribute.Of("output_padding", [2])),
        new("ConvTranspose", [22], [Operand.Any(1, 2, 5, 4), Operand.Any(2, 3, 9, 8)], OnnxAttribute.Of("dilations", [1, 2]),
            OnnxAttribute.Of("strides", [2, 1]), OnnxAttribute.Of("pads", [1, 4, 0, 5])),
        new("Elu", [22], [Operand.Any(3, 4)], OnnxAttribute.Of("alpha", 1.3f)),
        new("HardSigmoid", [22], [Operand.Between(-5, 5, [0], 3, 4)], OnnxAttribute.Of("alpha", 0.3f), OnnxAttribute.Of("beta", 0.4f)),
        new("HardSwish", [22], [Operand.Between(-5, 5, [0], 3, 4)]),
        new("LRN", [22], [Operand.Any(2, 7, 3, 4)], OnnxAttribute.Of("size", 3L), OnnxAttribute.Of("alpha", 0.3f),
            OnnxAttribute.Of("beta", 0.6f), OnnxAttribute.Of("bias", 1.2f)),
        new("LeakyRelu", [22], [Operand.Any(3, 4)], OnnxAttribute.Of("alpha", 0.2f)),
        new("PRelu", [22], [Operand.Any(2, 3, 4), Operand.Any(3, 1)]),
        new("Softplus", [22], [Operand.Between(-5, 5, [0], 3, 4)]),
        new("Softsign", [22], [Operand.Any(3, 4)]),
    ];

    [TestCaseSource(nameof(Cases))]
    public void Replacement_ComputesWhatTheFloatKernelDoes(object row)
    {
        var test = (RuleCase)row;
        var inputs = test.Inputs(Seed);
        var model = OpsetConverter.Convert(test.Model(test.Opsets.Max()), Math.Max(test.Opsets.Max(), 18));
        var wide = DoubleKernels.Replace(DoublePrecision.Of(model));
        Assert.That(wide.Graph.Nodes.Where(n => n.OpType != "Resize").Select(n => n.OpType), Has.None.EqualTo(test.OpType));
        using var narrow = new Runner(model, optimise: false);
        using var replaced = new Runner(wide, optimise: false);
        var expected = narrow.Run(inputs)["y0"];
        var actual = replaced.Run(GradientCheck.Widened(inputs))["y0"];
        Assert.That(actual.ElementType, Is.EqualTo(OnnxElementType.Double));
        Assert.That(actual.Dimensions, Is.EqualTo(expected.Dimensions));
        GradientCheck.AreClose(actual.ToDoubleArray(), expected.ToDoubleArray(), Tolerance, $"{test}, seed {Seed}");
    }

    [Test]
    public void EveryReplacement_IsCompared() =>
        Assert.That(DoubleKernels.Operators.Except(Cases().Select(c => ((RuleCase)c.Arguments[0]!).OpType)), Is.Empty);

    [Test]
    public void Erf_IsExactInFloat64()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 18 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Double, [5]));
        model.Graph.AddNode("Erf", ["x"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Double, null));
        using var runner = new Runner(DoubleKernels.Replace(model));
        var y = runner.Run(new Dictionary<string, OnnxTensor> { ["x"] = OnnxTensor.Create<double>("x", [5], [0, 0.5, -1, 2, 4]) })["y"]
            .ToDoubleArray();
        // Abramowitz and Stegun, table 7.1, and 1 - erfc(4).
        double[] expected = [0, 0.5204998778130465, -0.8427007929497149, 0.9953222650189527, 0.9999999845827421];
        Assert.That(y, Is.EqualTo(expected).Within(2e-15));
    }
}
