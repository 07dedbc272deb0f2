using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>A copy of a bundle whose networks and manifest a test may wire otherwise.</summary>
internal sealed class WiredBundle : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public WiredBundle(string name)
    {
        var manifest = BundleManifest.Load(Path.Combine(Repository.Bundle(name), BundleManifest.FileName));
        Manifest = manifest with { References = [], Models = manifest.Models with { Augmented = null } };
        foreach (var file in Directory.GetFiles(Repository.Bundle(name), "*.onnx")) File.Copy(file, _folder[Path.GetFileName(file)]);
    }

    public BundleManifest Manifest { get; set; }

    /// <summary>Changes the graph of ROLE.onnx, whose input is told, too.</summary>
    public void Change(string role, Action<OnnxGraph, string> change)
    {
        var model = OnnxModel.Load(_folder[$"{role}.onnx"]);
        change(model.Graph, model.Graph.RequiredInputs.Single().Name);
        model.Save(_folder[$"{role}.onnx"]);
    }

    /// <summary>The folder, once hashes and manifest are written.</summary>
    public string Build() => new BundleBuilder(_folder.Path).Build(Manifest).Folder;

    public void Dispose() => _folder.Dispose();
}

/// <summary>Steps that are put before or behind a network.</summary>
internal static class GraphChanges
{
    /// <summary>Steps with a constant between an input and whoever reads it.</summary>
    public static OnnxGraph Before(this OnnxGraph graph, string input, params (string Operator, float Constant)[] steps)
    {
        var readers = graph.Nodes.Where(node => node.Inputs.Contains(input)).ToList();
        var value = input;
        var added = new List<OnnxNode>();
        for (var i = 0; i < steps.Length; i++) added.Add(Step(graph, steps[i], i, ref value));
        graph.Nodes.InsertRange(0, added);
        foreach (var node in readers)
            for (var i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] == input) node.Inputs[i] = value;
        return graph;
    }

    /// <summary>Steps with a constant behind an output, which keeps its name.</summary>
    public static OnnxGraph After(this OnnxGraph graph, string output, params (string Operator, float Constant)[] steps)
    {
        var value = graph.Rename(output);
        for (var i = 0; i < steps.Length; i++) graph.Nodes.Add(Step(graph, steps[i], graph.Nodes.Count, ref value));
        graph.Nodes.Add(new OnnxNode("Identity", [value], [output]));
        return graph;
    }

    /// <summary>The two channels of an output in the other order.</summary>
    public static OnnxGraph Swap(this OnnxGraph graph, string output)
    {
        string value = graph.Rename(output), order = graph.AddInitializer(OnnxTensor.Create<long>("wired_order", [2], [1, 0]));
        graph.AddNode("Gather", [value, order], output, OnnxAttribute.Of("axis", 1L));
        return graph;
    }

    private static OnnxNode Step(OnnxGraph graph, (string Operator, float Constant) step, int number, ref string value)
    {
        var constant = graph.AddInitializer(OnnxTensor.Create<float>($"wired_{number}", [1], [step.Constant]));
        var node = new OnnxNode(step.Operator, [value, constant], [$"wired_value_{number}"]);
        value = node.Outputs[0];
        return node;
    }

    private static string Rename(this OnnxGraph graph, string output)
    {
        var inner = $"{output}_before_{graph.Nodes.Count}";
        foreach (var node in graph.Nodes)
        {
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i] == output) node.Outputs[i] = inner;
            for (var i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] == output) node.Inputs[i] = inner;
        }

        return inner;
    }
}
