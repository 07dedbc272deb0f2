using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fuzz.Mutations;
using DiffeoNN.Onnx.Fuzz.Seeds;

namespace DiffeoNN.Onnx.Fuzz.Targets;

/// <summary>One model of a bundle, whose manifest vouches for it; the input's first byte chooses the role.</summary>
internal sealed class BundleTarget : IFuzzTarget
{
    private readonly string _folder;
    private readonly byte[] _manifest;

    public BundleTarget(string folder)
    {
        _folder = Path.Combine(folder, "bundle");
        _manifest = BundleSeeds.Manifests(_folder)[0];
        Seeds = [.. BundleSeeds.Roles.Select((role, i) => (byte[])[(byte)i, .. File.ReadAllBytes(Path.Combine(_folder, role + ".onnx"))])];
    }

    public IReadOnlyList<byte[]> Seeds { get; }

    public byte[] Mutate(byte[] input, byte[] other, Random random) =>
        input.Length == 0 || other.Length == 0 ? input : [input[0], .. WireMutator.Mutate(input[1..], other[1..], random)];

    public byte[]? Repair(byte[] input) => null;

    public string Read(byte[] input)
    {
        if (input.Length == 0) return "nothing";
        string role = BundleSeeds.Roles[input[0] % BundleSeeds.Roles.Count], file = $"changed-{role}.onnx";
        var path = Path.Combine(_folder, file);
        File.WriteAllBytes(path, input[1..]);
        var root = JsonNode.Parse(_manifest)!;
        root["models"]![role]!["file"] = file;
        root["models"]![role]!["sha256"] = Bundle.Hash(path);
        File.WriteAllBytes(Path.Combine(_folder, BundleManifest.FileName), Encoding.UTF8.GetBytes(root.ToJsonString()));
        var bundle = Bundle.Load(_folder);
        var model = bundle.LoadModel(Enum.Parse<BundleRole>(role, ignoreCase: true));
        return $"{role} {string.Join(',', model.Graph.Nodes.Select(node => node.OpType).Distinct().Order().Take(4))}";
    }

    public void Dispose()
    {
    }
}
