using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fuzz.Mutations;
using DiffeoNN.Onnx.Fuzz.Seeds;

namespace DiffeoNN.Onnx.Fuzz.Targets;

/// <summary>The manifest of a bundle whose models stay as they are.</summary>
internal sealed class ManifestTarget : IFuzzTarget
{
    private readonly string _folder;

    public ManifestTarget(string folder)
    {
        _folder = Path.Combine(folder, "bundle");
        Seeds = BundleSeeds.Manifests(_folder);
    }

    public IReadOnlyList<byte[]> Seeds { get; }

    public byte[] Mutate(byte[] input, byte[] other, Random random) => JsonMutator.Mutate(input, other, random);

    public byte[]? Repair(byte[] input) => null;

    public string Read(byte[] input)
    {
        File.WriteAllBytes(Path.Combine(_folder, BundleManifest.FileName), input);
        var bundle = Bundle.Load(_folder);
        foreach (var role in bundle.Roles) _ = bundle.LoadModel(role);
        _ = BundleManifest.Parse(System.Text.Encoding.UTF8.GetBytes(bundle.Manifest.ToJson()));
        var inner = bundle.Manifest.Models.Inner;
        return $"{string.Join(',', bundle.Roles)} {inner.Output.Kind} {bundle.Image.Padding} {bundle.Manifest.Search.Start}";
    }

    public void Dispose()
    {
    }
}
