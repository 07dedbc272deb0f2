namespace DiffeoNN.Onnx.Gradients;

/// <summary>What is done step by step along the first axis of sequences, each step with the states that the one before left.</summary>
/// <remarks>
/// A Scan, whose body runs once per step whatever the length. The few steps of a short sequence of known length are written out:
/// a Scan sets up a frame of values per step, which costs more than a handful of operators does.
/// </remarks>
internal static class Recurrence
{
    /// <summary>Longest sequence whose steps are written out.</summary>
    public const int Unrolled = 4;

    /// <summary>One step, to be written with the values given: next states and elements of the outputs from states and elements of the
    /// sequences.</summary>
    public delegate (Value[] States, Value[] Outputs) Step(Value[] states, Value[] elements);

    /// <param name="builder">Where to add the recurrence.</param>
    /// <param name="backwards">Whether the last step comes first.</param>
    /// <param name="states">States before the first step.</param>
    /// <param name="sequences">Sequences, the first axis is time; at least one.</param>
    /// <param name="step">Writes one step.</param>
    /// <returns>The states after all steps, and the outputs, the first axis again time.</returns>
    public static (Value[] States, Value[] Outputs) Run(
        GraphBuilder builder, bool backwards, Value[] states, Value[] sequences, Step step) =>
            Array.Find(sequences, s => s.Shape is [{ IsConstant: true }, ..])?.Shape![0].Size is { } length and > 0 and <= Unrolled
                ? WrittenOut(builder, (int)length, backwards, states, sequences, step)
                : Scanned(builder, backwards, states, sequences, step);

    private static (Value[] States, Value[] Outputs) WrittenOut(
        GraphBuilder builder, int length, bool backwards, Value[] states, Value[] sequences, Step step)
    {
        var outputs = new Value[length][];
        for (var i = 0; i < length; i++)
        {
            var t = backwards ? length - 1 - i : i;
            (states, outputs[t]) = step(states, Array.ConvertAll(sequences, s => s.At(0, t)));
        }

        return (states,
            [.. Enumerable.Range(0, outputs[0].Length).Select(o => builder.Concat(0, [.. outputs.Select(list => list[o].Unsqueeze(0))]))]);
    }

    private static (Value[] States, Value[] Outputs) Scanned(
        GraphBuilder builder, bool backwards, Value[] states, Value[] sequences, Step step)
    {
        var body = builder.Body(repeats: true);
        var before = Array.ConvertAll(states, s => body.AddInput("state", new ValueFacts(s.ElementType, s.Shape)));
        var elements = Array.ConvertAll(sequences, s => body.AddInput("element", new ValueFacts(s.ElementType, s.Shape?[1..])));
        var (after, outputs) = step(before, elements);
        foreach (var value in after.Concat(outputs))
            body.AddResult(value);
        Dim[]? Stacked(Value value) =>
            value.Shape is null ? null : [sequences[0].Shape?[0] ?? Dim.Symbol($"{sequences[0].Name}.0"), .. value.Shape];
        var node = new OnnxNode("Scan", states.Concat(sequences).Select(v => v.Name), [],
            OnnxAttribute.Of("body", body.Graph), OnnxAttribute.Of("num_scan_inputs", sequences.Length));
        if (backwards)
        {
            node.With(OnnxAttribute.Of("scan_input_directions", sequences.Select(_ => 1L)));
            if (outputs.Length > 0)
                node.With(OnnxAttribute.Of("scan_output_directions", outputs.Select(_ => 1L)));
        }

        var results = builder.AddNode(node, [.. states.Select(s => new ValueFacts(s.ElementType, s.Shape)),
            .. outputs.Select(o => new ValueFacts(o.ElementType, Stacked(o)))]);
        return (results[..states.Length], results[states.Length..]);
    }
}
