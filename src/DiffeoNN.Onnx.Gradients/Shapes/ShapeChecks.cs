namespace DiffeoNN.Onnx.Gradients;

/// <summary>What operators ask of the ranks, sizes and element types of their inputs, checked where these are known; which of it an
/// operator asks its row says.</summary>
internal static class ShapeChecks
{
    /// <exception cref="OnnxModelException">The inputs do not fit the operator.</exception>
    public static void Check(InferenceContext n, OperatorDefinition row)
    {
        CheckRanks(n, row.Ranks);
        if (row.HasOneType)
            CheckTypes(n);
        if (!n.IsOld && row.BroadcastsAll)
            CheckBroadcast(n);
        row.Check?.Invoke(n);
    }

    /// <summary>The inputs' types and shapes, for messages.</summary>
    public static string Describe(InferenceContext n) =>
        n.Count == 0 ? "no inputs" : string.Join(", ", Enumerable.Range(0, n.Count).Where(n.Has).Select(i =>
            $"'{n.Node.Inputs[i]}' {n.Type(i)} "
            + $"{(n.Shape(i) is { } shape ? $"[{string.Join(',', shape.Select(d => $"{d}"))}]" : "of unknown rank")}"));

    internal static OnnxModelException Wrong(InferenceContext n, string expected) => new($"{n.Node} has inputs {Describe(n)}; {expected}");

    private static void CheckRanks(InferenceContext n, string[] ranks)
    {
        for (var i = 0; i < Math.Min(ranks.Length, n.Count); i++)
        {
            if (n.Shape(i) is not { Length: var rank } || ranks[i] == "*")
                continue;
            if (ranks[i] == "=")
            {
                if (n.Shape(0) is { } first && first.Length != rank)
                    throw Wrong(n, $"input {i} was expected to have rank {first.Length}.");
                continue;
            }

            var number = ranks[i][0] - '0';
            if (ranks[i].EndsWith('+') ? rank < number : ranks[i].EndsWith('-') ? rank > number : rank != number)
                throw Wrong(n, $"input {i} was expected to have rank {number}"
                    + $"{(ranks[i].EndsWith('+') ? " or more" : ranks[i].EndsWith('-') ? " or less" : "")}.");
        }
    }

    private static void CheckTypes(InferenceContext n)
    {
        var types = Enumerable.Range(0, n.Count).Where(n.Has).Select(n.Type).Where(t => t != OnnxElementType.Undefined).Distinct().Count();
        if (types > 1)
            throw Wrong(n, "one element type was expected.");
    }

