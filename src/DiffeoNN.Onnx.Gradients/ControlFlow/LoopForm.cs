namespace DiffeoNN.Onnx.Gradients;

/// <summary>How the inputs and outputs of a Loop or a Scan are ordered.</summary>
/// <param name="FirstInput">Position of the first state among the inputs of node and body; what comes before counts steps.</param>
/// <param name="FirstResult">Position of the first state among the outputs of the body.</param>
/// <param name="States">Number of states.</param>
/// <param name="Elements">The sequences that are read element by element.</param>
/// <param name="Outputs">The sequences that are written element by element.</param>
internal sealed record LoopForm(int FirstInput, int FirstResult, int States, LoopForm.Sequence[] Elements, LoopForm.Sequence[] Outputs)
{
    /// <summary>Which axis a sequence is cut along, and whether from the end.</summary>
    public readonly record struct Sequence(long Axis, bool Backwards)
    {
        public Sequence Reversed => this with { Backwards = !Backwards };
    }

    public static LoopForm Of(OnnxNode node)
    {
        var body = node.Attributes["body"].Graph;
        if (node.OpType == "Loop")
        {
            var carried = node.Inputs.Count - 2;
            return new LoopForm(2, 1, carried, [], new Sequence[body.Outputs.Count - 1 - carried]);
        }

        Sequence[] Read(string kind, int count) => [.. Enumerable.Range(0, count).Select(k => new Sequence(
            node.GetInts($"scan_{kind}_axes")?[k] ?? 0, (node.GetInts($"scan_{kind}_directions")?[k] ?? 0) != 0))];
        var sequences = (int)node.GetInt("num_scan_inputs", 0);
        var states = node.Inputs.Count - sequences;
        return new LoopForm(0, 0, states, Read("input", sequences), Read("output", body.Outputs.Count - states));
    }

    /// <summary>Attributes of a Scan over such sequences.</summary>
    public static IEnumerable<OnnxAttribute> Attributes(string kind, IReadOnlyCollection<Sequence> sequences)
    {
        if (sequences.Any(s => s.Axis != 0))
            yield return OnnxAttribute.Of($"scan_{kind}_axes", sequences.Select(s => s.Axis));
        if (sequences.Any(s => s.Backwards))
            yield return OnnxAttribute.Of($"scan_{kind}_directions", sequences.Select(s => s.Backwards ? 1L : 0));
    }
}
