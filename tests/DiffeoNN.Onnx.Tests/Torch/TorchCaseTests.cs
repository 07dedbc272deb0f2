using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>The published operator cases through libtorch: each gives its reference output.
/// What cannot be so is listed one by one with its reason.</summary>
[TestFixture]
public sealed class TorchCaseTests
{
    /// <summary>Largest error, relative to the largest element of the reference output (or to 1 where that is smaller).</summary>
    private const double Tolerance = 1e-5;

    private static IEnumerable<TestCaseData> Cases() => TorchCases.All().Select(c => new TestCaseData(c).SetArgDisplayNames(c.Path));

    [Test]
    public void Cases_AreThere() => Assert.That(OperatorCase.Read(Repository.Shared("onnx-cases")), Has.Count.GreaterThan(1000));

    [TestCaseSource(nameof(Cases))]
    public void Output_IsTheReference(object row)
    {
        var path = ((OperatorCase)row).Path;
        var folder = Path.Combine(Repository.Shared("onnx-cases"), path);
        if (TorchCaseExceptions.Find(path) is { } exception)
        {
            TorchCases.AssertFails(exception, () => Compare(folder));
            return;
        }

        Compare(folder);
    }

    [Test]
    public void Exceptions_AllNameACase()
    {
        var folder = Repository.Shared("onnx-cases");
        var paths = OperatorCase.Read(folder).Concat(OperatorCase.Read(folder, "control-flow.csv")).Select(c => c.Path).ToList();
        Assert.That(TorchCaseExceptions.All.Where(e => !paths.Exists(e.Covers)).Select(e => e.Case), Is.Empty);
    }

    private static void Compare(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var quiet = torch.no_grad();
        var model = OnnxModel.Load(Path.Combine(folder, "model.onnx"));
        using var graph = TorchCases.Load(model, Path.GetFileName(folder));
        foreach (var set in Directory.GetDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal))
        {
            var inputs = model.Graph.RequiredInputs.Index().ToDictionary(
                pair => pair.Item.Name, pair => TorchTensors.ToTorch(OnnxTensor.LoadPb(Path.Combine(set, $"input_{pair.Index}.pb"))));
            string[] names = [.. model.Graph.Outputs.Select(output => output.Name)];
            var outputs = graph.RunValues(inputs, names);
            foreach (var (i, name) in names.Index())
            {
                var expected = OnnxTensor.LoadPb(Path.Combine(set, $"output_{i}.pb"));
                var actual = TorchTensors.FromTorch(name, outputs[name]);
                Assert.That(actual.Dimensions, Is.EqualTo(expected.Dimensions), $"shape of '{name}'");
                Assert.That(TorchTensors.TypeOf(actual.ElementType), Is.EqualTo(TorchTensors.TypeOf(expected.ElementType)),
                    $"type of '{name}'");
                Assert.That(WorstError(expected.ToDoubleArray(), actual.ToDoubleArray()), Is.LessThanOrEqualTo(Tolerance),
                    $"'{name}' in {Path.GetFileName(set)}");
            }
        }
    }

    private static double WorstError(double[] expected, double[] actual)
    {
        var scale = expected.Where(double.IsFinite).Select(Math.Abs).Append(1).Max();
        return expected.Zip(actual,
            (e, a) => e.Equals(a) ? 0 : double.IsFinite(e) && double.IsFinite(a) ? Math.Abs(e - a) / scale : double.PositiveInfinity)
            .DefaultIfEmpty(0).Max();
    }
}
