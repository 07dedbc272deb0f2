using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What a fit is of: network, images and options. Resuming another one would mix two.</summary>
/// <param name="Key">The same for the same.</param>
/// <param name="Parts">What it is made of, in words, so that it can be said what differs.</param>
internal sealed record FitIdentity(string Key, IReadOnlyDictionary<string, string> Parts)
{
    private const string Nothing = "none", File = "the network's file", Reading = "the network's ";
    private const int LongestShown = 60;

    /// <summary>Of a fit.</summary>
    public static FitIdentity Of(BundleFitter fitter, IEvaluationData images, IEvaluationData? validation, bool hasTruth)
    {
        var (options, image) = (fitter.Options, fitter.Image);
        var manifest = fitter.Reading.ToManifest("key").ToJson();
        var network = Convert.ToHexString(SHA256.HashData(RegularFile.ReadAllBytes(fitter.Reading.Path)));
        var sampling = $"{options.Sampling with { Families = new Dictionary<string, int>() }}";
        var drawn = string.Join(',', options.Sampling.Families.OrderBy(pair => pair.Key, StringComparer.Ordinal));
        var text = new StringBuilder(manifest)
            .Append(network)
            .Append(CultureInfo.InvariantCulture, $"|{images.Name}|{images.Split}|{images.Source}|{images.Count}")
            .Append(CultureInfo.InvariantCulture, $"|{validation?.Name}|{validation?.Split}|{validation?.Count}|{hasTruth}")
            .Append(CultureInfo.InvariantCulture, $"|{options.Seed}|{options.ValidationShare}|{options.UsesTask}")
            .Append(CultureInfo.InvariantCulture, $"|{image.Height}x{image.Width}|{options.ProposerMultiplyAdds}")
            .Append(CultureInfo.InvariantCulture, $"|{options.Plan?.ToJson()}|{string.Join(',', options.Families)}")
            .Append(CultureInfo.InvariantCulture, $"|{sampling}")
            .Append(drawn);
        var parts = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [File] = network[..16],
            ["the images"] = Words($"{images.Count} of '{images.Name}'") + Chosen(images),
            ["the images to validate on"] = validation is null
                ? "held out of the others"
                : Words($"{validation.Count} of '{validation.Name}'") + Chosen(validation),
            ["whether labels are used"] = hasTruth ? "yes" : "no",
            ["the seed"] = Words($"{options.Seed}"),
            ["the share held out"] = Words($"{options.ValidationShare}"),
            ["whether it learns from the network's answers"] = options.UsesTask ? "yes" : "no",
            ["the size of the images"] = Words($"{image.Height} x {image.Width}"),
            ["the proposer's size"] = options.ProposerMultiplyAdds is { } most ? Words($"{most}") : "as the image's size says",
            ["the plan"] = options.Plan?.ToJson() ?? Nothing,
            ["the families of deformations"] = string.Join(", ", options.Families),
            ["how training images are deformed"] = $"{sampling} {drawn}",
        };
        foreach (var guess in fitter.Reading.Guesses) parts[Reading + guess.Subject] = guess.Value;
        return new FitIdentity(Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16], parts);
    }

    /// <summary>What differs from an earlier fit, in words; empty where that did not say what it was of.</summary>
    /// <param name="earlier"><see cref="Parts"/> of that fit.</param>
    public IReadOnlyList<string> Differences(IReadOnlyDictionary<string, string> earlier) => earlier.Count == 0
        ? []
        :
        [
            .. earlier.Keys.Union(Parts.Keys).Where(name => earlier.GetValueOrDefault(name) != Parts.GetValueOrDefault(name))
                .Select(name => Difference(name, earlier.GetValueOrDefault(name, Nothing), Parts.GetValueOrDefault(name, Nothing))),
        ];

    private static string Difference(string name, string then, string now) =>
        name == File ? $"{name} has changed"
        : then.Length > LongestShown || now.Length > LongestShown || then.Contains('\n') || now.Contains('\n') ? $"{name} differs"
        : $"{name}: {then} then, {now} now";

    private static string Chosen(IEvaluationData data) =>
        $"{(data.Split is { } split ? $", split {split}" : "")}{(data.Source is { } source ? $", source {source}" : "")}";

    private static string Words(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
