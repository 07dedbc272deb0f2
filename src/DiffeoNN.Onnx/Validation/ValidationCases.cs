using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation;

/// <summary>The graphs of a model or bundle, with the reference tensors that belong to them.</summary>
internal static class ValidationCases
{
    private const string FirstSet = "test_data_set_0";

    /// <summary>What a fit trains.</summary>
    private static readonly BundleRole[] FittedRoles = [BundleRole.Vae, BundleRole.Critic, BundleRole.Proposer];

    /// <summary>The case of a model's file. Reference tensors that lie beside it are taken where none are named.</summary>
    public static ValidationCase OfModel(string path, string? reference)
    {
        var written = PosteriorMean.Apply(OnnxModel.Load(path));
        var model = InlinedModel.Of(written.Model);
        var beside = Path.GetDirectoryName(Path.GetFullPath(path))!;
        reference ??= Directory.Exists(Path.Combine(beside, FirstSet)) ? beside : null;
        return new ValidationCase(Path.GetFileName(path), model, reference is null ? [] : ReferenceSet.Load(reference, model.Graph))
        {
            AsWritten = written.Model,
            Notes = written.Replaced.Count == 0
                ? []
                : [$"random nodes stand at their mean, as in a bundle: {string.Join(", ", written.Replaced)}; a reference that drew "
                    + "numbers cannot agree"],
        };
    }

    /// <summary>One case for each role of a bundle, and one for the composed energy.</summary>
    public static IEnumerable<ValidationCase> OfBundle(Bundle bundle, string? reference)
    {
        if (reference is not null && !Directory.Exists(reference))
            throw new TensorDataException($"Reference folder '{reference}' does not exist; expected a folder with one folder for each "
                + $"role, such as inner/{FirstSet}.");
        // Who names references wants to know which are missing.
        var isFitted = reference is null && bundle.Manifest.Provenance?.Tool == Provenance.Fit;
        foreach (var role in bundle.Roles)
        {
            // The user's own energy is part of the composed one, whose reference carries the name.
            var title = BundleValidator.Title(role);
            var written = bundle.LoadModel(role);
            var model = InlinedModel.Of(written);
            yield return new ValidationCase(
                role == BundleRole.Energy ? "own energy" : title, model,
                role == BundleRole.Energy ? [] : References(bundle, reference, title, model.Graph))
                { AsWritten = written, IsNative = isFitted && FittedRoles.Contains(role) };
        }

        yield return OfEnergy(bundle, reference) with { IsNative = isFitted && bundle.Manifest.Models.Energy is null };
    }

    private static ValidationCase OfEnergy(Bundle bundle, string? reference)
    {
        var energy = EnergyComposer.Compose(bundle);
        var backward = energy.Model.Graph;
        // The reference holds the gradient as an output, which the forward graph does not have.
        var references = References(bundle, reference, "energy", backward).Select(set => set with
        {
            Outputs = set.Outputs.Where(output => output.Key != EnergyComposer.GradientOutput).ToDictionary(),
            Gradients = set.Outputs.TryGetValue(EnergyComposer.GradientOutput, out var gradient)
                ? new Dictionary<string, OnnxTensor> { [EnergyComposer.Input] = gradient.WithName(EnergyComposer.Input) } : set.Gradients,
        });
        return new ValidationCase("energy", InlinedModel.Of(energy.ValueModel), [.. references])
        {
            FixedInputs = energy.WeightInputs.ToDictionary(
                weight => weight.Key, weight => OnnxTensor.Scalar(weight.Key, (float)weight.Value)),
            DifferentiatedInputs = [EnergyComposer.Input],
            SummedOutput = EnergyComposer.EnergyOutput,
            Backward = energy.Model,
        };
    }

    private static IReadOnlyList<ReferenceSet> References(Bundle bundle, string? reference, string title, OnnxGraph graph)
    {
        var folder = reference is not null ? Path.Combine(reference, title)
            : bundle.ReferenceFolders.FirstOrDefault(path => Path.GetFileName(path.TrimEnd('/', '\\')) == title);
        return folder is not null && Directory.Exists(Path.Combine(folder, FirstSet)) ? ReferenceSet.Load(folder, graph) : [];
    }
}
