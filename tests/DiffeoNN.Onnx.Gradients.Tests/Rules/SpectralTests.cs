namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Fourier transforms whose axis is an input of the model.</summary>
public sealed class SpectralTests
{
    [Test]
    public void Transform_OverAComputedAxis_HasTheGradientOfTheAxisKnown(
        [Values(0, 1, -2, -3)] int axis, [Values(0, 3, 7)] int length, [Values("", "inverse", "onesided")] string form, [Values] bool free)
    {
        var size = OnnxTensor.Scalar("", (long)length);
        var parts = form == "onesided" ? 1 : 2;
        RuleCase With(Operand where) =>
            new("DFT", [20], [Operand.Any(4, 5, parts), length == 0 ? Operand.Absent : Operand.Fix(size), where],
                form.Length > 0 ? [OnnxAttribute.Of(form, 1)] : []);
        AssertSame(With, axis, free);
    }

    [Test]
    public void RealSignal_OverAComputedAxis_HasTheGradientOfTheAxisKnown([Values(0, 1, -2, -3)] int axis, [Values] bool free) =>
        AssertSame(where => new("DFT", [20], [Operand.Any(4, 5, 2), Operand.Absent, where], OnnxAttribute.Of("onesided", 1),
            OnnxAttribute.Of("inverse", 1)), axis, free);

    [Test]
    public void RealSignal_OfALengthThatMayNotFit_OverAComputedAxis_IsRefused()
    {
        var test = new RuleCase(
            "DFT", [20], [Operand.Any(4, 5, 2), Operand.Fix(OnnxTensor.Scalar("", 7L)), Operand.Fix(OnnxTensor.Scalar("", 0L))],
            OnnxAttribute.Of("onesided", 1), OnnxAttribute.Of("inverse", 1));
        Assert.That(() => GradientCompiler.Compile(Computed(test.Model(20))),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("may not fit"));
    }

    private static void AssertSame(Func<Operand, RuleCase> with, long axis, bool free)
    {
        var test = with(Operand.Fix(OnnxTensor.Scalar("", axis)));
        var inputs = test.Inputs(1);
        Dictionary<string, OnnxTensor> Run(OnnxModel model)
        {
            using var runner = new Runner(GradientCompiler.Compile(model, new GradientOptions { Seed = GradientSeed.Ones }));
            return runner.Run(new Dictionary<string, OnnxTensor>(inputs) { ["x2"] = OnnxTensor.Scalar("x2", axis) }, ["x0_grad"]);
        }

        GradientCheck.AreClose(Run(Computed(test.Model(20, free: free)))["x0_grad"].ToDoubleArray(),
            Run(test.Model(20))["x0_grad"].ToDoubleArray(), 1e-6, $"axis {axis}");
    }

    /// <summary>The axis becomes an input of the model.</summary>
    private static OnnxModel Computed(OnnxModel model)
    {
        model.Graph.Initializers.Remove("x2");
        model.Graph.Inputs.Add(new OnnxValueInfo("x2", OnnxElementType.Int64, []));
        return model;
    }
}
