namespace DiffeoNN.Onnx.Gradients;

/// <content>Operators that move elements, and the broadcasting of those that combine them.</content>
internal static partial class ConstantEvaluator
{
    /// <summary>For every element of a shape in row order, its index on each axis.</summary>
    internal static IEnumerable<long[]> Indices(long[] sizes)
    {
        var count = sizes.Aggregate(1L, (a, b) => a * b);
        var index = new long[sizes.Length];
        for (var i = 0L; i < count; i++)
        {
            yield return index;
            for (var d = sizes.Length - 1; d >= 0 && ++index[d] == sizes[d]; d--)
                index[d] = 0;
        }
    }

    /// <summary>Position of an element in row order.</summary>
    internal static long Flat(ReadOnlySpan<long> index, long[] sizes)
    {
        var flat = 0L;
        for (var d = 0; d < sizes.Length; d++)
            flat = (flat * sizes[d]) + index[d];
        return flat;
    }

    internal static Item[]? Concat(InferenceContext n, long[] sizes)
    {
        var axis = n.Axis(n.Node.GetInt("axis", 0), sizes.Length);
        var outer = sizes.Take(axis).Aggregate(1L, (a, b) => a * b);
        var rows = Enumerable.Range(0, (int)outer).Select(_ => new List<Item>()).ToList();
        for (var i = 0; i < n.Count; i++)
        {
            if (n.Items(i) is not { } items)
                return null;
            var width = outer == 0 ? 0 : items.Length / (int)outer;
            for (var o = 0; o < outer; o++)
                rows[o].AddRange(items.AsSpan(o * width, width));
        }

        return [.. rows.SelectMany(r => r)];
    }

    internal static Item[]? Gather(InferenceContext n, long[] sizes)
    {
        if (n.Items(0) is not { } items || n.Facts(0).Sizes is not { } source || n.Facts(1).Integers is not { } indices
            || n.Facts(1).Shape is not { } shape)
            return null;
        var axis = n.Axis(n.Node.GetInt("axis", 0), source.Length);
        var inner = source.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
        var outer = source.Take(axis).Aggregate(1L, (a, b) => a * b);
        var result = new List<Item>();
        for (var o = 0L; o < outer; o++)
        {
            foreach (var index in indices)
            {
                var k = index < 0 ? index + source[axis] : index;
                if (k < 0 || k >= source[axis])
                    throw new OnnxModelException($"{n.Node} takes index {index} of an axis of size {source[axis]}.");
                for (var j = 0L; j < inner; j++)
                    result.Add(items[(((o * source[axis]) + k) * inner) + j]);
            }
        }

        return [.. result];
    }

    internal static Item[]? Slice(InferenceContext n, long[] sizes)
    {
        if (n.Items(0) is not { } items || n.Facts(0).Sizes is not { } source || SliceRange.Read(n, source.Length) is not { } ranges)
            return null;
        var (starts, steps) = (new long[source.Length], new long[source.Length]);
        Array.Fill(steps, 1);
        foreach (var range in ranges)
        {
            var size = source[range.Axis];
            var start = range.Start < 0 ? range.Start + size : range.Start;
            starts[range.Axis] = range.Step > 0 ? Math.Clamp(start, 0, size) : Math.Clamp(start, 0, size - 1);
            steps[range.Axis] = range.Step;
        }

        return [.. Indices(sizes).Select(index => items[Flat([.. index.Select((v, d) => starts[d] + (v * steps[d]))], source)])];
    }

    internal static Item[]? Transpose(InferenceContext n, long[] sizes)
    {
        if (n.Items(0) is not { } items || n.Facts(0).Sizes is not { } source)
            return null;
        var order = n.Node.GetInts("perm")?.Select(p => (int)p).ToArray() ?? [.. Enumerable.Range(0, source.Length).Reverse()];
        var index = new long[source.Length];
        return [.. Indices(sizes).Select(target =>
        {
            for (var d = 0; d < order.Length; d++)
                index[order[d]] = target[d];
            return items[Flat(index, source)];
        })];
    }

    internal static Item[]? Broadcast(InferenceContext n, int input, long[] sizes)
    {
        if (n.Items(input) is not { } items || n.Facts(input).Sizes is not { } source)
            return null;
        if (items.Length == 1)
            return Filled(items[0], sizes);
        if (source.SequenceEqual(sizes))
            return items;
        var offset = sizes.Length - source.Length;
        return [.. Indices(sizes).Select(index => items[Flat([.. source.Select((s, d) => s == 1 ? 0 : index[d + offset])], source)])];
    }

    internal static Item[]? Where(InferenceContext n, long[] sizes)
    {
        if (Broadcast(n, 0, sizes) is not { } condition || !Array.TrueForAll(condition, c => c.IsKnown))
            return null;
        return Broadcast(n, 1, sizes) is { } yes && Broadcast(n, 2, sizes) is { } no
            ? [.. condition.Select((c, i) => c.Number != 0 ? yes[i] : no[i])] : null;
    }

    internal static Item[]? Binary(InferenceContext n, long[] sizes, Func<Dim, Dim, Dim?> integers, Func<double, double, double>? reals)
    {
        if (Broadcast(n, 0, sizes) is not { } a || Broadcast(n, 1, sizes) is not { } b)
            return null;
        var result = new Item[a.Length];
        for (var i = 0; i < a.Length; i++)
        {
            if (a[i].Integer is { } x && b[i].Integer is { } y && integers(x, y) is { } integer)
                result[i] = integer;
            else if (a[i].Integer is null && b[i].Integer is null && reals is not null)
                result[i] = reals(a[i].Real, b[i].Real);
            else
                return null;
        }

        return result;
    }

    internal static Item[]? Numbers(InferenceContext n, long[] sizes, Func<double, double, double> reals) =>
        Broadcast(n, 0, sizes) is { } a && Broadcast(n, 1, sizes) is { } b && a.Concat(b).All(i => i.IsKnown)
            ? [.. a.Select((x, i) => x.Integer is null ? (Item)reals(x.Number, b[i].Number) : (Dim)(long)reals(x.Number, b[i].Number))]
            : null;

    internal static Item[]? Compare(InferenceContext n, long[] sizes, Func<double, double, bool> test)
    {
        var a = Broadcast(n, 0, sizes);
        var b = n.Count > 1 ? Broadcast(n, 1, sizes) : a;
        return a is not null && b is not null && a.Concat(b).All(i => i.IsKnown)
            ? [.. a.Select((x, i) => (Item)(Dim)(test(x.Number, b[i].Number) ? 1 : 0))] : null;
    }

    internal static Item[]? Unary(InferenceContext n, Func<Dim, Dim?>? integers, Func<double, double> reals)
    {
        if (n.Items(0) is not { } items)
            return null;
        var result = new Item[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i].Integer is not { } integer)
                result[i] = reals(items[i].Real);
            else if (integers?.Invoke(integer) is { } value)
                result[i] = value;
            else
                return null;
        }

        return result;
    }

    internal static Item[]? Fold(InferenceContext n, Func<Dim, Dim, Dim> integers, Func<double, double, double> reals)
    {
        if (n.Items(0) is not { Length: > 0 } items || (n.Shape(0)!.Length > 1 && n.Count > 1))
            return null;
        var all = items[0];
        foreach (var item in items.Skip(1))
            all = all.Integer is { } x && item.Integer is { } y ? integers(x, y) : reals(all.Real, item.Real);
        return [all];
    }
}
