using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>The published operator cases whose operators have rules: the gradient compiles, runs and agrees with finite differences.</summary>
public sealed class OperatorCaseTests
{
    private const int Seed = 7;

    /// <summary>Cases where a finite difference is no gradient, by a part of their path, with the reason.</summary>
    private static readonly Dictionary<string, string> Exceptions = new()
    {
        ["test_acosh_example"] = "one element lies on the edge of the domain",
        ["test_atanh"] = "no kernel in float64, and elements too near the edge of the domain for float32",
        ["test_tan"] = "no kernel in float64, and elements too near a pole for float32",
        ["test_selu_example"] = "one element lies on the kink",
        ["test_shrink"] = "the kernel computes in float32 whatever the type",
    };

    [Test]
    public void SampleOfCases_AgreesWithFiniteDifferences() => Check(every: 9, TimeSpan.FromSeconds(15));

    [Test, Explicit("All cases: a minute or two.")]
    public void AllCases_AgreeWithFiniteDifferences() => Check(every: 1, TimeSpan.FromMinutes(20));

    private static void Check(int every, TimeSpan limit)
    {
        var folder = Repository.Shared("onnx-cases");
        var cases = OperatorCase.Read(folder).Where(c => c.Opset >= 7 && c.Differentiable.Length > 0).ToList();
        var failures = new List<string>();
        var (passed, refused) = (0, new Dictionary<string, int>());
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < cases.Count && watch.Elapsed < limit; i += every)
        {
            try
            {
                if (Exceptions.Keys.Any(cases[i].Path.Contains))
                    continue;
                var error = Error(folder, cases[i]);
                if (error is null || error <= 5e-3)
                    passed++;
                else
                    failures.Add($"{cases[i].Path}: error {error:g2}");
            }
            catch (UnsupportedOperatorException e)
            {
                refused[e.Message] = refused.GetValueOrDefault(e.Message) + 1;
                TestContext.Progress.WriteLine($"{cases[i].Path}: {e.Message}");
            }
            catch (NotSupportedException)
            {
                // The case's outputs have an element type that the runner of these tests does not read.
            }
            catch (Exception e) when (e is OnnxModelException or OnnxRuntimeException or KeyNotFoundException)
            {
                failures.Add($"{cases[i].Path}: {e.GetType().Name} {e.Message}");
            }
        }

        TestContext.Out.WriteLine($"{passed} agree, {refused.Values.Sum()} refused, {failures.Count} fail.");
        Assert.That(failures, Is.Empty, string.Join('\n', failures));
        Assert.That(passed, Is.GreaterThan(50));
    }

    /// <summary>Null where nothing can be differentiated in a type that the runner handles.</summary>
    private static double? Error(string folder, OperatorCase test)
    {
        var model = OnnxModel.Load(Path.Combine(folder, test.Path, "model.onnx"));
        var random = new Random(Seed);
        var inputs = new Dictionary<string, OnnxTensor>();
        var data = Path.Combine(folder, test.Path, "test_data_set_0");
        var position = 0;
        foreach (var input in model.Graph.RequiredInputs)
        {
            var tensor = OnnxTensor.LoadPb(Path.Combine(data, $"input_{position++}.pb")).WithName(input.Name);
            if (tensor.ElementType is OnnxElementType.Float16 or OnnxElementType.BFloat16 or OnnxElementType.String or OnnxElementType.Undefined)
                return null;
            inputs[input.Name] = test.Differentiable.Contains(input.Name) ? DirectionalCheck.Perturbed(tensor, random, 1e-3) : tensor;
        }

        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = test.Differentiable });
        var differentiated = gradient.Graph.Inputs.Select(i => i.Name).Where(n => n.EndsWith("_grad", StringComparison.Ordinal)).Select(n => n[..^5]).ToList();
        using var wide = GradientCheck.TryDouble(model, inputs);
        using var narrow = new Runner(model, optimise: false);
        var outputs = narrow.Run(inputs, differentiated);
        // Infinities, as in masks and overflows, have no differences.
        if (inputs.Values.Concat(outputs.Values).Any(t => t.ElementType.IsFloat() && t.ToDoubleArray().Any(v => !double.IsFinite(v))) || outputs.Values.Any(t => t.Count == 0))
            return null;
        var upstream = GradientCheck.Upstream(outputs, differentiated, random);
        var gradients = GradientCheck.Gradients(gradient, inputs, upstream);
        return wide is null
            ? DirectionalCheck.Error(narrow, inputs, upstream, gradients, [1e-2, 3e-3, 3e-4], random, along: false)
            : DirectionalCheck.Error(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), gradients, [1e-6], random, along: false);
    }
}
