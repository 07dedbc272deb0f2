using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>A network of a bundle on pixel values of the bundle's images, as a part of the exported graph.</summary>
internal sealed class ExportNetwork
{
    private readonly OnnxModel _model;
    private readonly string _input;

    /// <param name="model">The network.</param>
    /// <param name="input">Its input of pixel values.</param>
    public ExportNetwork(OnnxModel model, string input) => (_model, _input) = (model, input);

    /// <summary>The version it is written in.</summary>
    public int Opset => _model.Opset;

    /// <summary>Loads the network of a role.</summary>
    /// <exception cref="ExportException">It takes batches of one size alone.</exception>
    public static ExportNetwork Load(Bundle bundle, BundleRole role)
    {
        var (network, format) = bundle.LoadFreed(role);
        RequireFreeBatch(bundle, role, format);
        var (model, input) = InputConversion.OnPixels(network, format, bundle.Image);
        return new ExportNetwork(model, input);
    }

    /// <summary>Refuses a network that takes batches of one size alone.</summary>
    public static void RequireFreeBatch(Bundle bundle, BundleRole role, InputFormat format)
    {
        if (format.Batch is not { } batch) return;
        throw new ExportException(
            $"Bundle '{bundle.Name}': network {BundleValidator.Title(role)} takes batches of {batch} alone"
            + $"{(format.BatchReason is { } reason ? $" ({reason})" : "")}, and an exported file takes any; export the network with a free "
            + "first dimension (dynamic_axes or dynamic_shapes).");
    }

    /// <summary>The same at a later version of the operator set, its functions inlined.</summary>
    public ExportNetwork At(int opset)
    {
        var model = OpsetConverter.Convert(_model, opset);
        // Networks exported apart use one symbol for different sizes.
        model.Graph.ValueInfos.Clear();
        return new ExportNetwork(model, _input);
    }

    /// <summary>An output as the file declares it.</summary>
    public OnnxValueInfo Output(string name) => _model.Graph.Output(name);

    /// <summary>Operators that are not ai.onnx's, by domain: <c>com.microsoft: Gelu</c>.</summary>
    public IEnumerable<string> OtherOperators() => Nodes(_model.Graph).Where(node => node.Domain.Length > 0)
        .GroupBy(node => node.Domain, StringComparer.Ordinal)
        .Select(domain => (domain.Key, Types: domain.Select(node => node.OpType).Distinct().Order(StringComparer.Ordinal)))
        .Select(domain => $"{domain.Key}: {string.Join(", ", domain.Types)}");

    /// <summary>Appends it.</summary>
    /// <param name="writer">The graph, of the same version.</param>
    /// <param name="stage">Put before its names.</param>
    /// <param name="image">Pixel values (N, C, H, W).</param>
    /// <param name="others">Values of its other inputs.</param>
    /// <returns>The names of its outputs.</returns>
    public IReadOnlyDictionary<string, string> Append(
        GraphWriter writer, string stage, string image, IReadOnlyDictionary<string, string>? others = null)
    {
        var used = Nodes(_model.Graph).Select(node => node.Domain).ToHashSet(StringComparer.Ordinal);
        foreach (var (domain, version) in _model.OpsetImports.Where(import => used.Contains(import.Key)))
            writer.Model.OpsetImports.TryAdd(domain, version);
        writer.Model.IrVersion = Math.Max(writer.Model.IrVersion, OtherFormat);
        return writer.Graph.Append(
            _model.Graph, $"{writer.Stage}{stage}/",
            new Dictionary<string, string>(others ?? new Dictionary<string, string>()) { [_input] = image });
    }

    // What the file's own version asks for is known; types that came later (4 bits, 8-bit floats) ask for more.
    private long OtherFormat =>
        _model.Graph.Initializers.Values.Any(tensor => (int)tensor.ElementType > 16) ? _model.IrVersion : 0;

    private static IEnumerable<OnnxNode> Nodes(OnnxGraph graph) => graph.Nodes.SelectMany(
        node => node.Attributes.Values.SelectMany(attribute => attribute.Graphs).SelectMany(Nodes).Prepend(node));
}
