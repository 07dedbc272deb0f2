using System.Globalization;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>Gives values between nodes short names: thousands of them would take more room than all that was written around the networks.
/// Nodes keep theirs, which say the stage.</summary>
internal static class ShortNames
{
    private const int SmallBytes = 1024;

    /// <summary>Renames the values of a model's graphs; inputs, outputs and weights keep their names.</summary>
    public static void Apply(OnnxModel model)
    {
        var root = model.Graph;
        var kept = root.Inputs.Concat(root.Outputs).Select(value => value.Name).ToHashSet(StringComparer.Ordinal);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        Collect(root);
        model.Graph = root.Copy(name => names.GetValueOrDefault(name, name));

        void Collect(OnnxGraph graph)
        {
            foreach (var (name, tensor) in graph.Initializers)
            {
                if (tensor.ByteLength < SmallBytes)
                    Add(name);
            }

            foreach (var input in graph.Inputs)
                Add(input.Name);
            foreach (var node in graph.Nodes)
            {
                foreach (var name in node.Outputs)
                    Add(name);
                foreach (var inner in node.Attributes.Values.SelectMany(attribute => attribute.Graphs))
                    Collect(inner);
            }
        }

        // What branches of a network call alike, they go on to call alike.
        void Add(string name)
        {
            if (name.Length > 0 && !kept.Contains(name) && !names.ContainsKey(name))
                names[name] = Short(names.Count);
        }

        string Short(int number)
        {
            for (; ; number += names.Count + 1)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"v{number}");
                if (!kept.Contains(name))
                    return name;
            }
        }
    }
}
