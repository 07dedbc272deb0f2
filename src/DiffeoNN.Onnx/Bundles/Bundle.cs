using System.Security.Cryptography;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>A folder with an inner model, its energy networks and a manifest, checked throughout.</summary>
public sealed class Bundle
{
    internal Bundle(string folder, BundleManifest manifest)
    {
        Folder = folder;
        Manifest = manifest;
    }

    /// <summary>Full path of the folder.</summary>
    public string Folder { get; }

    /// <summary>What <c>diffeonn.json</c> says.</summary>
    public BundleManifest Manifest { get; }

    /// <summary>The bundle's short name.</summary>
    public string Name => Manifest.Name;

    /// <summary>The images the networks expect.</summary>
    public ImageSpec Image => Manifest.Image;

    /// <summary>The roles that are there, in a fixed order.</summary>
    public IReadOnlyList<BundleRole> Roles => [.. Manifest.Models.Present().Select(pair => pair.Key)];

    /// <summary>Full paths of the folders with reference tensors.</summary>
    public IReadOnlyList<string> ReferenceFolders => [.. Manifest.References.Select(FullPath)];

    /// <summary>Loads a bundle and checks manifest, files, hashes, tensors and weights. Runs nothing: a backward graph of the user's own
    /// is tried when an energy is made of it (<see cref="Energies.BackwardGraphCheck"/>).</summary>
    /// <param name="folder">The folder that holds <c>diffeonn.json</c>.</param>
    /// <exception cref="BundleException">Something is missing, malformed or inconsistent; the message says what, where and why.</exception>
    public static Bundle Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new BundleException(File.Exists(folder)
                ? $"'{folder}' is a file; expected a bundle, which is a folder with {BundleManifest.FileName}."
                : $"Bundle folder '{folder}' does not exist; expected a folder with {BundleManifest.FileName}.");
        if (!File.Exists(Path.Combine(folder, BundleManifest.FileName)) && Inside(folder) is { Length: > 0 } bundles)
        {
            var names = string.Join(", ", bundles.Select(name => $"'{name}'"));
            throw new BundleException(
                $"Folder '{folder}' has no {BundleManifest.FileName}, but {names} in it {(bundles.Length == 1 ? "has" : "have")} one; "
                + $"give a bundle itself, such as '{Path.Combine(folder, bundles[0])}'.");
        }

        var bundle = new Bundle(
            Path.GetFullPath(folder), BundleManifest.Load(Path.Combine(folder, BundleManifest.FileName)));
        BundleValidator.Check(bundle);
        return bundle;
    }

    /// <summary>SHA-256 of a file as the manifest gives it.</summary>
    /// <param name="path">The file.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static string Hash(string path)
    {
        using var file = RegularFile.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>Whether the bundle has a network for a role.</summary>
    /// <param name="role">The role.</param>
    public bool Has(BundleRole role) => Manifest.Models[role] is not null;

    /// <summary>Refuses a bundle that has nothing to minimise yet.</summary>
    /// <exception cref="BundleException">It holds its inner network alone.</exception>
    internal void RequireEnergy()
    {
        if (Manifest.Models.HasEnergy) return;
        throw new BundleException(
            $"Bundle '{Name}' has no energy, which canonicalisation minimises: none of the roles vae, critic and energy. "
            + "Train one with 'diffeonn fit', or add one of the roles to its manifest.");
    }

    /// <summary>How its images are searched.</summary>
    /// <param name="caller">What the caller says; nothing if null.</param>
    /// <param name="preset">Who is asked where the caller says nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range.</exception>
    /// <exception cref="SearchException">The bundle lacks what is asked for.</exception>
    public SearchPlan Plan(SearchSpec? caller = null, SearchPreset preset = SearchPreset.Bundle) => SearchPlan.Resolve(
        new SearchSubject(
            Name,
            Manifest.Search with { Padding = Image.Padding == ImagePadding.Border ? WarpPadding.Border : WarpPadding.Zeros },
            Has(BundleRole.Proposer),
            Has(BundleRole.Vae) || Has(BundleRole.Critic)),
        caller,
        preset);

    /// <summary>Full path of a role's file.</summary>
    /// <param name="role">The role.</param>
    /// <exception cref="BundleException">The bundle has none.</exception>
    public string PathOf(BundleRole role) => FullPath(FileOf(role).File);

    /// <summary>The network of a role, ready to run: random nodes stand at their mean and dropout is off (see
    /// <see cref="PosteriorMean"/>).</summary>
    /// <param name="role">The role.</param>
    /// <returns>A model of the caller's own, read anew.</returns>
    /// <exception cref="BundleException">The bundle has none, or the file changed since the bundle was loaded.</exception>
    public OnnxModel LoadModel(BundleRole role) => Prepare(FileOf(role), BundleValidator.Title(role));

    /// <summary>How the network of a role takes images, after manifest and file.</summary>
    /// <param name="role">The role.</param>
    /// <exception cref="BundleException">The bundle has none, or the file changed since the bundle was loaded.</exception>
    public InputFormat InputOf(BundleRole role) => LoadFreed(role).Format;

    /// <summary>The user's own backward graph, or null.</summary>
    /// <exception cref="BundleException">The file changed since the bundle was loaded.</exception>
    public OnnxModel? LoadBackwardGraph() =>
        Manifest.Models.Energy?.Gradient is { } gradient ? Prepare(gradient, BundleValidator.GradientTitle) : null;

    /// <summary>Names of the bundles directly inside a folder.</summary>
    private static string[] Inside(string folder) =>
    [
        .. Directory.EnumerateDirectories(folder).Where(inside => File.Exists(Path.Combine(inside, BundleManifest.FileName)))
            .Select(inside => Path.GetFileName(inside)).Order(StringComparer.Ordinal),
    ];

    /// <summary>How a network that was read already takes images.</summary>
    internal InputFormat InputOf(BundleRole role, OnnxModel model)
    {
        var spec = FileOf(role).Input;
        return InputFormat.Of(Image, spec, model.Graph.Input(spec.Name));
    }

    /// <summary>The network of a role, its batch freed where that is safe, and how it takes images then.</summary>
    internal (OnnxModel Model, InputFormat Format) LoadFreed(BundleRole role)
    {
        var model = LoadModel(role);
        var format = InputOf(role, model);
        if (format.Batch is null) return (model, format);
        return FreeBatch.Apply(model, format.Name, out var reason) is { } freed
            ? (freed, format with { Batch = null })
            : (model, format with { BatchReason = reason });
    }

    internal string FullPath(string relative) => Path.Combine(Folder, relative);

    private ModelFile FileOf(BundleRole role) => Manifest.Models[role]
        ?? throw new BundleException(
            $"Bundle '{Name}' has no role {BundleValidator.Title(role)}. Roles: {string.Join(", ", Roles.Select(BundleValidator.Title))}.");

    private OnnxModel Prepare(ModelFile file, string title)
    {
        var place = new ModelPlace(this, file, title);
        return place.Guard(() => PosteriorMean.Apply(ModelReading.Read(place)).Model);
    }
}
