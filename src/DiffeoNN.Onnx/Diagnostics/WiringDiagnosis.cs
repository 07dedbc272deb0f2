using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics.Wiring;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>
/// Whether the networks of a bundle mean what its manifest says: what no file tells is tried on undeformed images and deformed copies of
/// them.
/// </summary>
/// <remarks>It finds a reconstruction in other units than pixel values, a critic or energy of the wrong sign, a proposer that is negated,
/// has its components swapped or is in pixels, and networks that were trained on another range of pixel values.</remarks>
public static class WiringDiagnosis
{
    /// <summary>Images that are looked at: 16, spread over those that are given.</summary>
    public const int MostImages = 16;

    /// <summary>Images below which networks are not looked at, and below which what is found is not sure.</summary>
    private const int Fewest = 4, Enough = 8;

    /// <summary>Tries a bundle.</summary>
    /// <param name="folder">The bundle's folder.</param>
    /// <param name="images">Undeformed images of the kind its networks were trained on, at least one; eight or more say something.</param>
    /// <param name="options">Device, engine and cores; defaults if null.</param>
    /// <param name="cancellationToken">Stops between two runs of a network.</param>
    /// <exception cref="BundleException">The bundle is missing, malformed or inconsistent.</exception>
    /// <exception cref="ImageException">An image cannot be brought to the bundle's channels, or is smaller than 2x2 pixels.</exception>
    /// <exception cref="GraphException">The engine cannot load or run a network.</exception>
    public static IReadOnlyList<Finding> Run(
        string folder, IReadOnlyList<ImageBuffer> images, ExecutionOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfZero(images.Count, nameof(images));
        var bundle = Bundle.Load(folder);
        var count = Math.Min(images.Count, MostImages);
        ImageBuffer[] chosen = [.. Enumerable.Range(0, count).Select(i => images[i * images.Count / count])];
        Require(bundle, chosen);
        if (Units(chosen) is { } units) return [units, Manifest(bundle.Image)];
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var sample = WiringSample.Of(bundle, chosen);
        Finding[] before = [Number(chosen, sample), Manifest(bundle.Image)];
        if (sample.Count < 2 * Fewest || before[1].Level == FindingLevel.Problem) return before;
        var engine = Engine.Create(options ?? new ExecutionOptions { Device = ExecutionDevice.Cpu });
        return [.. before, .. Networks(sample, engine, cancellationToken)];
    }

    private static List<Finding> Networks(WiringSample sample, IEngine engine, CancellationToken cancellationToken)
    {
        var bundle = sample.Bundle;
        var findings = new List<Finding>();
        // A VAE tells clearest what it was trained on, and the others mostly were as well.
        var (vae, range) = bundle.Has(BundleRole.Vae) ? VaeWiring.Run(sample, engine, cancellationToken) : ([], null);
        var untrained = bundle.Roles.Select(role => (Role: role, Layers: UntrainedWeights.Layers(bundle.LoadModel(role))))
            .Where(network => network.Layers is not null).ToDictionary(network => network.Role, network => network.Layers!.Value);
        if (untrained.ContainsKey(BundleRole.Vae)) range = null;
        findings.AddRange(PredictorWiring.Run(sample, range, engine, cancellationToken));
        findings.AddRange(AnswerWiring.Run(sample, engine, cancellationToken));
        findings.AddRange(vae);
        foreach (var role in new[] { BundleRole.Critic, BundleRole.Energy }.Where(bundle.Has))
            findings.Add(EnergyWiring.OfNetwork(sample, role, range, engine, cancellationToken));
        if (!bundle.Manifest.Models.HasEnergy) return Undecided(findings, untrained);
        using var energy = OnnxEnergy.FromBundle(bundle, engine);
        findings.AddRange(EnergyWiring.OfWhole(sample, energy, cancellationToken));
        var sound = findings.TrueForAll(finding => finding.Level != FindingLevel.Problem);
        if (bundle.Has(BundleRole.Proposer)) findings.AddRange(ProposerWiring.Run(sample, engine, energy, sound, cancellationToken));
        return Undecided(findings, untrained);
    }

    /// <summary>Of a network that nobody has trained, images show nothing: what was found is no evidence of a wrong manifest.</summary>
    private static List<Finding> Undecided(List<Finding> findings, Dictionary<BundleRole, int> untrained) => findings.ConvertAll(finding =>
    {
        if (finding.Level != FindingLevel.Problem) return finding;
        var network = untrained.FirstOrDefault(
            pair => finding.Subject.StartsWith($"{BundleValidator.Title(pair.Key)} (", StringComparison.Ordinal));
        return network.Value == 0 ? finding : new(FindingLevel.Warning, finding.Subject,
            $"looks untrained: the weights of its layers ({network.Value}) are spread evenly over the inverse root of their number of "
            + $"inputs, as PyTorch draws them; so it is undecided what this means: {finding.Text}",
            "check that the trained weights were loaded before the export");
    });

