using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>
/// Two gradients of each published case that share no code: libtorch's autograd through the graph, and the compiled backward graph in ONNX
/// Runtime, under the same random upstream gradients.
/// </summary>
[TestFixture]
public sealed class TorchGradientTests
{
    private const int Seed = 11;

    /// <summary>Largest difference, relative to the largest element of the gradient (or to 1e-3 where that is smaller).</summary>
    private const double Tolerance = 1e-4;

    private static IEnumerable<TestCaseData> Cases() =>
        TorchCases.All().Where(c => c.Differentiable.Length > 0).Select(c => new TestCaseData(c).SetArgDisplayNames(c.Path));

    [TestCaseSource(nameof(Cases))]
    public void Autograd_AgreesWithTheBackwardGraph(object row)
    {
        var test = (OperatorCase)row;
        if (TorchGradientExceptions.Find(test.Path) is { } exception)
        {
            TorchCases.AssertFails(exception, () => Compare(test));
            return;
        }

        Compare(test);
    }

    [Test]
    public void Exceptions_AllNameACase()
    {
        var paths = TorchCases.All().Select(c => c.Path).ToList();
        if (paths.Count > 0) Assert.That(TorchGradientExceptions.All.Where(e => !paths.Exists(e.Covers)).Select(e => e.Case), Is.Empty);
    }

    private static void Compare(OperatorCase test)
    {
        using var scope = NewDisposeScope();
        var folder = Path.Combine(Repository.Shared("onnx-cases"), test.Path);
        var model = OnnxModel.Load(Path.Combine(folder, "model.onnx"));
        using var graph = TorchCases.Load(model, test.Path);
        var inputs = Inputs(model, Path.Combine(folder, "test_data_set_0"), test.Differentiable);

        var backward = GradientCompiler.Compile(model, new GradientOptions { Inputs = test.Differentiable });
        string[] outputs = [.. backward.Graph.RequiredInputs.Select(input => input.Name)
            .Where(name => name.EndsWith("_grad", StringComparison.Ordinal)).Select(name => name[..^5])];
        var compiled = TorchCases.Runtime.Value.Load(backward, test.Path);
        using var owned = (IDisposable)compiled;

        var leaves = inputs.ToDictionary(
            pair => pair.Key, pair => test.Differentiable.Contains(pair.Key) ? pair.Value.detach().clone().requires_grad_() : pair.Value);
        var values = graph.RunValues(leaves, outputs);
        using var generator = new Generator(Seed);
        // Infinities, as in masks and overflows, have no gradient: nothing is asked of them.
        var upstream = values.ToDictionary(pair => pair.Key, pair => where(
            pair.Value.isfinite(),
            rand(pair.Value.shape, dtype: ScalarType.Float64, generator: generator).mul(2).sub(1).to(pair.Value.dtype),
            zeros_like(pair.Value)).detach());
        string[] reached = [.. outputs.Where(name => values[name].requires_grad)];
        // Of inputs without elements nothing depends.
        var isEmpty = test.Differentiable.All(name => inputs[name].NumberOfElements == 0);
        if (!isEmpty) Assert.That(reached, Is.EquivalentTo(outputs), "outputs that autograd reaches");
        if (reached.Length > 0) autograd.backward([.. reached.Select(name => values[name])], [.. reached.Select(name => upstream[name])]);

        var fed = inputs.Concat(upstream.Select(pair => KeyValuePair.Create(pair.Key + "_grad", pair.Value.contiguous()))).ToDictionary();
        var expected = compiled.Run(fed, [.. test.Differentiable.Select(name => name + "_grad")]);
        Assert.Multiple(() =>
        {
            foreach (var name in test.Differentiable)
                AreClose(name, leaves[name].grad ?? zeros_like(inputs[name]), expected[name + "_grad"]);
        });
    }

    private static void AreClose(string name, Tensor actual, Tensor expected)
    {
        Assert.That(actual.shape, Is.EqualTo(expected.shape), $"shape of the gradient by '{name}'");
        if (expected.NumberOfElements == 0) return;
        var (a, e) = (actual.to(ScalarType.Float64).flatten(), expected.to(ScalarType.Float64).flatten());
        var scale = Math.Max(e.nan_to_num(0, 0, 0).abs().max().item<double>(), 1e-3);
        // Both may be infinite or not a number, at the same places.
        var same = a.eq(e).logical_or(a.isnan().logical_and(e.isnan()));
        var error = where(same, zeros_like(a), a.sub(e).abs()).div(scale).nan_to_num(
            double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity);
        var worst = error.argmax().item<long>();
        Assert.That(error.max().item<double>(), Is.LessThanOrEqualTo(Tolerance),
            $"gradient by '{name}' (seed {Seed}): element {worst} is {a[worst].item<double>():G6} by autograd, "
            + $"{e[worst].item<double>():G6} by the backward graph; largest {scale:G3}");
    }

    /// <summary>The case's inputs; those to differentiate by are moved a little off the kinks and ties that published data sits
    /// on.</summary>
    private static Dictionary<string, Tensor> Inputs(OnnxModel model, string folder, string[] differentiable)
    {
        var random = new Random(Seed);
        var result = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (i, input) in model.Graph.RequiredInputs.Index())
        {
            var tensor = OnnxTensor.LoadPb(Path.Combine(folder, $"input_{i}.pb"));
            if (differentiable.Contains(input.Name))
                tensor = OnnxTensor.FromDoubles(tensor.Name, tensor.ElementType, tensor.Dimensions,
                    [.. tensor.ToDoubleArray().Select(x => x + (1e-3 * ((2 * random.NextDouble()) - 1)))]);
            result[input.Name] = TorchTensors.ToTorch(tensor);
        }

        return result;
    }
}
