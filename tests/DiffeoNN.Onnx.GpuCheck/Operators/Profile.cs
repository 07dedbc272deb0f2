using System.Text.Json;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>Runs a graph once under ONNX Runtime's profiler.</summary>
internal static class Profile
{
    private const string Suffix = "_kernel_time";

    /// <summary>The nodes that ran, each once, those of inner graphs included.</summary>
    public static IReadOnlyList<ProfiledNode> Of(string name, OnnxModel model, Target target, IEnumerable<OnnxTensor> inputs)
    {
        var folder = Directory.CreateTempSubdirectory("gpucheck-");
        try
        {
            using var lane = Lane.Ready(name, model, target, inputs, options =>
            {
                options.EnableProfiling = true;
                options.ProfileOutputPathPrefix = Path.Combine(folder.FullName, "profile");
            });
            lane.Run();
            return Read(lane.Session.EndProfiling());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static List<ProfiledNode> Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var nodes = new HashSet<ProfiledNode>();
        foreach (var item in document.RootElement.EnumerateArray())
        {
            if (item.GetProperty("cat").GetString() != "Node" || item.GetProperty("name").GetString() is not { } name
                || !name.EndsWith(Suffix, StringComparison.Ordinal))
                continue;
            var details = item.GetProperty("args");
            nodes.Add(new ProfiledNode(name[..^Suffix.Length], details.GetProperty("op_name").GetString()!, details.GetProperty("provider").GetString()!));
        }

        return [.. nodes];
    }
}
