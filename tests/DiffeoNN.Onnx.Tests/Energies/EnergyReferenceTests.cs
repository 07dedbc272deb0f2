using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Tests.Bundles;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Energies;

/// <summary>Energies, gradients and outputs against PyTorch's in double precision,
/// for the fixture and every bundle of the repository.</summary>
[TestFixture]
internal sealed class EnergyReferenceTests : EnergyTests
{
    private static IEnumerable<TestCaseData> Folders()
    {
        yield return new TestCaseData(TinyBundle.Original).SetArgDisplayNames("tiny");
        var models = Path.Combine(Repository.Root, "models");
        if (!Directory.Exists(models)) yield break;
        foreach (var folder in Directory.GetDirectories(models).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, BundleManifest.FileName)))
                yield return new TestCaseData(folder).SetArgDisplayNames($"models/{Path.GetFileName(folder)}");
        }
    }

    [TestCaseSource(nameof(Folders))]
    public void Evaluate_OnReferenceImages_AgreesWithPyTorch(string folder)
    {
        AssertAgreesWithReference(folder, Path.Combine(folder, "reference", "energy"));
    }

    [Test]
    public void Evaluate_WithTheCompiledGradientOfTheOwnEnergy_AgreesWithPyTorch()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["models"]!["energy"]!.AsObject().Remove("gradient"));

        AssertAgreesWithReference(tiny.Path, Path.Combine(TinyBundle.Original, "reference", "energy"));
    }

    [TestCaseSource(nameof(Folders))]
    public void EveryNetwork_OnReferenceImages_AgreesWithPyTorch(string folder)
    {
        var bundle = Bundle.Load(folder);
        var compared = 0;
        foreach (var role in bundle.Roles)
        {
            var reference = Path.Combine(folder, "reference", role.ToString().ToLowerInvariant());
            if (role == BundleRole.Energy || !Directory.Exists(reference)) continue;
            using var graph = Engine.Load(bundle.LoadModel(role).ToBytes(), role.ToString());
            foreach (var set in ReferenceData.Load(reference))
            {
                using var scope = NewDisposeScope();
                var input = bundle.Manifest.Models[role]!.Input.Name;
                var outputs = graph.Run(new Dictionary<string, Tensor> { [input] = ToTensor(set.Input(input)) });
                foreach (var expected in set.Outputs)
                {
                    Assert.That(outputs[expected.Name].shape, Is.EqualTo(expected.Dimensions));
                    Assert.That(
                        Comparison.LargestError(Values(outputs[expected.Name]), expected.ToDoubleArray()),
                        Is.LessThanOrEqualTo(1e-4), $"{role} {expected.Name}");
                    compared++;
                }
            }
        }

        Assert.That(compared, Is.GreaterThan(0));
    }

    private void AssertAgreesWithReference(string folder, string reference)
    {
        using var energy = Load(folder);
        foreach (var set in ReferenceData.Load(reference))
        {
            using var scope = NewDisposeScope();
            using var result = energy.Evaluate(ToTensor(set.Input("y")));
            var (gradient, expected) = (Values(result.Gradient!), set.Output("y_grad").ToDoubleArray());
            var cosine = Comparison.Cosine(gradient, expected);
            var error = Comparison.LargestError(gradient, expected);
            TestContext.Out.WriteLine($"1 - cosine {1 - cosine:0.0e+0}, largest error {error:0.0e+0} of the largest gradient");
            using (Assert.EnterMultipleScope())
            {
                Assert.That(cosine, Is.GreaterThanOrEqualTo(0.99999), "cosine of the gradients");
                Assert.That(error, Is.LessThanOrEqualTo(1e-4), "largest error, relative to the largest gradient");
                Assert.That(Comparison.LargestError(Values(result.Energy), set.Output("energy").ToDoubleArray()),
                    Is.LessThanOrEqualTo(1e-5));
                Assert.That(result.Terms.shape, Is.EqualTo(set.Output("terms").Dimensions));
                for (var t = 0; t < energy.TermNames.Count; t++)
                {
                    var column = set.Output("terms").ToDoubleArray().Where((_, i) => i % energy.TermNames.Count == t).ToList();
                    Assert.That(
                        Comparison.LargestError(Values(result.Terms[.., t]), column), Is.LessThanOrEqualTo(1e-5), energy.TermNames[t]);
                }
            }
        }
    }
}
