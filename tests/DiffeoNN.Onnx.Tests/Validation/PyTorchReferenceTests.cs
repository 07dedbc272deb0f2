using System.Text.Json;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Energies;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>What PyTorch wrote about a model: its outputs, gradients and intermediate values are those of the model's graph.</summary>
[TestFixture]
internal sealed class PyTorchReferenceTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests/DiffeoNN.Onnx.Tests/Fixtures/reference");

    private readonly OnnxRuntimeEngine _engine = new(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });

    [Test]
    public void EveryModule_GivesTheValueOfTheModelThatIsSaidToBeIts()
    {
        using var description = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "reference.json")));
        var modules = description.RootElement.GetProperty("modules").EnumerateArray()
            .Select(module => (Path: module.GetProperty("path").GetString()!, Index: module.GetProperty("index").GetInt32(),
                Value: module.GetProperty("value").GetString()))
            .ToList();
        var model = OnnxModel.Load(Path.Combine(Folder, "model.onnx"));
        var shown = modules.Select(module => module.Value).OfType<string>().Except(model.Graph.Outputs.Select(output => output.Name));
        model.Graph.Outputs.AddRange(shown.Select(name => new OnnxValueInfo(name, OnnxElementType.Float, null)));
        var set = ReferenceData.Load(Folder).Single();
        using var scope = NewDisposeScope();
        using var graph = _engine.Load(model, "model with intermediates");
        var outputs = graph.Run(set.Inputs.ToDictionary(input => input.Name, ToTensor));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(modules.Where(module => module.Value is null).Select(module => module.Path), Is.EqualTo(new[] { "first.conv" }),
                "the exporter merges it with its normalisation");
            foreach (var (path, index, value) in modules.Where(module => module.Value is not null))
            {
                var expected = OnnxTensor.LoadPb(Path.Combine(set.Folder, "intermediates", $"{index}.pb"));
                Assert.That(expected.Name, Is.EqualTo(path));
                Assert.That(outputs[value!].shape, Is.EqualTo(expected.Dimensions), path);
                Assert.That(Comparison.LargestError(Values(outputs[value!]), expected.ToDoubleArray()), Is.LessThanOrEqualTo(1e-5), path);
            }
        }
    }

    [Test]
    public void OutputsAndGradients_AreThoseOfTheModel() =>
        AssertGradients(OnnxModel.Load(Path.Combine(Folder, "model.onnx")), ReferenceData.Load(Folder).Single());

    [Test]
    public void OutputsAndGradients_OfEveryNetworkOfABundle_AreThoseOfTheModel([Values("shapes", "lungs", "genus")] string name)
    {
        var folder = Repository.Bundle(name);
        if (!Directory.Exists(folder)) Assert.Ignore($"models/{name} is not there.");
        var bundle = Bundle.Load(folder);
        // An energy of the bundle's own is a term of the energy as a whole, whose reference EnergyReferenceTests compares.
        foreach (var role in bundle.Roles.Where(role => role != BundleRole.Energy))
        {
            TestContext.Out.WriteLine(role);
            AssertGradients(
                bundle.LoadModel(role), ReferenceData.Load(Path.Combine(folder, "reference", role.ToString().ToLowerInvariant())).Single());
        }
    }

    /// <summary>Compiles the model's gradient, runs it with the reference's inputs and upstream gradients,
    /// and compares all it gives.</summary>
    private void AssertGradients(OnnxModel model, ReferenceData set)
    {
        using var scope = NewDisposeScope();
        using var graph = _engine.Load(GradientCompiler.Compile(model), "gradient");
        OnnxTensor Read(string name) => OnnxTensor.LoadPb(Path.Combine(set.Folder, name + ".pb"));
        var feeds = set.Inputs.Concat(set.Outputs.Select(output => Read(output.Name + "_grad"))).ToDictionary(
            tensor => tensor.Name, ToTensor);
        var found = graph.Run(feeds);
        using (Assert.EnterMultipleScope())
        {
            // A rectifier that float32 puts on the other side of its kink changes single pixels of a gradient, and no more.
            var gradients = set.Inputs.Select(input => Read(input.Name + "_grad")).ToHashSet();
            foreach (var expected in set.Outputs.Concat(gradients))
            {
                var (actual, wanted) = (Values(found[expected.Name]), expected.ToDoubleArray());
                TestContext.Out.WriteLine($"{expected.Name}: 1 - cosine {1 - Comparison.Cosine(actual, wanted):0.0e+0}, largest error "
                    + $"{Comparison.LargestError(actual, wanted):0.0e+0}");
                Assert.That(found[expected.Name].shape, Is.EqualTo(expected.Dimensions), expected.Name);
                Assert.That(Comparison.Cosine(actual, wanted), Is.GreaterThanOrEqualTo(0.99999), expected.Name);
                Assert.That(Comparison.LargestError(actual, wanted),
                    Is.LessThanOrEqualTo(gradients.Contains(expected) ? 2e-3 : 1e-4), expected.Name);
            }
        }
    }

    private static double[] Values(Tensor tensor) => tensor.to(float64).data<double>().ToArray();

    private static Tensor ToTensor(OnnxTensor values) => tensor(values.ToArray<float>(), [.. values.Dimensions]);
}
