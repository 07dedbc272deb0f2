namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>Whole networks as their authors exported them.</summary>
public sealed class PublishedModelTests
{
    private static IEnumerable<TestCaseData> Small() => Rows(false);

    private static IEnumerable<TestCaseData> Large() => Rows(true);

    private static IEnumerable<TestCaseData> Rows(bool large) =>
        PublishedModels.All.Where(m => m.IsLarge == large).Select(m => new TestCaseData(m).SetArgDisplayNames($"{m}"));

    [TestCaseSource(nameof(Small))]
    public void Gradient_AgreesWithFiniteDifferences(object row) => Check((PublishedModel)row);

    [Explicit("Larger networks: some minutes.")]
    [TestCaseSource(nameof(Large))]
    public void Gradient_OfLargerNetworks_AgreesWithFiniteDifferences(object row) => Check((PublishedModel)row);

    /// <summary>The branch chosen by an input has the gradient that it has where the choice is made beforehand.</summary>
    [TestCase(16000L, 576)]
    [TestCase(8000L, 288)]
    public void Gradient_ThroughAChoiceByAnInput_IsThatOfTheBranch(long rate, int samples)
    {
        PublishedModel Row(ModelInput choice) =>
            new("silero_vad_op18", "", ModelInput.Sound(2, samples), choice, ModelInput.Noise(-0.5, 0.5, 2, 2, 128));
        var (free, chosen) = (Row(ModelInput.Constant(rate) with { IsConstant = false }), Row(ModelInput.Constant(rate)));
        var inputs = free.Values(free.Load(), new Random(3));
        var upstream = new Dictionary<string, OnnxTensor> { ["output"] = OnnxTensor.Create<float>("output", [2, 1], [0.7f, -1.2f]) };
        var actual = GradientCheck.Gradients(GradientCompiler.Compile(free.Load()), inputs, upstream);
        var expected = GradientCheck.Gradients(GradientCompiler.Compile(chosen.Load()), inputs, upstream);
        Assert.That(expected.Keys, Is.EquivalentTo(new[] { "input", "state" }));
        foreach (var (name, tensor) in expected)
            GradientCheck.AreClose(actual[name].ToDoubleArray(), tensor.ToDoubleArray(), 1e-5, $"{name} at {rate}");
    }

    private static void Check(PublishedModel row)
    {
        var check = ModelCheck.Run(row);
        var figures = $"{row} (seed {row.Seed}): {check}";
        TestContext.Progress.WriteLine(figures);
        Assert.Multiple(() =>
        {
            Assert.That(check.Size, Is.GreaterThan(0), figures);
            Assert.That(check.ForwardError, Is.LessThan(row.ForwardTolerance), figures);
            Assert.That(check.DoubleError, Is.LessThan(row.DoubleTolerance), figures);
            Assert.That(check.FormulaError, Is.LessThan(1e-6), figures);
            Assert.That(check.FloatError, Is.LessThan(row.FloatTolerance), figures);
        });
    }
}
