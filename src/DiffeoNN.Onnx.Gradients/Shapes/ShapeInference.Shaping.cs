namespace DiffeoNN.Onnx.Gradients;

/// <content>Operators that move, cut and join elements.</content>
internal static partial class ShapeInference
{
    internal static ValueFacts[] Size(InferenceContext n) => One(OnnxElementType.Int64, []);

    internal static ValueFacts[] ConstantOfShape(InferenceContext n) =>
        One(n.Node.Attributes.TryGetValue("value", out var v) ? v.Tensor.ElementType : OnnxElementType.Float, Requested(n, 0));

    /// <summary>Random numbers of a stated shape.</summary>
    internal static ValueFacts[] Drawn(InferenceContext n) =>
        One((OnnxElementType)n.Node.GetInt("dtype", 1), n.Node.GetInts("shape")?.Select(s => (Dim)s).ToArray());

    internal static ValueFacts[] Transpose(InferenceContext n) => One(n.Type(0), Transposed(n));

    internal static ValueFacts[] Expand(InferenceContext n) => One(n.Type(0), Broadcast(n.Shape(0), Requested(n, 1)));

    internal static ValueFacts[] GatherElements(InferenceContext n) => One(n.Type(0), n.Shape(1));

    /// <summary>The shape that an integer vector asks for; of unknown sizes where only its length is known.</summary>
    private static Dim[]? Requested(InferenceContext n, int input)
    {
        if (n.Items(input) is { } items && Array.TrueForAll(items, i => i.Integer is not null))
            return Array.ConvertAll(items, i => i.Integer!);
        return n.Shape(input) is [{ IsConstant: true } length] ? n.UnknownShape(length.Constant) : null;
    }

    internal static ValueFacts[] Constant(InferenceContext n)
    {
        foreach (var attribute in n.Node.Attributes.Values)
        {
            var tensor = (attribute.Name, attribute.Kind) switch
            {
                (_, OnnxAttributeKind.Tensor or OnnxAttributeKind.SparseTensor) => attribute.Value as OnnxTensor,
                ("value_float", _) => OnnxTensor.Scalar("", attribute.Float),
                ("value_floats", _) => OnnxTensor.Create("", [attribute.Floats.Count], attribute.Floats.ToArray().AsSpan()),
                ("value_int", _) => OnnxTensor.Scalar("", attribute.Int),
                ("value_ints", _) => OnnxTensor.Int64s("", attribute.Ints.ToArray()),
                _ => null,
            };
            if (tensor is not null)
                return [ValueFacts.Of(tensor)];
        }

        return [ValueFacts.None];
    }

    internal static ValueFacts[] ShapeOf(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(OnnxElementType.Int64, [n.Unknown(0)]);
        long Clamp(long index) => Math.Clamp(index < 0 ? index + shape.Length : index, 0, shape.Length);
        return One(OnnxElementType.Int64, [Math.Max(0, Clamp(n.Node.GetInt("end", shape.Length)) - Clamp(n.Node.GetInt("start", 0)))]);
    }

    internal static ValueFacts[] Reshape(InferenceContext n)
    {
        var input = n.Shape(0);
        if (Requested(n, 1) is not { } target)
            return One(n.Type(0), null);
        if (n.Items(1) is null)
            return One(n.Type(0), target);
        var shape = (Dim[])target.Clone();
        var open = -1;
        for (var i = 0; i < shape.Length; i++)
        {
            if (shape[i].Size == 0 && n.Node.GetInt("allowzero", 0) == 0)
                shape[i] = input is null || i >= input.Length ? n.Unknown(i) : input[i];
            else if (shape[i].Size == -1)
                open = i;
        }

        if (open < 0)
            return One(n.Type(0), shape);
        if (input is null)
        {
            shape[open] = n.Unknown(open);
            return One(n.Type(0), shape);
        }

        // Sizes on both sides cancel, so that a free batch size does not stand in the way.
        var left = input.ToList();
        var right = shape.Where((_, i) => i != open).Where(d => !left.Remove(d)).ToList();
        var (whole, part) = (left.Aggregate(Dim.One, (a, b) => a * b), right.Aggregate(Dim.One, (a, b) => a * b));
        shape[open] = part.Size == 0 ? n.Unknown(open) : Dim.DivideExactly(whole, part) ?? Dim.FloorDivide(whole, part);
        return One(n.Type(0), shape);
    }

