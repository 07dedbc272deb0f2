using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Reports;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>Who makes and who reads the values of a graph.</summary>
internal sealed class GraphWalk
{
    private readonly Dictionary<string, OnnxNode> _makers = new(StringComparer.Ordinal);
    private readonly Dictionary<OnnxNode, int> _places = [];

    /// <param name="graph">Its nodes in an order in which they can run.</param>
    public GraphWalk(OnnxGraph graph)
    {
        Graph = graph;
        foreach (var node in graph.Nodes)
        {
            _places[node] = _places.Count;
            foreach (var output in node.Outputs.Where(output => output.Length > 0)) _makers[output] = node;
        }
    }

    /// <summary>The graph.</summary>
    public OnnxGraph Graph { get; }

    /// <summary>Every value that a node makes, in the order in which they are made.</summary>
    public IEnumerable<string> Values => Graph.Nodes.SelectMany(node => node.Outputs).Where(output => output.Length > 0);

    /// <summary>The node that makes a value; null for inputs and weights.</summary>
    public OnnxNode? Maker(string value) => _makers.GetValueOrDefault(value);

    /// <summary>Place of a node in the order of the graph.</summary>
    public int Place(OnnxNode node) => _places[node];

    /// <summary>Place of the node that makes a value; -1 for inputs and weights.</summary>
    public int PlaceOf(string value) => Maker(value) is { } node ? Place(node) : -1;

    /// <summary>Nodes that values are computed from, in the order of the graph.</summary>
    /// <param name="values">The values.</param>
    /// <param name="known">Values to stop at; none of <paramref name="values"/> counts.</param>
    public List<OnnxNode> Leading(IEnumerable<string> values, Func<string, bool>? known = null)
    {
        var found = new HashSet<OnnxNode>();
        var open = new Stack<OnnxNode>(values.Select(Maker).OfType<OnnxNode>());
        while (open.TryPop(out var node))
        {
            if (!found.Add(node)) continue;
            foreach (var value in Reads(node))
                if (Maker(value) is { } maker && known?.Invoke(value) != true) open.Push(maker);
        }

        return [.. found.OrderBy(Place)];
    }

    /// <summary>Whether a value depends on none of the graph's inputs.</summary>
    public bool IsConstant(string value) => !IsInput(value) && !Leading([value]).SelectMany(Reads).Any(IsInput);

    private bool IsInput(string value) => Graph.RequiredInputs.Any(input => input.Name == value);

    /// <summary>Names that a node reads, those its inner graphs take from outside included.</summary>
    public static IEnumerable<string> Reads(OnnxNode node) =>
        node.Inputs.Where(input => input.Length > 0)
            .Concat(node.Attributes.Values.SelectMany(attribute => attribute.Graphs).SelectMany(Captured)).Distinct();

    /// <summary>The node as reports name it.</summary>
    public static BlamedNode Describe(OnnxNode node) => new(
        node.Name.Length > 0 ? node.Name : node.Outputs.FirstOrDefault(output => output.Length > 0) ?? "",
        node.Domain.Length == 0 ? node.OpType : $"{node.Domain}.{node.OpType}");

    private static IEnumerable<string> Captured(OnnxGraph graph)
    {
        var own = graph.Initializers.Keys.Concat(graph.Inputs.Select(input => input.Name))
            .Concat(graph.Nodes.SelectMany(node => node.Outputs)).ToHashSet(StringComparer.Ordinal);
        return graph.Nodes.SelectMany(Reads).Concat(graph.Outputs.Select(output => output.Name)).Where(name => !own.Contains(name));
    }
}
