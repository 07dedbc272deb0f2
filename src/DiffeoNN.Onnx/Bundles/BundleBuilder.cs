using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Makes a bundle of one's own models: brings the files together, hashes them, checks everything,
/// then writes the manifest.</summary>
/// <param name="folder">The bundle's folder; made if it does not exist.</param>
/// <example><code>
/// var bundle = new BundleBuilder("my-bundle")
///     .Add("exports/unet.onnx", "inner.onnx")
///     .Add("exports/critic.onnx", "critic.onnx")
///     .Build(new BundleManifest { Name = "mine", Image = ..., Models = ..., Energy = ... });
/// </code></example>
public sealed class BundleBuilder(string folder)
{
    /// <summary>The bundle's folder.</summary>
    public string Folder { get; } = folder;

    /// <summary>Copies a model into the folder, weights kept in a second file packed into it.</summary>
    /// <param name="path">The ONNX file.</param>
    /// <param name="name">Its name in the bundle, inside the folder, with forward slashes.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="BundleException">The file is missing or is no ONNX model.</exception>
    /// <exception cref="OutputException">The file cannot be written into the folder.</exception>
    public BundleBuilder Add(string path, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentException.ThrowIfNullOrEmpty(name);
        try
        {
            var bytes = RegularFile.ReadAllBytes(path);
            var model = OnnxModel.Load(path);
            if (!IsComplete(bytes)) bytes = model.ToBytes();
            var target = Path.Combine(Folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(target))!);
            AtomicFile.Write(target, bytes);
            return this;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BundleException(
                $"Model '{path}' cannot be added to the bundle: {(File.Exists(path) ? error.Message : "no such file.")}", error);
        }
        catch (OnnxModelException error)
        {
            throw new BundleException($"Model '{path}' cannot be added to the bundle: {error.Message}", error);
        }
    }

    /// <summary>Writes a model into the folder.</summary>
    /// <param name="model">With all its weights in one file.</param>
    /// <param name="name">Its name in the bundle, inside the folder, with forward slashes.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="BundleException">It is too large for one file.</exception>
    /// <exception cref="OutputException">The file cannot be written into the folder.</exception>
    public BundleBuilder Add(OnnxModel model, string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(name);
        try
        {
            var target = Path.Combine(Folder, name);
            AtomicFile.CreateFolder(Path.GetDirectoryName(Path.GetFullPath(target))!);
            AtomicFile.Write(target, model.ToBytes());
            return this;
        }
        catch (OnnxModelException error)
        {
            throw new BundleException($"Model '{name}' cannot be added to the bundle: {error.Message}", error);
        }
    }

    /// <summary>Fills in the hashes, checks files and manifest as <see cref="Bundle.Load"/> does,
    /// and writes <c>diffeonn.json</c> last.</summary>
    /// <param name="manifest">The manifest; its hashes are ignored.</param>
    /// <returns>The bundle.</returns>
    /// <exception cref="BundleException">Something is missing, malformed or inconsistent; no manifest was written then.</exception>
    public Bundle Build(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        var path = Path.Combine(Folder, BundleManifest.FileName);
        var models = manifest.Models;
        var complete = manifest with
        {
            Schema = BundleManifest.CurrentSchema,
            Models = models with
            {
                Inner = Hashed(models.Inner)!,
                Vae = Hashed(models.Vae),
                Critic = Hashed(models.Critic),
                Energy = Hashed(models.Energy is { } energy ? energy with { Gradient = Hashed(energy.Gradient) } : null),
                Proposer = Hashed(models.Proposer),
                Augmented = Hashed(models.Augmented),
            },
        };

        // Through JSON and back: the rules of reading are the only rules.
        var bundle = new Bundle(
            Path.GetFullPath(Folder), BundleManifest.Parse(System.Text.Encoding.UTF8.GetBytes(complete.ToJson()), path));
        BundleValidator.Check(bundle);
        bundle.Manifest.Save(path);
        return bundle;
    }

    private static bool IsComplete(byte[] bytes)
    {
        try
        {
            _ = OnnxModel.Parse(bytes);
            return true;
        }
        catch (OnnxModelException)
        {
            return false;
        }
    }

    private T? Hashed<T>(T? file)
        where T : ModelFile
    {
        if (file is null) return null;
        var path = Path.Combine(Folder, file.File);
        if (!File.Exists(path)) throw new BundleException($"Bundle folder '{Folder}' has no file '{file.File}'; add it first.");
        return (T)(file with { Sha256 = Bundle.Hash(path) });
    }
}
