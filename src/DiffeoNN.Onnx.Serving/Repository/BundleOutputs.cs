using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using TorchSharp;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>The outputs that bundles have: their answers, and what the search found.</summary>
internal static class BundleOutputs
{
    /// <summary>The arrays of each kind of answer, as <see cref="MappedOutput.ToArrays"/> calls them, without the batch; those of further
    /// outputs begin with the output's name and a dot.</summary>
    private static readonly Dictionary<OutputKind, (string Name, int Dimensions, bool IsUsual)[]> Arrays = new()
    {
        [OutputKind.Segmentation] = [("probabilities", 3, false)],
        [OutputKind.Classification] = [("scores", 1, true)],
        [OutputKind.Image] = [("planes", 3, true)],
        [OutputKind.Points] = [("points", 2, true)],
        [OutputKind.Regression] = [("numbers", 1, true)],
        [OutputKind.Boxes] = [("boxes", 2, true), ("scores", 1, true), ("classes", 1, true)],
    };

    /// <summary>What names of the network's own answers begin with.</summary>
    private const string Alone = "naive_";

    /// <summary>All outputs of a bundle.</summary>
    public static IReadOnlyList<BundleOutput> Of(Bundle bundle)
    {
        var image = bundle.Image;
        return
        [
            .. Answers(bundle, "", image => image.Search!.Answer(0)),
            BundleOutput.OfArrays("canonical", [image.Channels, image.Height, image.Width],
                image => Row(image.Search!.Fields.Canonical)),
            BundleOutput.OfArrays("displacement", [2, image.Height, image.Width], image => Row(image.Search!.Fields.Displacement)),
            BundleOutput.OfArrays("inverse", [2, image.Height, image.Width], image => Row(image.Search!.Fields.InverseDisplacement)),
            Of("energy_before", found => found.InputEnergy),
            Of("energy_after", found => found.CanonicalEnergy),
            Of("accepted", found => found.Accepted),
            Text("refusal", found => found.Refusal?.Text ?? ""),
            Of("steps", found => found.Steps),
            Text("stop", found => found.Stop.ToString()),
            Of("determinant", found => found.Diagnostics.MinimumDeterminant),
            Of("residual", found => found.Diagnostics.InverseResidualMaximum),
            .. Answers(bundle, Alone, image => image.Alone!).Select(output => output with { IsUsual = false, IsAlone = true }),
        ];
    }

    private static BundleOutput Of<T>(string name, Func<ImageCanonicalisation, T> value)
        where T : unmanaged => BundleOutput.OfImages(name, image => value(image.Search!.Canonicalisation(0)));

    private static BundleOutput Text(string name, Func<ImageCanonicalisation, string> value) =>
        BundleOutput.OfTexts(name, image => value(image.Search!.Canonicalisation(0)));

    private static IEnumerable<BundleOutput> Answers(Bundle bundle, string way, Func<AnsweredImage, MappedOutput> answer) =>
        bundle.Manifest.Models.Inner.Outputs.SelectMany((spec, i) =>
            AnswersOf(spec, way + (i == 0 ? "" : $"{spec.Title}."), image => answer(image).All.ElementAt(i))
                .Select(output => output with { Metadata = output.Metadata with { Labels = spec.Classes ?? [] } }));

    private static IEnumerable<BundleOutput> AnswersOf(OutputSpec spec, string prefix, Func<AnsweredImage, MappedOutput> answer)
    {
        if (spec.Kind == OutputKind.Segmentation)
        {
            yield return BundleOutput.OfArrays<byte>(prefix + "mask", [-1, -1], image =>
            {
                var labels = answer(image).ToSummary().Labels!;
                return ([labels.Height, labels.Width], labels.Labels.ToArray());
            }) with { IsUsual = true, Bytes = image => Pixels(answer(image)) };
        }

        foreach (var (name, dimensions, isUsual) in Arrays[spec.Kind])
        {
            if (name == "scores" && spec.Kind == OutputKind.Boxes && spec.Scores is null) continue;
            if (name == "classes" && spec.Labels is null && spec.Scores is null) continue;
            yield return BundleOutput.OfArrays<float>(prefix + name, [.. Enumerable.Repeat(-1L, dimensions)], image =>
            {
                var found = answer(image).ToArrays().FirstOrDefault(array => array.Name == name)
                    ?? new AnswerArray(name, [0], []);
                return (found.Shape, found.Parts.SelectMany(part => part).ToArray());
            }) with
            {
                IsUsual = isUsual,
                Bytes = image => dimensions == 3 ? sizeof(float) * answer(image).Channels * Pixels(answer(image)) : 0,
            };
        }
    }

    private static long Pixels(MappedOutput answer) => (long)answer.Height * answer.Width;

    private static (IReadOnlyList<long> Shape, float[] Values) Row(torch.Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        var row = tensor[0].cpu().contiguous();
        return (row.shape, row.data<float>().ToArray());
    }
}
