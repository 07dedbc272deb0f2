using System.Globalization;
using System.Text;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>A named constant of a node.</summary>
public sealed class OnnxAttribute
{
    private readonly object? _value;

    private OnnxAttribute(string name, OnnxAttributeKind kind, object? value, string? reference = null)
    {
        Name = name;
        Kind = kind;
        _value = value;
        Reference = reference;
    }

    /// <summary>The attribute's name.</summary>
    public string Name { get; }

    /// <summary>What it holds.</summary>
    public OnnxAttributeKind Kind { get; }

    /// <summary>Inside a model-local function: the function's attribute that supplies the value; null elsewhere.</summary>
    public string? Reference { get; }

    /// <summary>The float.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public float Float => Get<float>(OnnxAttributeKind.Float);

    /// <summary>The integer.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public long Int => Get<long>(OnnxAttributeKind.Int);

    /// <summary>The text.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public string String => Encoding.UTF8.GetString(Get<byte[]>(OnnxAttributeKind.String));

    /// <summary>The tensor.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public OnnxTensor Tensor => Get<OnnxTensor>(OnnxAttributeKind.Tensor);

    /// <summary>The graph.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public OnnxGraph Graph => Get<OnnxGraph>(OnnxAttributeKind.Graph);

    /// <summary>The floats; empty lists are written without a kind by some exporters and read as empty here.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public IReadOnlyList<float> Floats => Get<float[]>(OnnxAttributeKind.Floats);

    /// <summary>The integers.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public IReadOnlyList<long> Ints => Get<long[]>(OnnxAttributeKind.Ints);

    /// <summary>The texts.</summary>
    /// <exception cref="OnnxModelException">The attribute holds something else.</exception>
    public IReadOnlyList<string> Strings => [.. Get<byte[][]>(OnnxAttributeKind.Strings).Select(Encoding.UTF8.GetString)];

    /// <summary>The graphs of an attribute that holds one or several; empty for every other kind.</summary>
    public IReadOnlyList<OnnxGraph> Graphs => Kind switch
    {
        OnnxAttributeKind.Graph => [Graph],
        OnnxAttributeKind.Graphs => Get<OnnxGraph[]>(OnnxAttributeKind.Graphs),
        _ => [],
    };

    internal object? Value => _value;

    /// <summary>An attribute that holds a float.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, float value) => new(name, OnnxAttributeKind.Float, value);

    /// <summary>An attribute that holds an integer.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, long value) => new(name, OnnxAttributeKind.Int, value);

    /// <summary>An attribute that holds a text.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, string value) => new(name, OnnxAttributeKind.String, Encoding.UTF8.GetBytes(value));

    /// <summary>An attribute that holds a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, OnnxTensor value) => new(name, OnnxAttributeKind.Tensor, value);

    /// <summary>An attribute that holds a graph.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, OnnxGraph value) => new(name, OnnxAttributeKind.Graph, value);

    /// <summary>An attribute that holds integers.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, IEnumerable<long> value) => new(name, OnnxAttributeKind.Ints, value.ToArray());

    /// <summary>An attribute that holds floats.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, IEnumerable<float> value) => new(name, OnnxAttributeKind.Floats, value.ToArray());

    /// <summary>An attribute that holds texts.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static OnnxAttribute Of(string name, IEnumerable<string> value) =>
        new(name, OnnxAttributeKind.Strings, value.Select(Encoding.UTF8.GetBytes).ToArray());

    /// <summary>Name and value, for messages.</summary>
    public override string ToString() => Kind switch
    {
        OnnxAttributeKind.String => $"{Name}={String}",
        OnnxAttributeKind.Strings => $"{Name}=[{string.Join(',', Strings)}]",
        _ when _value is Array list => $"{Name}=[{string.Join(',', list.Cast<object?>())}]",
        _ => string.Create(CultureInfo.InvariantCulture, $"{Name}={_value}"),
    };

    internal static OnnxAttribute Raw(string name, OnnxAttributeKind kind, object? value, string? reference = null) =>
        new(name, kind, value, reference);

    internal OnnxAttribute Renamed(string name) => new(name, Kind, _value, Reference);

    private T Get<T>(OnnxAttributeKind kind)
    {
        if (Kind == kind && _value is T value)
            return value;
        if (Kind == OnnxAttributeKind.Undefined && typeof(T).IsArray)
            return (T)(object)Array.CreateInstance(typeof(T).GetElementType()!, 0);
        throw new OnnxModelException($"Attribute '{Name}' holds {Kind}; {kind} was expected.");
    }
}
