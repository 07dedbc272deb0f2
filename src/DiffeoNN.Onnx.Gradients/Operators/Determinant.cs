namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// Determinants: dX = dY * cofactors, which are det(X) * X^-T where the inverse exists and are right where it does not.
/// </summary>
internal static class Determinant
{
    /// <summary>Largest size whose minors are formed one by one: n^2 determinants of size n - 1.</summary>
    private const int MinorSize = 8;

    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Det", new(11, n => [() => n.dY.Unsqueeze(-2, -1) * Cofactors(n.X)]) { Limits = "Of singular matrices too." })
        {
            Takes = new(1, 1), Ranks = ["2+"], Shapes = ShapeInference.Determinant,
        },
    ];

    private static Value Cofactors(Value x) => SizeOf(x, x.Rank) switch
    {
        1 => x.Like(1).ExpandLike(x),
        <= MinorSize and var size => ByMinors(x, (int)size),
        // Products of many elements leave the range of 16 bits on the way.
        _ when x.ElementType is OnnxElementType.Float16 or OnnxElementType.BFloat16 =>
            ByElimination(x.Cast(OnnxElementType.Float)).Cast(x.ElementType),
        _ => ByElimination(x),
    };

    private static long? SizeOf(Value x, int rank) => x.Shape![rank - 1].Size ?? x.Shape[rank - 2].Size;

    /// <summary>(-1)^(i+j) times the determinant of what is left without row i and column j.</summary>
    private static Value ByMinors(Value x, int size)
    {
        var others = Enumerable.Range(0, size).Select(i => Enumerable.Range(0, size).Where(j => j != i).ToArray()).ToArray();
        var places = from i in others from j in others from a in i from b in j select (long)((a * size) + b);
        var signs = from i in Enumerable.Range(0, size) from j in Enumerable.Range(0, size) select (i + j) % 2 == 0 ? 1.0 : -1;
        var elements = x.Regroup([.. new long[x.Rank - 2], -1]);
        var minors = elements.Gather(
            x.Builder.Constant(OnnxTensor.Create<long>("", [size, size, size - 1, size - 1], places.ToArray())), x.Rank - 2);
        return minors.Apply("Det") * x.Builder.Constant(OnnxTensor.FromDoubles("", x.ElementType, [size, size], signs.ToArray()));
    }

    /// <summary>
    /// Gauss-Jordan elimination that takes the largest element left as pivot. Every step exchanges a row for a column of y = X x; the last
    /// one is done without its division, so that a matrix of rank n - 1 has its cofactors, and one of lower rank zeros.
    /// </summary>
    private static Value ByElimination(Value x)
    {
        var builder = x.Builder;
        var matrices = Stacked(x);
        var size = matrices.Size(2);
        var ones = matrices.Like(1).ExpandLike(matrices);
        Value[] start =
        [
            matrices, ones, matrices - matrices, matrices.Like(1).Reshape(1, 1, 1).ExpandLike(matrices.Slice(1, 0, 1).Slice(2, 0, 1)),
        ];
        var steps = builder.Op("Sub", size, builder.Integers(1)).Positions();
        var (states, _) = Recurrence.Run(builder, false, start, [steps], (s, _) =>
        {
            var pivot = Pivot.Of(s[0], s[1]);
            var value = pivot.Value;
            var divisor = value.Builder.Op("Where", value.Builder.Op("Equal", value, value.Like(0)), value.Like(1), value);
            var next = pivot.Exchanged(
                1.0 / divisor, pivot.Row / divisor, pivot.Column / divisor, s[0] - (pivot.Column * (pivot.Row / divisor)));
            return ([next, s[1] * pivot.Unused, s[2] + pivot.Place, s[3] * value], []);
        });
        var last = Pivot.Of(states[0], states[1]);
        var whole = last.Exchanged(last.Value.Like(1), last.Row, last.Column, (last.Value * states[0]) - (last.Column * last.Row));
        var order = states[2] + last.Place;
        var sign = order.Apply("Det").Unsqueeze(1, 2);
        var exchanged = builder.Op("MatMul", builder.Op("MatMul", order, (whole * states[3]).TransposeLast()), order);
        return Uncovered(exchanged * sign, x);
    }

    /// <summary>All matrices along one axis. Where their size is free they get a row and a column more, from the unit matrix,
    /// for at least one step.</summary>
    private static Value Stacked(Value x)
    {
        var (builder, size) = (x.Builder, x.Size(x.Rank - 1));
        var matrices = x.Reshape(builder.Concat(0, builder.Integers(-1), size, size));
        if (size.Facts.Integers is not null)
            return matrices;
        var corner = builder.Op("Equal", builder.Op("Add", size, builder.Integers(1)).Positions(), size).Cast(x.ElementType);
        return matrices.Pad(0, 0, 0, 0, 1, 1) + (corner.Unsqueeze(0) * corner.Unsqueeze(1));
    }

    private static Value Uncovered(Value stacked, Value x) =>
        (x.Shape![^1].IsConstant ? stacked : stacked.Slice(1, 0, -1).Slice(2, 0, -1)).ReshapeLike(x);

    /// <summary>The largest element of every matrix among the rows and columns left.</summary>
    /// <param name="Place">1 at the element, 0 elsewhere.</param>
    /// <param name="InRow">1 in its row.</param>
    /// <param name="InColumn">1 in its column.</param>
    /// <param name="Value">The element.</param>
    /// <param name="Row">Its row, without sign.</param>
    /// <param name="Column">Its column.</param>
    private sealed record Pivot(Value Place, Value InRow, Value InColumn, Value Value, Value Row, Value Column)
    {
        /// <summary>0 in the row and the column of the element, 1 elsewhere.</summary>
        public Value Unused => (1 - InRow) * (1 - InColumn);

        public static Pivot Of(Value matrices, Value left)
        {
            var builder = matrices.Builder;
            var sizes = builder.Op("Where", left > 0, matrices.Apply("Abs"), matrices.Like(-1)).Regroup(0, -1);
            var first = sizes.Apply("ArgMax", OnnxAttribute.Of("axis", 1));
            var place = builder.Op("Equal", sizes.Size(1).Positions(), first).Cast(matrices.ElementType).ReshapeLike(matrices);
            var (inRow, inColumn) = (place.Sum([2]), place.Sum([1]));
            return new(place, inRow, inColumn, (matrices * place).Sum([1, 2]), (matrices * inRow).Sum([1]), (matrices * inColumn).Sum([2]));
        }

        /// <summary>The matrix after the exchange, from its parts: at the element, in its row, in its column (negated),
        /// elsewhere.</summary>
        public Value Exchanged(Value at, Value row, Value column, Value elsewhere)
        {
            Value Choose(Value where, Value yes, Value no) => where.Builder.Op("Where", where > 0, yes, no);
            return Choose(Place, at, Choose(InRow, row, Choose(InColumn, -column, elsewhere)));
        }
    }
}
