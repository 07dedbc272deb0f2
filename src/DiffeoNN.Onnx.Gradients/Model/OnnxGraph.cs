namespace DiffeoNN.Onnx.Gradients;

/// <summary>A graph: named values made by nodes, from inputs and initialisers to outputs.</summary>
public sealed partial class OnnxGraph
{
    /// <summary>The graph's name.</summary>
    public string Name { get; set; } = "graph";

    /// <summary>Inputs. One that is an initialiser too has that tensor as its default value.</summary>
    public List<OnnxValueInfo> Inputs { get; } = [];

    /// <summary>Outputs.</summary>
    public List<OnnxValueInfo> Outputs { get; } = [];

    /// <summary>Constant tensors by name.</summary>
    public Dictionary<string, OnnxTensor> Initializers { get; } = new(StringComparer.Ordinal);

    /// <summary>The operations, in an order in which they can run.</summary>
    public List<OnnxNode> Nodes { get; } = [];

    /// <summary>What the model says about intermediate values.</summary>
    public List<OnnxValueInfo> ValueInfos { get; } = [];

    /// <summary>Inputs that a caller must supply: those without a default value.</summary>
    public IEnumerable<OnnxValueInfo> RequiredInputs => Inputs.Where(i => !Initializers.ContainsKey(i.Name));

    /// <summary>An input by name.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="OnnxModelException">There is none; the message lists what there is.</exception>
    public OnnxValueInfo Input(string name) => Inputs.Find(i => i.Name == name)
        ?? throw new OnnxModelException($"Graph '{Name}' has no input '{name}'. Inputs: {string.Join(", ", Inputs)}.");

    /// <summary>An output by name.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="OnnxModelException">There is none; the message lists what there is.</exception>
    public OnnxValueInfo Output(string name) => Outputs.Find(o => o.Name == name)
        ?? throw new OnnxModelException($"Graph '{Name}' has no output '{name}'. Outputs: {string.Join(", ", Outputs)}.");

    /// <summary>Adds an initialiser under its own name.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The tensor's name.</returns>
    public string AddInitializer(OnnxTensor tensor)
    {
        Initializers[tensor.Name] = tensor;
        return tensor.Name;
    }

    /// <summary>Appends a node.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="inputs">Names of the values it reads.</param>
    /// <param name="output">Name of the value it makes.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <returns>The output's name.</returns>
    public string AddNode(string opType, IEnumerable<string> inputs, string output, params IEnumerable<OnnxAttribute> attributes)
    {
        Nodes.Add(new OnnxNode(opType, inputs, [output], attributes) { Name = output });
        return output;
    }

    /// <summary>Copies another graph's nodes and initialisers into this one;
    /// both must use the same operator set version (see <see cref="OpsetConverter"/>).</summary>
    /// <param name="other">The graph to copy.</param>
    /// <param name="prefix">Put before every name of the copy, so that names do not meet.</param>
    /// <param name="inputs">For each of the other graph's required inputs, the value of this graph that takes its place.</param>
    /// <returns>For each of the other graph's outputs, its name in this graph.</returns>
    /// <exception cref="OnnxModelException">A required input is not mapped, or a name is taken.</exception>
    public IReadOnlyDictionary<string, string> Append(OnnxGraph other, string prefix, IReadOnlyDictionary<string, string> inputs)
    {
        var missing = other.RequiredInputs.Where(i => !inputs.ContainsKey(i.Name)).ToList();
        if (missing.Count > 0)
            throw new OnnxModelException($"Graph '{other.Name}' needs a value for its inputs {string.Join(", ", missing)}.");
        string Rename(string name) => inputs.TryGetValue(name, out var mapped) ? mapped : prefix + name;
        var taken = Nodes.SelectMany(n => n.Outputs).Concat(Initializers.Keys).Concat(Inputs.Select(i => i.Name))
            .ToHashSet(StringComparer.Ordinal);
        foreach (var name in other.Nodes.SelectMany(n => n.Outputs).Concat(other.Initializers.Keys).Where(n => n.Length > 0))
        {
            if (taken.Contains(prefix + name))
                throw new OnnxModelException(
                    $"Graph '{Name}' has a value '{prefix}{name}' already; choose another prefix than '{prefix}'.");
        }

        foreach (var (name, tensor) in other.Initializers.Where(i => !inputs.ContainsKey(i.Key)))
            AddInitializer(tensor.WithName(prefix + name));
        Nodes.AddRange(other.Nodes.Select(n => n.Copy(Rename, n.Name.Length > 0 ? prefix + n.Name : "")));
        ValueInfos.AddRange(other.ValueInfos.Select(v => v with { Name = Rename(v.Name) }));
        return other.Outputs.ToDictionary(o => o.Name, o => Rename(o.Name), StringComparer.Ordinal);
    }

    /// <summary>A copy that shares only immutable parts; <paramref name="rename"/> maps every value name.</summary>
    internal OnnxGraph Copy(Func<string, string>? rename = null)
    {
        var result = new OnnxGraph { Name = Name };
        OnnxValueInfo Map(OnnxValueInfo value) => rename is null ? value : value with { Name = rename(value.Name) };
        result.Inputs.AddRange(Inputs.Select(Map));
        result.Outputs.AddRange(Outputs.Select(Map));
        result.ValueInfos.AddRange(ValueInfos.Select(Map));
        foreach (var (name, tensor) in Initializers)
            result.AddInitializer(tensor.WithName(rename?.Invoke(name) ?? name));
        result.Nodes.AddRange(Nodes.Select(n => n.Copy(rename)));
        return result;
    }
}
