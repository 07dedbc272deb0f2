using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Operators that choose or order elements by their values.</summary>
internal static class SelectionOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Compress", 16, Compress),
        new("TopK", 16, TopK),
        new("ReverseSequence", 16, ReverseSequence),
        new("Unique", 16, Unique),
        new("ArgMax", 16, n => ArgExtreme(n, (x, axis) => x.argmax(axis, keepdim: true))),
        new("ArgMin", 16, n => ArgExtreme(n, (x, axis) => x.argmin(axis, keepdim: true))),
    ];

    private static Tensor Compress(TorchNode n)
    {
        var places = n.Input(1).reshape(-1).nonzero().reshape(-1);
        return n.Node.Attributes.TryGetValue("axis", out var axis)
            ? n.X.index_select(n.Axis(axis.Int, n.X.dim()), places)
            : n.X.reshape(-1).index_select(0, places);
    }

    /// <summary>By a stable sort, so that of equal elements the first counts as the greater (or smaller) one.</summary>
    private static IReadOnlyList<Tensor?> TopK(TorchNode n)
    {
        var (axis, k) = (n.Axis(n.Int("axis", -1), n.X.dim()), n.Integers(1)[0]);
        if (n.X.dim() == 0 || k > n.X.shape[axis])
            throw n.Refuse($"asks for {k} elements of [{string.Join(",", n.X.shape)}] along axis {axis}");
        var (values, places) = n.X.sort(axis, descending: n.Int("largest", 1) != 0, stable: true);
        return [values.narrow(axis, 0, k), places.narrow(axis, 0, k)];
    }

    private static Tensor ReverseSequence(TorchNode n)
    {
        var (time, batch) = (n.Axis(n.Int("time_axis", 0), n.X.dim()), n.Axis(n.Int("batch_axis", 1), n.X.dim()));
        var rank = (int)n.X.dim();
        long[] Shape(int axis) => [.. Enumerable.Range(0, rank).Select(d => d == axis ? -1L : 1)];
        var lengths = n.Input(1).to(ScalarType.Int64).reshape(Shape(batch));
        var steps = TensorArithmetic.Count(n.X.shape[time], n.Device).reshape(Shape(time));
        var places = where(steps.lt(lengths), lengths.PlusWhole(-1).Minus(steps), steps);
        return n.X.gather(time, places.expand(n.X.shape));
    }

    private static Tensor ArgExtreme(TorchNode n, Func<Tensor, long, Tensor> find)
    {
        if (n.X.dim() == 0) return zeros([], ScalarType.Int64, n.Device);
        var axis = n.Axis(n.Int("axis", 0), n.X.dim());
        var last = n.Int("select_last_index", 0) != 0;
        var x = n.X.dtype == ScalarType.Bool ? n.X.to(ScalarType.Byte) : n.X;
        var places = find(last ? x.flip(axis) : x, axis);
        if (last) places = places.neg().PlusWhole(x.shape[axis] - 1);
        return n.Int("keepdims", 1) != 0 ? places : places.squeeze(axis);
    }

    /// <summary>Each distinct element (or slice along the axis) once, in ascending order or in that of first occurrence;
    /// it is taken from where it comes first.</summary>
    private static IReadOnlyList<Tensor?> Unique(TorchNode n)
    {
        var has = n.Node.Attributes.TryGetValue("axis", out var given);
        var axis = has ? n.Axis(given!.Int, n.X.dim()) : 0;
        var x = has ? n.X : n.X.reshape(-1);
        var count = (int)x.shape[axis];
        var keys = Keys(x, axis, count);
        int Compare(int a, int b) => keys[a].AsSpan().SequenceCompareTo(keys[b]);
        var order = Enumerable.Range(0, count)
            .Order(Comparer<int>.Create((a, b) => Compare(a, b) is var c and not 0 ? c : a.CompareTo(b))).ToArray();
        var groups = new List<List<int>>();
        foreach (var i in order)
        {
            if (groups.Count == 0 || Compare(groups[^1][0], i) != 0) groups.Add([]);
            groups[^1].Add(i);
        }

        if (n.Int("sorted", 1) == 0) groups.Sort((a, b) => a[0].CompareTo(b[0]));
        var inverse = new long[count];
        foreach (var (number, group) in groups.Index())
            foreach (var i in group)
                inverse[i] = number;
        Tensor Vector(long[] values) => tensor(values, [values.Length]).to(n.Device);
        var first = Vector([.. groups.Select(group => (long)group[0])]);
        return [x.index_select(axis, first), first, Vector(inverse), Vector([.. groups.Select(group => (long)group.Count)])];
    }

    /// <summary>What slices are compared by.</summary>
    private static IComparable[][] Keys(Tensor x, int axis, int count)
    {
        using var scope = NewDisposeScope();
        var rows = x.detach().cpu().movedim([axis], [0]).reshape(count, count == 0 ? 0 : x.NumberOfElements / count).contiguous();
        IComparable[] all = x.is_floating_point()
            ? [.. rows.to(ScalarType.Float64).data<double>().ToArray().Cast<IComparable>()]
            : [.. rows.to(ScalarType.Int64).data<long>().ToArray().Cast<IComparable>()];
        return count == 0 ? [] : [.. all.Chunk(Math.Max(1, all.Length / count))];
    }
}