    private static void CheckBroadcast(InferenceContext n)
    {
        for (var i = 1; i < n.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (n.Shape(i) is { } a && n.Shape(j) is { } b && !Fit(a, b))
                    throw Wrong(n, "shapes that broadcast were expected: equal sizes or 1, from the last axis on.");
            }
        }
    }

    private static bool Fit(ReadOnlySpan<Dim> a, ReadOnlySpan<Dim> b)
    {
        for (var d = 1; d <= Math.Min(a.Length, b.Length); d++)
        {
            if (a[^d].Size is { } x && b[^d].Size is { } y && x != y && x != 1 && y != 1)
                return false;
        }

        return true;
    }

    /// <summary>Inputs that are repeated to the first one's shape, which is the result's.</summary>
    private static void Fits(InferenceContext n, params ReadOnlySpan<int> inputs)
    {
        if (n.Shape(0) is not { } whole)
            return;
        foreach (var i in inputs)
        {
            if (n.Has(i) && n.Shape(i) is { } part
                && (part.Length > whole.Length || Enumerable.Range(1, part.Length).Any(d => IsWider(part[^d], whole[^d]))))
                throw Wrong(n, $"input {i} was expected to fit into the first: equal sizes or 1, from the last axis on.");
        }
    }

    /// <summary>The slope fits into what it multiplies; old versions broadcast it otherwise.</summary>
    internal static void PRelu(InferenceContext n)
    {
        if (!n.IsOld)
            Fits(n, 1);
    }

    internal static void LayerNormalization(InferenceContext n) => Fits(n, 1, 2);

    internal static void Blocks(InferenceContext n) => Positive(n, "blocksize");

    private static bool IsWider(Dim part, Dim whole) => part.Size is { } x && x != 1 && whole.Size is { } y && x != y;

    internal static bool Differ(Dim? a, Dim? b) => a?.Size is { } x && b?.Size is { } y && x != y;

    internal static void MatMul(InferenceContext n)
    {
        if (n.Shape(0) is not { } a || n.Shape(1) is not { } b)
            return;
        if (Differ(a[^1], b[Math.Max(0, b.Length - 2)])
            || !Fit(a.AsSpan(0, Math.Max(0, a.Length - 2)), b.AsSpan(0, Math.Max(0, b.Length - 2))))
            throw Wrong(n, "as many columns of the first as rows of the second were expected.");
    }

    internal static void Gemm(InferenceContext n)
    {
        if (n.Shape(0) is not { } a || n.Shape(1) is not { } b)
            return;
        var (ta, tb) = (n.Node.GetInt("transA", 0) != 0, n.Node.GetInt("transB", 0) != 0);
        if (Differ(a[ta ? 0 : 1], b[tb ? 1 : 0]) || (n.Has(2) && n.Shape(2) is { } c && !Fit(c, [a[ta ? 1 : 0], b[tb ? 0 : 1]])))
            throw Wrong(n, "matrices whose sizes fit were expected.");
    }

    internal static void Conv(InferenceContext n)
    {
        var group = Positive(n, "group");
        if (n.Shape(1) is not { } w)
            return;
        if ((n.Shape(0) is { } x && Differ(x[1], w[1] * group)) || w[0].Size % group > 0
            || (n.Shape(2) is { } bias && Differ(bias[0], w[0])))
            throw Wrong(n, $"weights (M, C/{group}, kernel) for its {group} group{(group == 1 ? "" : "s")} and a bias (M) were expected.");
    }

    internal static void ConvTranspose(InferenceContext n)
    {
        var group = Positive(n, "group");
        if ((n.Shape(0) ?? n.Shape(1)) is not { Length: var rank })
            return;
        foreach (var name in new[] { "output_padding", "output_shape" })
        {
            if (n.Node.GetInts(name) is { Count: > 0 } list && (list.Count < rank - 2 || list.Any(v => v < 0)))
                throw new OnnxModelException(
                    $"{n.Node} has {name} [{string.Join(',', list)}]; {rank - 2} numbers, not negative, were expected.");
        }

        if (n.Shape(1) is not { } w)
            return;
        if ((n.Shape(0) is { } x && Differ(x[1], w[0])) || w[0].Size % group > 0
            || (n.Shape(2) is { } bias && Differ(bias[0], w[1] * group)))
            throw Wrong(n, $"weights (C, M/{group}, kernel) for its {group} group{(group == 1 ? "" : "s")} and a bias (M) were expected.");
    }

    internal static void Channels(InferenceContext n)
    {
        for (var i = 1; i < n.Count; i++)
        {
            if (n.Shape(0) is { } x && n.Shape(i) is [var size] && Differ(x[1], size))
                throw Wrong(n, "one number per channel was expected.");
        }
    }

    internal static void Concat(InferenceContext n)
    {
        var known = Enumerable.Range(0, n.Count).Select(n.Shape).OfType<Dim[]>().ToList();
        if (known.Count < 2)
            return;
        var axis = n.Axis(n.Node.GetInt("axis", 1), known[0].Length);
        if (known.Exists(s => s.Length != known[0].Length || s.Where((d, i) => i != axis && Differ(d, known[0][i])).Any()))
            throw Wrong(n, $"shapes that are equal but for axis {axis} were expected.");
    }

    internal static void Permutation(InferenceContext n)
    {
        if (n.Node.GetInts("perm") is { } order && n.Shape(0) is { } shape
            && (order.Count != shape.Length
                || !order.Select(a => n.Axis(a, shape.Length)).Order().SequenceEqual(Enumerable.Range(0, shape.Length))))
            throw Wrong(n, $"perm is [{string.Join(',', order)}]; every axis once was expected.");
    }

    internal static void Pad(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape || n.IntegersOf("pads", 1) is not { } pads)
            return;
        var count = n.Has(3) ? n.Facts(3).Integers?.Length : shape.Length;
        if (count is { } axes && pads.Length != 2 * axes)
            throw Wrong(n, $"pads is [{string.Join(',', pads)}]; {2 * axes} numbers were expected.");
    }

    internal static void Equation(InferenceContext n)
    {
        var equation = n.Node.GetString("equation", "").Replace(" ", "", StringComparison.Ordinal);
        if (equation.Any(c => !char.IsAsciiLetter(c) && !"->,.".Contains(c))
            || equation.Replace("...", "", StringComparison.Ordinal).Contains('.'))
            throw Wrong(n, $"its equation '{equation}' was expected to consist of letters, '...', commas and '->'.");
        if (Einsum.Parse(n) is not { } parsed)
            return;
        var sizes = new Dictionary<char, Dim>();
        for (var i = 0; i < n.Count; i++)
        {
            if (n.Shape(i) is not { } shape)
                continue;
            if (shape.Length != parsed.Terms[i].Length)
                throw Wrong(n, $"input {i} was expected to have one axis per letter of its equation '{equation}'.");
            for (var d = 0; d < shape.Length; d++)
            {
                if (shape[d].Size != 1 && sizes.TryGetValue(parsed.Terms[i][d], out var known) && known.Size != 1
                    && Differ(known, shape[d]))
                    throw Wrong(n, $"equal sizes were expected for letter {parsed.Terms[i][d]} of its equation '{equation}'.");
                sizes[parsed.Terms[i][d]] = shape[d];
            }
        }

        if (parsed.Output.Distinct().Count() < parsed.Output.Length || !parsed.Output.All(c => parsed.Terms.Any(t => t.Contains(c))))
            throw Wrong(n, $"its equation '{equation}' was expected to name each axis of its result once, from those of its inputs.");
    }

    internal static void Resize(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return;
        var axes = n.Node.GetInts("axes")?.Select(a => n.Axis(a, shape.Length)).Distinct().Count() ?? shape.Length;
        var last = n.Node.OpType == "Upsample" || n.Count == 2 ? 1 : 2;
        foreach (var input in new[] { last, 3 })
        {
            // Version 11 allowed empty scales beside sizes.
            if (n.Has(input) && n.Shape(input) is { } list
                && (list.Length != 1 || (list[0].Size is { } size && size != axes && (input == 3 || size != 0))))
                throw Wrong(n, $"one number for each of {axes} axes was expected as input {input}.");
            if (n.Has(input) && n.Items(input) is { } items && items.Any(i => i.IsKnown && !(i.Number >= 0 && i.Number < 1 << 30)))
                throw Wrong(n, $"input {input} was expected to hold positive numbers.");
        }
    }

    internal static long Positive(InferenceContext n, string attribute) =>
        n.Node.GetInt(attribute, 1) is > 0 and < 1 << 20 and var value ? value
            : throw new OnnxModelException($"{n.Node} has {attribute} {n.Node.GetInt(attribute, 1)}; a number of at least 1 was expected.");
}