    /// <summary>That a network was trained on something else than it is given.</summary>
    internal static Finding OtherInput(string subject, NetworkInput input, string text, string? more = null) => new(
        FindingLevel.Problem, subject, $"was trained on {input.Name}, and is given something else: it {text}",
        (input.IsOwn
            ? $"set {input.Manifest}, with range 1, in the manifest's input of this network, or export it with its normalisation changed"
            : $"set {input.Manifest} in the manifest's image, if that is right for all networks, or export this one "
            + "with its normalisation changed")
        + (more is null ? "" : $"; and {more}"));

    /// <summary>That a network was trained on something else than it is given, where no range is better than the others by a clear margin.
    /// </summary>
    internal static Finding UnknownInput(string subject, string text) => new(
        FindingLevel.Problem, subject, $"was trained on another range of values than it is given, which one is not clear: it {text}",
        "look up how its training normalised images, and set mean and std of the manifest's image to that");

    /// <summary>Three digits, of very large and very small numbers with their power of ten.</summary>
    internal static string Text(double value) => value.ToString(
        value != 0 && Math.Abs(value) is < 5e-4 or >= 1e9 ? "0.###e+0" : "0.###", CultureInfo.InvariantCulture);

    private static void Require(Bundle bundle, ImageBuffer[] images)
    {
        if (Array.Find(images, image => image.Height < 2 || image.Width < 2) is { } small)
            throw new ImageException($"An image is {small.Width}x{small.Height} pixels; at least 2x2 are needed.");
        if (Array.Find(images, image => !image.CanBecome(bundle.Image.Channels)) is { } other)
        {
            throw new ImageException(
                $"An image has {other.Channels} channels, and bundle '{bundle.Name}' takes {bundle.Image.Channels}; "
                + "only grey and RGB become each other.");
        }
    }

    /// <summary>What is wrong with the pixel values; null if nothing is.</summary>
    private static Finding? Units(ImageBuffer[] images)
    {
        var (least, most) = Range(images);
        if (!(least >= 0 && most <= 1))
        {
            return new(FindingLevel.Problem, "images", $"{Described(images)}; expected 0 to 1",
                most > 1 && most <= 255 && least >= 0 ? "divide them by 255" : "bring them to 0 to 1 before anything else");
        }

        return images.Length >= Enough && most < 0.02 && most > 0
            ? new(FindingLevel.Problem, "images", $"{Described(images)}: they are black to every network",
                "if they store class numbers or 12 bits in 16, scale them first")
            : null;
    }

    /// <summary>Whether there are enough images that say something.</summary>
    private static Finding Number(ImageBuffer[] images, WiringSample sample)
    {
        var left = sample.Count / 2;
        var text = sample.LeftOut == 0
            ? Described(images)
            : $"{Described(images)}; {sample.LeftOut} left out, as they show nothing that a deformation changes";
        return left < Fewest
            ? new(FindingLevel.Warning, "images", $"{text}: {left} are too few to try the networks on",
                $"give at least {Enough} undeformed images with something to see")
            : left < Enough
            ? new(FindingLevel.Warning, "images", $"{text}: {left} are too few to be sure of anything",
                $"give at least {Enough} undeformed images")
            : new(FindingLevel.Good, "images", text);
    }

    private static string Described(ImageBuffer[] images)
    {
        var (least, most) = Range(images);
        return $"{images.Length} images with pixel values of {Text(least)} to {Text(most)}";
    }

    private static (float Least, float Most) Range(ImageBuffer[] images) =>
        (images.Min(image => image.Data.ToArray().Min()), images.Max(image => image.Data.ToArray().Max()));

    private static Finding Manifest(ImageSpec image)
    {
        var text = $"mean {string.Join(", ", image.Mean.Select(Text))} and std {string.Join(", ", image.Std.Select(Text))}";
        return image.Mean.Any(mean => mean is < -1 or > 2) || image.Std.Any(std => std > 3)
            ? new(FindingLevel.Problem, "image",
                $"{text} in the manifest are of pixel values of 0 to 255; networks see (value - mean) / std of values of 0 to 1",
                "divide them by 255")
            : new(FindingLevel.Good, "image", $"{text} in the manifest are of pixel values of 0 to 1");
    }
}
