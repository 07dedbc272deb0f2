using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>
/// The published operator cases: for each the gradient with respect to every differentiable input compiles, runs in ONNX Runtime
/// and agrees with finite differences along random directions. What cannot be so is listed one by one with its reason.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public sealed class OperatorCaseTests
{
    private const int Seed = 7;

    /// <summary>Largest error where everything runs in float64.</summary>
    private const double Tolerance = 1e-5;

    /// <summary>Largest error of the emitted float32 gradient where the differences run in float64.</summary>
    private const double FloatTolerance = 2e-3;

    /// <summary>Largest error where some kernel exists in float32 only, so that the differences are noisy.</summary>
    private const double NoisyTolerance = 5e-3;

    private static IEnumerable<TestCaseData> Cases() => Repository.TryShared("onnx-cases") is { } folder
        ? OperatorCase.Read(folder).Select(c => new TestCaseData(c).SetArgDisplayNames(c.Path))
        : [];

    [Test]
    public void Cases_AreThere() => Assert.That(OperatorCase.Read(Repository.Shared("onnx-cases")), Has.Count.GreaterThan(1000));

    [TestCaseSource(nameof(Cases))]
    public void Gradient_AgreesWithFiniteDifferences(object row)
    {
        var test = (OperatorCase)row;
        var run = Load(Repository.Shared("onnx-cases"), test);
        if (test.Differentiable.Length == 0)
        {
            Assert.That(() => GradientCompiler.Compile(
                run.Model, new GradientOptions { Inputs = [.. run.Inputs.Values.Where(t => t.ElementType.IsFloat()).Select(t => t.Name)] }),
                Throws.TypeOf<OnnxModelException>().With.Message.Contains("differentiabl"),
                "nothing can be differentiated, and that is said");
            return;
        }

        var exception = CaseExceptions.Find(test.Path);
        if (exception is { Refused: { } refusal })
        {
            Assert.That(() => GradientCompiler.Compile(run.Model, new GradientOptions { Inputs = test.Differentiable }),
                Throws.InstanceOf<GradientException>().With.Message.Contains(refusal), exception.Reason);
            return;
        }

        var gradient = GradientCompiler.Compile(run.Model, new GradientOptions { Inputs = test.Differentiable });
        var differentiated = gradient.Graph.Inputs.Select(i => i.Name).Where(n => n.EndsWith("_grad", StringComparison.Ordinal))
            .Select(n => n[..^5]).ToList();
        using var narrow = new Runner(run.Model, optimise: false);
        var outputs = narrow.Run(run.Inputs);
        var upstream = Finite(GradientCheck.Upstream(outputs, differentiated, run.Random), outputs);
        var gradients = GradientCheck.Gradients(gradient, run.Inputs, upstream);
        Assert.That(gradients.Keys, Is.EquivalentTo(test.Differentiable), "a gradient for every differentiable input");
        foreach (var (name, value) in gradients)
            Assert.That(value.Dimensions, Is.EqualTo(run.Inputs[name].Dimensions), name);
        if (exception is { FloatOnly: false })
            return;

        OnnxModel? widened = null;
        using var wide = exception is { FloatOnly: true } ? null : GradientCheck.TryDouble(run.Model, run.Inputs, out widened);
        if (wide is null)
        {
            var noisy = DirectionalCheck.Error(narrow, run.Inputs, upstream, gradients, [1e-2, 3e-3, 3e-4], run.Random, along: false);
            Assert.That(noisy, Is.LessThanOrEqualTo(NoisyTolerance), "differences in float32");
            return;
        }

        var (inputs, seeds) = (GradientCheck.Widened(run.Inputs), GradientCheck.Widened(upstream));
        double Error(Dictionary<string, OnnxTensor> of) =>
            DirectionalCheck.Error(wide, inputs, seeds, of, [1e-6, 1e-7], run.Random, along: false);
        Assert.That(Error(gradients), Is.LessThanOrEqualTo(FloatTolerance), "gradient in float32, differences in float64");
        var compiled = GradientCompiler.Compile(widened!, new GradientOptions { Inputs = test.Differentiable });
        Assert.That(Error(GradientCheck.Gradients(compiled, inputs, seeds)), Is.LessThanOrEqualTo(Tolerance),
            "gradient and differences in float64");
    }

    [Test]
    public void Exceptions_AllNameACase()
    {
        var paths = OperatorCase.Read(Repository.Shared("onnx-cases")).Select(c => c.Path).ToList();
        Assert.That(CaseExceptions.All.Where(e => !paths.Exists(e.Covers)).Select(e => e.Case), Is.Empty);
    }

    private static (OnnxModel Model, Dictionary<string, OnnxTensor> Inputs, Random Random) Load(string folder, OperatorCase test)
    {
        var model = OnnxModel.Load(Path.Combine(folder, test.Path, "model.onnx"));
        var random = new Random(Seed);
        var inputs = new Dictionary<string, OnnxTensor>();
        var position = 0;
        foreach (var input in model.Graph.RequiredInputs)
        {
            var tensor = OnnxTensor.LoadPb(Path.Combine(folder, test.Path, "test_data_set_0", $"input_{position++}.pb"))
                .WithName(input.Name);
            inputs[input.Name] = test.Differentiable.Contains(input.Name) ? DirectionalCheck.Perturbed(tensor, random, 1e-3) : tensor;
        }

        return (model, inputs, random);
    }

    /// <summary>Infinities, as in masks and overflows, have no differences: nothing is asked of them.</summary>
    private static Dictionary<string, OnnxTensor> Finite(Dictionary<string, OnnxTensor> upstream, Dictionary<string, OnnxTensor> outputs) =>
        upstream.ToDictionary(u => u.Key, u => OnnxTensor.FromDoubles(u.Key, u.Value.ElementType, u.Value.Dimensions,
            [.. u.Value.ToDoubleArray().Zip(outputs[u.Key].ToDoubleArray(), (g, y) => double.IsFinite(y) ? g : 0)]));
}
