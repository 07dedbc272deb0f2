namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Operators that are differentiated by a body of simpler ones compute the same by it.</summary>
[Parallelizable(ParallelScope.Children)]
public sealed class ExpansionTests
{
    private const int Seed = 20240611;

    private static IEnumerable<TestCaseData> Cases() => RuleCases.All.Concat(RuleCases.AttentionCorners())
        .SelectMany(c => c.Opsets.Where(o => OperatorSet.Default.FindRule(c.Domain, c.OpType, o)?.Expansion is not null)
            .Select(o => new TestCaseData(c, o).SetArgDisplayNames($"{c}", $"{o}")));

    [TestCaseSource(nameof(Cases))]
    public void Body_ComputesWhatTheKernelComputes(object row, int opset)
    {
        var test = (RuleCase)row;
        var inputs = test.Inputs(Seed);
        using var kernel = new Runner(test.Model(opset), optimise: false);
        var expected = kernel.Run(inputs);
        foreach (var free in new[] { false, true })
        {
            var gradient = GradientCompiler.Compile(test.Model(opset, free: free), new GradientOptions { Seed = GradientSeed.Ones });
            using var body = new Runner(gradient, optimise: false);
            var actual = body.Run(inputs);
            foreach (var (name, tensor) in expected)
                GradientCheck.AreClose(actual[name].ToDoubleArray(), tensor.ToDoubleArray(), 2e-6,
                    $"{test} opset {opset} seed {Seed}, {name}, free sizes {free}");
        }
    }

    // The runtime lacks the bodies of some in float64 as well, and statistics stay in float32.
    private static IEnumerable<TestCaseData> WideCases() => Cases().Where(
        c => c.Arguments[0] is not (RuleCase { OpType: "FusedConv" or "FusedGemm" }
            or RuleCase { OpType: "SimplifiedLayerNormalization", Outputs: > 1 }));

    /// <summary>The emitted model's own forward part stands in for kernels that the runtime lacks in float64.</summary>
    [TestCaseSource(nameof(WideCases))]
    public void Gradient_AgreesWithFiniteDifferencesOfTheBodyInFloat64(object row, int opset)
    {
        var test = (RuleCase)row;
        var narrow = test.Inputs(Seed);
        var model = test.Model(opset);
        using var kernel = new Runner(model, optimise: false);
        var outputs = kernel.Run(narrow);
        var upstream = GradientCheck.Widened(GradientCheck.Upstream(outputs, outputs.Keys, new Random(Seed + 1)));
        var inputs = GradientCheck.Widened(narrow);
        var differentiated = inputs.Values.Where(t => t.ElementType.IsFloat()).Select(t => t.Name).ToList();
        var all = new Dictionary<string, OnnxTensor>(inputs);
        foreach (var (name, tensor) in upstream)
            all[name + "_grad"] = tensor;
        using var body = new Runner(GradientCompiler.Compile(DoublePrecision.Of(model)), optimise: false);
        var expected = GradientCheck.FiniteDifferences(body, all, upstream, differentiated, 1e-3);
        var actual = body.Run(all);
        foreach (var name in differentiated)
            GradientCheck.AreClose(actual[name + "_grad"].ToDoubleArray(), expected[name], test.DoubleTolerance,
                $"{test} opset {opset} seed {Seed}, {name}");
    }

    /// <summary>A form that the runtime's kernel does not take.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void Attention_WithAMaskShorterThanTheKeys_HidesTheRest(bool free)
    {
        var (number, hidden) = (Operand.Any(3, 4).Generate!(new Random(Seed)), double.NegativeInfinity);
        RuleCase With(Operand mask) =>
            new("Attention", [24], [Operand.Any(2, 2, 3, 4), Operand.Any(2, 2, 5, 4), Operand.Any(2, 2, 5, 3), mask]);
        Operand Floats(long keys, IEnumerable<double> values) => Operand.Values([3, keys], [.. values]);
        Operand Bools(long keys, IEnumerable<double> values) =>
            Operand.Fix(OnnxTensor.FromDoubles("", OnnxElementType.Bool, [3, keys], [.. values.Select(v => v > -1 ? 1.0 : 0)]));
        foreach (var mask in new[] { Floats, (Func<long, IEnumerable<double>, Operand>)Bools })
        {
            var (shorter, longer) = (With(mask(4, number)), With(mask(5, number.Chunk(4).SelectMany(r => r.Append(hidden)))));
            Dictionary<string, OnnxTensor> Run(RuleCase test)
            {
                var gradient = GradientCompiler.Compile(test.Model(24, free: free), new GradientOptions { Seed = GradientSeed.Ones });
                using var runner = new Runner(gradient, optimise: false);
                return runner.Run(test.Inputs(Seed));
            }

            var (actual, expected) = (Run(shorter), Run(longer));
            foreach (var name in actual.Keys)
            {
                var rows = expected[name].ToDoubleArray();
                var kept = name == "x3_grad" ? [.. rows.Chunk(5).SelectMany(r => r.Take(4))] : rows;
                GradientCheck.AreClose(actual[name].ToDoubleArray(), kept, 1e-6, $"{name}, {mask.Method.Name}");
            }
        }
    }
}
