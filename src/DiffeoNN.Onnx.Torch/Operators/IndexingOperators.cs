using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Reading and writing at places given by indices, which may count from the end.</summary>
internal static class IndexingOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Gather", 16, Gather),
        new("GatherElements", 16,
            n => n.X.gather(n.Axis(n.Int("axis", 0), n.X.dim()), Places(n.Input(1), n.X.shape[n.Axis(n.Int("axis", 0), n.X.dim())]))),
        new("GatherND", 16, GatherSlices),
        new("ScatterElements", 16, ScatterElements),
        new("ScatterND", 16, ScatterSlices),
        new("TensorScatter", 24, TensorScatter),
    ];

    /// <summary>Indices as int64, counted from the start of an axis.</summary>
    private static Tensor Places(Tensor indices, long size)
    {
        indices = indices.to(ScalarType.Int64);
        return where(indices.Below(0), indices.PlusWhole(size), indices);
    }

    private static Tensor Gather(TorchNode n)
    {
        var axis = n.Axis(n.Int("axis", 0), n.X.dim());
        var indices = Places(n.Input(1), n.X.shape[axis]);
        return n.X.index_select(axis, indices.reshape(-1)).reshape([.. n.X.shape[..axis], .. indices.shape, .. n.X.shape[(axis + 1)..]]);
    }

    private static Tensor GatherSlices(TorchNode n)
    {
        var (indices, batches) = (n.Input(1), (int)n.Int("batch_dims", 0));
        var depth = (int)indices.shape[^1];
        var rows = Rows(indices, n.X.shape[batches..(batches + depth)]);
        var (before, slice) = (Product(n.X.shape[..batches]), n.X.shape[(batches + depth)..]);
        var perBatch = Product(n.X.shape[batches..(batches + depth)]);
        if (batches > 0)
        {
            var offsets = TensorArithmetic.Count(before, n.Device).mul(tensor(perBatch).to(n.Device));
            rows = rows.reshape(before, -1).Plus(offsets.unsqueeze(1));
        }

        return n.X.reshape(before * perBatch, Product(slice)).index_select(0, rows.reshape(-1)).reshape([.. indices.shape[..^1], .. slice]);
    }

    /// <summary>Numbers of slices from their coordinates along the last axis.</summary>
    private static Tensor Rows(Tensor indices, long[] sizes)
    {
        var rows = zeros(indices.shape[..^1], ScalarType.Int64, indices.device);
        for (var i = 0; i < sizes.Length; i++)
            rows = rows.mul(tensor(sizes[i]).to(indices.device)).Plus(Places(indices.select(-1, i), sizes[i]));
        return rows;
    }

    private static Tensor ScatterElements(TorchNode n)
    {
        var axis = n.Axis(n.Int("axis", 0), n.X.dim());
        var (indices, updates) = (Places(n.Input(1), n.X.shape.Length == 0 ? 1 : n.X.shape[axis]), n.Input(2));
        // Number of each written element in the flat tensor: its own coordinates but for the given one along the axis.
        var places = zeros_like(indices);
        for (var d = 0; d < n.X.dim(); d++)
        {
            var along = d == axis ? indices : Along(TensorArithmetic.Count(indices.shape[d], n.Device), d, (int)n.X.dim());
            places = places.mul(tensor(n.X.shape[d]).to(n.Device)).Plus(along);
        }

        return Written(n, n.X.reshape(-1), places.reshape(-1), updates.reshape(-1)).reshape(n.X.shape);
    }

    private static Tensor ScatterSlices(TorchNode n)
    {
        var (indices, updates) = (n.Input(1), n.Input(2));
        var depth = (int)indices.shape[^1];
        var slice = Product(n.X.shape[depth..]);
        var rows = Rows(indices, n.X.shape[..depth]).reshape(-1);
        return Written(n, n.X.reshape(Product(n.X.shape[..depth]), slice), rows, updates.reshape(rows.shape[0], slice)).reshape(n.X.shape);
    }

    /// <summary>Writes along the first axis by the node's reduction.</summary>
    private static Tensor Written(TorchNode n, Tensor data, Tensor places, Tensor updates) => n.Text("reduction", "none") switch
    {
        _ when updates.NumberOfElements == 0 => data,
        "none" => data.index_copy(0, places, updates),
        "add" => data.WithAdded(0, places, updates),
        "mul" => Combined(data, places, updates, (a, b) => a.mul(b)),
        "max" => Combined(data, places, updates, maximum),
        "min" => Combined(data, places, updates, minimum),
        var other => throw n.Refuse($"has reduction '{other}', which is not known"),
    };

    /// <summary>Rounds in which no place is written twice: as many as the most frequent place has updates.
    /// TorchSharp lacks the one function for it.</summary>
    private static Tensor Combined(Tensor data, Tensor places, Tensor updates, Func<Tensor, Tensor, Tensor> combine)
    {
        var all = places.cpu().contiguous().data<long>().ToArray();
        var seen = new Dictionary<long, int>();
        var rounds = all.Select((place, i) => (Update: (long)i, Round: seen[place] = seen.GetValueOrDefault(place, -1) + 1)).ToLookup(
            pair => pair.Round, pair => pair.Update);
        for (var round = 0; round < rounds.Count; round++)
        {
            var chosen = tensor(rounds[round].ToArray()).to(places.device);
            var here = places.index_select(0, chosen);
            data = data.index_copy(0, here, combine(data.index_select(0, here), updates.index_select(0, chosen)));
        }

        return data;
    }

    /// <summary>Writes rows of an update into a cache, for each batch element from its own place on.</summary>
    private static Tensor TensorScatter(TorchNode n)
    {
        var update = n.Input(1);
        var rank = (int)update.dim();
        var axis = n.Axis(n.Int("axis", -2), rank);
        var places = Along(TensorArithmetic.Count(update.shape[axis], n.Device), axis, rank);
        if (n.Has(2)) places = places.Plus(Along(n.Input(2).to(ScalarType.Int64), 0, rank));
        if (n.Text("mode", "linear") == "circular") places = places.RemainderOf(n.X.shape[axis]);
        return n.X.scatter(axis, places.expand(update.shape), update);
    }

    /// <summary>A vector as a tensor that varies along one axis.</summary>
    private static Tensor Along(Tensor vector, int axis, int rank)
    {
        var shape = Enumerable.Repeat(1L, rank).ToArray();
        shape[axis] = -1;
        return vector.reshape(shape);
    }

    private static long Product(long[] sizes) => sizes.Aggregate(1L, (a, b) => a * b);
}
