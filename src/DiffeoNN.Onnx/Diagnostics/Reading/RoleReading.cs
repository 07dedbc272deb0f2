using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>A network beside the one that is wrapped: a VAE, a critic, an energy or a proposer, whose tensors are told by their names and
/// number.</summary>
/// <param name="Role">What it is.</param>
/// <param name="Path">Its file.</param>
/// <param name="Spec">What the manifest says of it.</param>
internal sealed record RoleReading(BundleRole Role, string Path, ModelFile Spec)
{
    /// <summary>Its name in the bundle.</summary>
    public string FileName => Spec.File;

    /// <exception cref="BundleException">It has not the tensors that its role needs.</exception>
    public static RoleReading Of(BundleRole role, string path, ImageSpec image)
    {
        if (!File.Exists(path)) throw new BundleException($"Model '{path}' does not exist; expected an ONNX file.");
        var name = System.IO.Path.GetFileName(path);
        var model = OnnxModel.Load(path);
        var format = InputReading.Read(model, new GraphTrace(model), null, Sizes(model, image), name, []);
        var outputs = model.Graph.Outputs.Select(output => output.Name).ToList();
        var input = new InputSpec
        {
            Name = format.Name,
            Layout = format.Layout,
            Channels = format.Channels == image.Channels ? null : format.Channels,
            Height = format.Height == image.Height ? null : format.Height,
            Width = format.Width == image.Width ? null : format.Width,
        };
        var file = $"{role.ToString().ToLowerInvariant()}.onnx";
        return new RoleReading(role, path, role switch
        {
            BundleRole.Vae => Vae(),
            BundleRole.Critic => new CriticSpec { File = file, Input = input, Output = Only() },
            BundleRole.Energy => new EnergyGraphSpec { File = file, Input = input, Output = Only() },
            BundleRole.Proposer => new ProposerSpec { File = file, Input = input, Output = Only() },
            _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Expected vae, critic, energy or proposer."),
        });

        VaeSpec Vae()
        {
            var variance = Named("logvar", "log_var", "var");
            var mean = Named("mu", "mean");
            var reconstruction = Named("recon", "decoded", "x_hat", "image");
            return variance is not null && mean is not null && reconstruction is not null
                ? new VaeSpec { File = file, Input = input, Reconstruction = reconstruction, Mean = mean, LogVariance = variance }
                : throw new BundleException(
                    $"Model '{name}' has the outputs {string.Join(", ", model.Graph.Outputs)}; a VAE's are told by their names: "
                    + "reconstruction, mu and logvar.");
        }

        string? Named(params string[] words)
        {
            var found = words.Select(word => outputs.Find(output => output.Contains(word, StringComparison.OrdinalIgnoreCase)))
                .FirstOrDefault(output => output is not null);
            if (found is not null) outputs.Remove(found);
            return found;
        }

        string Only() => outputs is [var one] ? one : throw new BundleException(
            $"Model '{name}' has {outputs.Count} outputs: {string.Join(", ", model.Graph.Outputs)}; expected one.");
    }

    private static ReadingOptions Sizes(OnnxModel model, ImageSpec image)
    {
        var isFree = model.Graph.RequiredInputs.FirstOrDefault()?.Shape?.Skip(1).Any(size => size.Size is null) ?? false;
        return isFree ? new ReadingOptions { Height = image.Height, Width = image.Width } : new ReadingOptions();
    }
}
