namespace DiffeoNN.Onnx.Gradients;

/// <summary>One operation of a graph. Absent optional inputs and outputs have the empty name.</summary>
public sealed class OnnxNode
{
    /// <summary>Creates a node.</summary>
    /// <param name="opType">The operator, such as "Conv".</param>
    /// <param name="inputs">Names of the values it reads.</param>
    /// <param name="outputs">Names of the values it makes.</param>
    /// <param name="attributes">Its attributes.</param>
    public OnnxNode(string opType, IEnumerable<string> inputs, IEnumerable<string> outputs, params IEnumerable<OnnxAttribute> attributes)
    {
        OpType = opType;
        Inputs = [.. inputs];
        Outputs = [.. outputs];
        foreach (var attribute in attributes)
            Attributes[attribute.Name] = attribute;
    }

    /// <summary>The operator set's domain; empty for ai.onnx.</summary>
    public string Domain { get; set; } = "";

    /// <summary>The operator.</summary>
    public string OpType { get; set; }

    /// <summary>Which of several model-local functions of one name is meant; mostly empty.</summary>
    public string Overload { get; set; } = "";

    /// <summary>The node's own name, for messages; may be empty.</summary>
    public string Name { get; set; } = "";

    /// <summary>Names of the values it reads.</summary>
    public List<string> Inputs { get; }

    /// <summary>Names of the values it makes.</summary>
    public List<string> Outputs { get; }

    /// <summary>Its attributes by name, in the order of their names.</summary>
    public SortedDictionary<string, OnnxAttribute> Attributes { get; } = new(StringComparer.Ordinal);

    /// <summary>An integer attribute.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="fallback">The value where the node does not have it.</param>
    public long GetInt(string name, long fallback) => Attributes.TryGetValue(name, out var found) ? found.Int : fallback;

    /// <summary>A float attribute.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="fallback">The value where the node does not have it.</param>
    public float GetFloat(string name, float fallback) => Attributes.TryGetValue(name, out var found) ? found.Float : fallback;

    /// <summary>A text attribute.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="fallback">The value where the node does not have it.</param>
    public string GetString(string name, string fallback) => Attributes.TryGetValue(name, out var found) ? found.String : fallback;

    /// <summary>A list of integers.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>The list; null where the node does not have it.</returns>
    public IReadOnlyList<long>? GetInts(string name) => Attributes.TryGetValue(name, out var found) ? found.Ints : null;

    /// <summary>The name of an input; empty where it is absent.</summary>
    /// <param name="index">Position, from 0.</param>
    public string Input(int index) => index < Inputs.Count ? Inputs[index] : "";

    /// <summary>Adds or replaces attributes.</summary>
    /// <param name="attributes">The attributes.</param>
    /// <returns>This node.</returns>
    public OnnxNode With(params IEnumerable<OnnxAttribute> attributes)
    {
        foreach (var attribute in attributes)
            Attributes[attribute.Name] = attribute;
        return this;
    }

    /// <summary>For messages: the operator and the node's name, or its first output where it has none.</summary>
    public override string ToString() => $"{OpType} (node '{Title}')";

    /// <summary>The node's name, or its first output where it has none.</summary>
    internal string Title => Name.Length > 0 ? Name : Outputs.FirstOrDefault(o => o.Length > 0) ?? "";

    /// <summary>A copy whose value names pass through <paramref name="rename"/>, those of its inner graphs included.</summary>
    /// <param name="rename">Maps every non-empty value name.</param>
    /// <param name="name">The copy's own name.</param>
    internal OnnxNode Copy(Func<string, string>? rename = null, string? name = null)
    {
        string Map(string value) => value.Length == 0 || rename is null ? value : rename(value);
        var attributes = Attributes.Values.Select(a => a.Graphs.Count == 0 ? a : OnnxAttribute.Raw(
            a.Name, a.Kind, a.Kind == OnnxAttributeKind.Graph ? a.Graph.Copy(rename) : a.Graphs.Select(g => g.Copy(rename)).ToArray()));
        return new OnnxNode(OpType, Inputs.Select(Map), Outputs.Select(Map), attributes)
        {
            Domain = Domain,
            Name = name ?? Name,
            Overload = Overload,
        };
    }
}
