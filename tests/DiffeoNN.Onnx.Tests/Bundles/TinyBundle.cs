using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Bundles;

/// <summary>A copy of the fixture bundle that a test may spoil. Images are 2 x 12 x 16.</summary>
internal sealed class TinyBundle : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TinyBundle()
    {
        foreach (var file in Directory.GetFiles(Original, "*", SearchOption.AllDirectories))
        {
            var target = _folder[System.IO.Path.GetRelativePath(Original, file)];
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
            System.IO.File.Copy(file, target);
        }
    }

    /// <summary>The fixture itself.</summary>
    public static string Original => System.IO.Path.Combine(
        Repository.Root, "tests", "DiffeoNN.Onnx.Tests", "Energies", "Fixtures", "tiny");

    public string Path => _folder.Path;

    public string File(string name) => _folder[name];

    /// <summary>Changes the manifest's JSON.</summary>
    public TinyBundle Manifest(Action<JsonObject> change)
    {
        var path = File(BundleManifest.FileName);
        var root = JsonNode.Parse(System.IO.File.ReadAllText(path))!.AsObject();
        change(root);
        System.IO.File.WriteAllText(path, root.ToJsonString());
        return this;
    }

    /// <summary>Keeps the inner model and the named roles alone.</summary>
    public TinyBundle Keep(params string[] roles) => Manifest(root =>
    {
        var models = root["models"]!.AsObject();
        foreach (var role in models.Select(pair => pair.Key).Except([.. roles, "inner"]).ToList()) models.Remove(role);
    });

    /// <summary>Changes a model and the hash with it.</summary>
    public TinyBundle Model(string role, Action<OnnxModel> change)
    {
        var model = OnnxModel.Load(File($"{role}.onnx"));
        change(model);
        return Replace(role, model);
    }

    /// <summary>Puts another model in a role's place, and its hash.</summary>
    public TinyBundle Replace(string role, OnnxModel model)
    {
        model.Save(File($"{role}.onnx"));
        return Rehash(role);
    }

    /// <summary>Makes the manifest vouch for what a file holds now.</summary>
    public TinyBundle Rehash(string role) => Manifest(root =>
    {
        var models = root["models"]!;
        var file = role == "energy_gradient" ? models["energy"]!["gradient"]! : models[role]!;
        file["sha256"] = Bundle.Hash(File($"{role}.onnx"));
    });

    public Bundle Load() => Bundle.Load(Path);

    public void Dispose() => _folder.Dispose();
}