    internal static ValueFacts[] Flatten(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), n.UnknownShape(2));
        var given = n.Node.GetInt("axis", 1);
        var axis = (int)Math.Clamp(given < 0 ? given + shape.Length : given, 0, shape.Length);
        return One(n.Type(0), [shape.Take(axis).Aggregate(Dim.One, (a, b) => a * b), shape.Skip(axis).Aggregate(Dim.One, (a, b) => a * b)]);
    }

    private static Dim[]? Transposed(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return null;
        return n.Node.GetInts("perm") is { } order ? [.. order.Select(p => shape[n.Axis(p, shape.Length)])] : [.. shape.Reverse()];
    }

    internal static ValueFacts[] Concat(InferenceContext n)
    {
        var shapes = Enumerable.Range(0, n.Count).Select(n.Shape).ToList();
        if (shapes.Find(s => s is not null) is not { } first)
            return One(n.Type(0), null);
        var result = (Dim[])first.Clone();
        var axis = n.Axis(n.Node.GetInt("axis", 1), first.Length);
        foreach (var shape in shapes.OfType<Dim[]>().Where(s => s.Length == first.Length))
        {
            for (var d = 0; d < first.Length; d++)
                result[d] = result[d].IsConstant ? result[d] : shape[d];
        }

        result[axis] = shapes.TrueForAll(s => s?.Length == first.Length)
            ? shapes.Select(s => s![axis]).Aggregate((a, b) => a + b) : n.Unknown(axis);
        return One(n.Type(0), result);
    }

    internal static ValueFacts[] Slice(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        var result = (Dim[])shape.Clone();
        if (SliceRange.Read(n, shape.Length) is { } ranges)
        {
            foreach (var range in ranges)
                result[range.Axis] = range.Length(shape[range.Axis]) ?? n.Unknown(range.Axis);
            return One(n.Type(0), result);
        }

        // The bounds are computed while the model runs: the axes may be known none the less.
        var axes = n.IntegersOf("axes", 3)?.Select(a => n.Axis(a, shape.Length)).ToArray() ?? [.. Enumerable.Range(0, shape.Length)];
        foreach (var axis in axes)
            result[axis] = axes.Length == 1 && n.Items(1) is [{ Integer: { } s }] && n.Items(2) is [{ Integer: { } e }] && !n.Has(4)
                && s.Size is not < 0 && !e.IsConstant && (s.IsConstant || !(e - s).IsConstant || (e - s).Constant >= 0) && s.Size == 0
                && e.Equals(shape[axis])
                ? e - s : n.Unknown(axis);
        return One(n.Type(0), result);
    }

    internal static IEnumerable<ValueFacts> Split(InferenceContext n)
    {
        var count = n.Node.Outputs.Count;
        if (n.Shape(0) is not { } shape)
            return Enumerable.Repeat(new ValueFacts(n.Type(0), null), count);
        var axis = n.Axis(n.Node.GetInt("axis", 0), shape.Length);
        var sizes = n.IntegersOf("split", 1);
        return Enumerable.Range(0, count).Select(i =>
        {
            var part = (Dim[])shape.Clone();
            if (sizes is not null && i < sizes.Length)
                part[axis] = sizes[i];
            else if (shape[axis].IsConstant && !n.Has(1))
            {
                var each = (shape[axis].Constant + count - 1) / count;
                part[axis] = i < count - 1 ? each : shape[axis].Constant - (each * (count - 1));
            }
            else
                part[axis] = !n.Has(1) && Dim.DivideExactly(shape[axis], count) is { } exact ? exact : n.Unknown(axis, i);
            return new ValueFacts(n.Type(0), part);
        }).ToArray().Select(WithItems());

        // The sizes that exporters take apart.
        Func<ValueFacts, ValueFacts> WithItems()
        {
            var start = 0;
            return facts =>
            {
                if (shape.Length != 1 || n.Items(0) is not { } items || facts.Sizes is not [var length] || start + length > items.Length)
                    return facts;
                var part = items[start..(start + (int)length)];
                start += (int)length;
                return facts with { Items = part, Constant = Item.ToTensor(part, facts.ElementType, [length]) };
            };
        }
    }

    internal static ValueFacts[] Squeeze(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        if (n.IntegersOf("axes", 1) is { } axes)
        {
            var gone = axes.Select(a => n.Axis(a, shape.Length)).ToHashSet();
            return One(n.Type(0), [.. shape.Where((_, i) => !gone.Contains(i))]);
        }

        return One(n.Type(0), n.Has(1) || !Array.TrueForAll(shape, d => d.IsConstant) ? null : [.. shape.Where(d => d.Size != 1)]);
    }

    internal static ValueFacts[] Unsqueeze(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape || n.IntegersOf("axes", 1) is not { } axes)
            return One(n.Type(0), null);
        var rank = shape.Length + axes.Length;
        var added = axes.Select(a => n.Axis(a, rank)).ToHashSet();
        var rest = new Queue<Dim>(shape);
        return One(n.Type(0), [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) || rest.Count == 0 ? Dim.One : rest.Dequeue())]);
    }

    internal static ValueFacts[] Tile(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        return One(n.Type(0), Requested(n, 1) is { } repeats && repeats.Length == shape.Length && n.Items(1) is not null
            ? [.. shape.Zip(repeats, (a, b) => a * b)] : n.UnknownShape(shape.Length));
    }

    internal static ValueFacts[] Gather(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape || n.Shape(1) is not { } indices)
            return One(n.Type(0), null);
        var axis = n.Axis(n.Node.GetInt("axis", 0), shape.Length);
        return One(n.Type(0), [.. shape[..axis], .. indices, .. shape[(axis + 1)..]]);
    }

    internal static ValueFacts[] GatherND(InferenceContext n)
    {
        var batch = (int)n.Node.GetInt("batch_dims", 0);
        if (n.Shape(0) is not { } shape || n.Shape(1) is not [.. var outer, { IsConstant: true } depth]
            || batch + depth.Constant > shape.Length)
            return One(n.Type(0), null);
        return One(n.Type(0), [.. outer, .. shape[(batch + (int)depth.Constant)..]]);
    }

    internal static ValueFacts[] Range(InferenceContext n)
    {
        var length = (n.Items(0), n.Items(1), n.Items(2)) switch
        {
            ([{ Integer: { } start }], [{ Integer: { } limit }], [{ Integer: { IsConstant: true, Constant: not 0 } step }]) =>
                (limit - start).IsConstant ? Math.Max(0, -(long)Math.Floor((decimal)(start - limit).Constant / step.Constant * 1m))
                : step.Constant == 1 ? limit - start : n.Unknown(0),
            ([{ Integer: null } start], [{ Integer: null } limit], [{ Integer: null, Real: not 0 } step]) =>
                Math.Max(0, (long)Math.Ceiling((limit.Real - start.Real) / step.Real)),
            _ => n.Unknown(0),
        };
        return One(n.Type(0), [length]);
    }

    internal static ValueFacts[] Pad(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        if (n.IntegersOf("pads", 1) is not { } pads)
            return One(n.Type(0), n.UnknownShape(shape.Length));
        var axes = n.Has(3) ? n.Facts(3).Integers : [.. Enumerable.Range(0, shape.Length).Select(a => (long)a)];
        if (axes is null || pads.Length != 2 * axes.Length)
            return One(n.Type(0), n.UnknownShape(shape.Length));
        var result = (Dim[])shape.Clone();
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = n.Axis(axes[i], shape.Length);
            result[axis] += pads[i] + pads[i + axes.Length];
        }

        return One(n.Type(0), result);
    }

    internal static ValueFacts[] DepthToSpace(InferenceContext n)
    {
        var block = n.Node.GetInt("blocksize", 1);
        return One(n.Type(0),
            n.Shape(0) is [var batch, var c, var h, var w] ? [batch, Dim.FloorDivide(c, block * block), h * block, w * block] : null);
    }

    internal static ValueFacts[] SpaceToDepth(InferenceContext n)
    {
        var block = n.Node.GetInt("blocksize", 1);
        return One(n.Type(0), n.Shape(0) is [var batch, var c, var h, var w]
            ? [batch, c * (block * block), Dim.FloorDivide(h, block), Dim.FloorDivide(w, block)] : null);
    }

    internal static ValueFacts[] OneHot(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(2), null);
        var result = shape.ToList();
        var axis = n.Axis(n.Node.GetInt("axis", -1), shape.Length + 1);
        result.Insert(axis, n.Items(1) is [{ Integer: { } depth }] ? depth : n.Unknown(axis));
        return One(n.Type(2), [.. result]);
    }
}
