namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Every rule against finite differences: all inputs at once, each alone with constant others, and with free sizes.</summary>
[Parallelizable(ParallelScope.Children)]
public sealed class GradientRuleTests
{
    private const int Seed = 20240607;
    private const double FloatTolerance = 1e-4;

    private static IEnumerable<TestCaseData> Cases() =>
        RuleCases.All.SelectMany(c => c.Opsets.Select(o => new TestCaseData(c, o).SetArgDisplayNames($"{c}", $"{o}")));

    [TestCaseSource(nameof(Cases))]
    public void Rule_AgreesWithFiniteDifferences(object row, int opset)
    {
        var test = (RuleCase)row;
        var inputs = test.Inputs(Seed);
        var model = test.Model(opset);
        var names = inputs.Keys.Where(n => test.Operands[int.Parse(n[1..])].Differentiable).ToList();
        var what = $"{test} opset {opset} seed {Seed}";

        using var wide = GradientCheck.TryDouble(model, inputs, out var wideModel);
        using var narrow = new Runner(model, optimise: false);
        var outputs = model.Graph.Outputs.Select(o => o.Name).ToList();
        var upstream = GradientCheck.Upstream(narrow.Run(inputs), outputs, new Random(Seed + 1));
        var expected = wide is null
            ? GradientCheck.FiniteDifferences(narrow, inputs, upstream, names, 1e-2)
            : GradientCheck.FiniteDifferences(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), names, 1e-3);
        var tolerance = wide is null ? test.Tolerance : Math.Max(FloatTolerance, test.DoubleTolerance);

        void Compare(
            OnnxModel gradient, IReadOnlyDictionary<string, OnnxTensor> values, IEnumerable<string> which, double limit, string variant)
        {
            var actual = GradientCheck.Gradients(gradient, values, upstream);
            foreach (var name in which)
                GradientCheck.AreClose(actual[name].ToDoubleArray(), expected[name], limit, $"{what}, {name}, {variant}");
        }

        Compare(GradientCompiler.Compile(model), inputs, names, tolerance, "all inputs");
        foreach (var name in names)
        {
            var others = inputs.Where(i => i.Key != name).ToDictionary();
            var alone = GradientCompiler.Compile(test.Model(opset, others));
            Assert.That(alone.Graph.Outputs.Select(o => o.Name).Where(o => o.EndsWith("_grad", StringComparison.Ordinal)),
                Is.EqualTo(new[] { $"{name}_grad" }), what);
            Compare(alone, new Dictionary<string, OnnxTensor> { [name] = inputs[name] }, [name], tolerance, "others constant");
        }

        if (wide is not null)
        {
            var widened = GradientCompiler.Compile(wideModel!);
            var actual = GradientCheck.Gradients(widened, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream));
            foreach (var name in names)
                GradientCheck.AreClose(actual[name].ToDoubleArray(), expected[name], test.DoubleTolerance, $"{what}, {name}, float64");
        }

        var free = test.Model(opset, free: true);
        Compare(GradientCompiler.Compile(free), inputs, names, tolerance, "free sizes");
    }

    [Test]
    public void EveryRule_HasARow()
    {
        var tested = RuleCases.All
            .SelectMany(c => c.Opsets.Select(o => OperatorSet.Default.FindRule(c.Domain, c.OpType, c.Domain.Length > 0 ? 1 : o)))
            .OfType<GradientRule>().ToHashSet();
        var missing = OperatorSet.Default.Rules.Where(r => !r.IsStop && !tested.Contains(r))
            .Select(r => $"{r.Domain} {r.OpType}-{r.SinceVersion}");
        Assert.That(missing, Is.Empty);
    }

    [Test]
    public void Rules_AreUnique() => Assert.That(
        OperatorSet.Default.Rules.GroupBy(r => (r.Domain, r.OpType, r.SinceVersion)).Where(g => g.Count() > 1).Select(g => g.Key),
        Is.Empty);
}
