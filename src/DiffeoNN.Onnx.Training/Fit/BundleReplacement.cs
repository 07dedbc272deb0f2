using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Puts a bundle into the place of another, so that at every moment the folder holds one of the two, whole.</summary>
/// <remarks>
/// A file takes the place of another at once, but several do not. Networks that differ from those of their name that lie there come under
/// a passing name first, and a manifest that says so ends the old bundle; then they come under their own name, another manifest says that,
/// and the passing ones go.
/// </remarks>
internal static class BundleReplacement
{
    private const string Passing = "next";

    /// <summary>Replaces what bundle a folder holds, if any.</summary>
    /// <param name="candidate">Folder with the networks.</param>
    /// <param name="folder">Where they go.</param>
    /// <param name="manifest">Of the new bundle, with the networks' own names.</param>
    /// <param name="changed">Told after every change of the folder; null for nobody.</param>
    /// <exception cref="BundleException">The bundle would be refused; the old one stands then.</exception>
    /// <exception cref="OutputException">A file cannot be written; a whole bundle stands then, too.</exception>
    public static Bundle Write(string candidate, string folder, BundleManifest manifest, Action? changed = null)
    {
        string[] names = [.. Names(manifest).Distinct(StringComparer.Ordinal)];
        var different = names.Where(name => !IsSame(Path.Combine(candidate, name), Path.Combine(folder, name))).ToHashSet();
        if (File.Exists(Path.Combine(folder, BundleManifest.FileName)) && different.Any(name => File.Exists(Path.Combine(folder, name))))
        {
            // Such names as the manifest there may have been left with are not touched.
            var passing = Enumerable.Range(1, int.MaxValue - 1).Select(i => FormattableString.Invariant($"{Passing}{i}-"))
                .First(prefix => names.All(name => !File.Exists(Path.Combine(folder, prefix + name))));
            Copy(name => passing + name);
            _ = new BundleBuilder(folder).Build(Renamed(manifest, name => different.Contains(name) ? passing + name : name));
            changed?.Invoke();
        }

        Copy(name => name);
        var bundle = new BundleBuilder(folder).Build(manifest);
        changed?.Invoke();
        foreach (var left in Directory.GetFiles(folder, $"{Passing}*-*.onnx").Where(file => names.Contains(OwnName(file))))
        {
            File.Delete(left);
            changed?.Invoke();
        }

        return bundle;

        void Copy(Func<string, string> naming)
        {
            foreach (var name in names.Where(different.Contains))
            {
                AtomicFile.Write(Path.Combine(folder, naming(name)), stream =>
                {
                    using var source = RegularFile.OpenRead(Path.Combine(candidate, name));
                    source.CopyTo(stream);
                });
                changed?.Invoke();
            }
        }
    }

    /// <summary>What a passing name stands for; empty for a name that is none.</summary>
    private static string OwnName(string file)
    {
        var (number, name) = Path.GetFileName(file)[Passing.Length..].Split('-', 2) is [var first, var rest] ? (first, rest) : ("", "");
        return number.Length > 0 && number.All(char.IsAsciiDigit) ? name : "";
    }

    private static bool IsSame(string first, string second) => File.Exists(second) && Bundle.Hash(first) == Bundle.Hash(second);

    private static IEnumerable<string> Names(BundleManifest manifest) => new ModelFile?[]
    {
        manifest.Models.Inner, manifest.Models.Vae, manifest.Models.Critic, manifest.Models.Proposer,
    }.OfType<ModelFile>().Select(model => model.File);

    private static BundleManifest Renamed(BundleManifest manifest, Func<string, string> naming) => manifest with
    {
        Models = manifest.Models with
        {
            Inner = Renamed(manifest.Models.Inner, naming)!,
            Vae = Renamed(manifest.Models.Vae, naming),
            Critic = Renamed(manifest.Models.Critic, naming),
            Proposer = Renamed(manifest.Models.Proposer, naming),
        },
    };

    private static T? Renamed<T>(T? model, Func<string, string> naming)
        where T : ModelFile => model is null ? null : (T)(model with { File = naming(model.File) });
}
