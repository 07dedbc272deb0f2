namespace DiffeoNN.Onnx.Gradients;

/// <summary>The equation of an Einsum node, ellipses spelled out as capital letters.</summary>
/// <param name="Terms">One label per axis of each operand.</param>
/// <param name="Output">One label per axis of the result.</param>
/// <param name="Dots">The labels that ellipses stand for, whose axes are broadcast.</param>
internal sealed record Einsum(string[] Terms, string Output, string Dots)
{
    /// <summary>Reads a node's equation.</summary>
    /// <returns>Null where an ellipsis stands for axes of an operand of unknown rank.</returns>
    public static Einsum? Parse(InferenceContext n)
    {
        var equation = n.Node.GetString("equation", "").Replace(" ", "", StringComparison.Ordinal);
        var sides = equation.Split("->");
        var terms = sides[0].Split(',');
        if (terms.Length != n.Count)
            throw new OnnxModelException($"{n.Node} has equation '{equation}' for {n.Count} inputs.");
        var used = equation.ToHashSet();
        var free = new Queue<char>(Enumerable.Range('A', 26).Select(c => (char)c).Where(c => !used.Contains(c)));
        var widths = new int[terms.Length];
        for (var i = 0; i < terms.Length; i++)
        {
            if (!terms[i].Contains("...", StringComparison.Ordinal))
                continue;
            if (n.Shape(i) is not { } shape)
                return null;
            widths[i] = shape.Length - (terms[i].Length - 3);
            if (widths[i] < 0 || widths[i] > free.Count)
                throw new OnnxModelException($"{n.Node} has equation '{equation}'; input {i} has rank {shape.Length}.");
        }

        var dots = new string([.. Enumerable.Range(0, Math.Max(0, widths.Max())).Select(_ => free.Dequeue())]);
        for (var i = 0; i < terms.Length; i++)
            terms[i] = terms[i].Replace("...", dots[(dots.Length - Math.Max(0, widths[i]))..], StringComparison.Ordinal);
        var all = string.Concat(terms);
        var output = sides.Length > 1 ? sides[1].Replace("...", dots, StringComparison.Ordinal)
            : dots + new string([.. all.Distinct().Where(c => !dots.Contains(c) && all.Count(o => o == c) == 1).Order()]);
        return new Einsum(terms, output, dots);
    }

    /// <summary>Shape of the result.</summary>
    public Dim[]? OutputShape(InferenceContext n)
    {
        var sizes = new Dictionary<char, Dim>();
        for (var i = 0; i < Terms.Length; i++)
        {
            if (n.Shape(i) is not { } shape || shape.Length != Terms[i].Length)
                return null;
            for (var d = 0; d < shape.Length; d++)
            {
                if (sizes.TryGetValue(Terms[i][d], out var known) && Dots.Contains(Terms[i][d]))
                    sizes[Terms[i][d]] = ShapeInference.Broadcast([known], [shape[d]])![0];
                else if (known is null || known.Size == 1 || (!known.IsConstant && shape[d].IsConstant && shape[d].Size != 1))
                    sizes[Terms[i][d]] = shape[d];
            }
        }

        return Output.All(sizes.ContainsKey) ? [.. Output.Select(c => sizes[c])] : null;
    }
}
