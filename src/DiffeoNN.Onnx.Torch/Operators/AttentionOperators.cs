using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Scaled dot-product attention, Y = softmax(mask(cap(scale * Q K^T))) V, and the rotary embedding of positions.</summary>
internal static class AttentionOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Attention", 23, Attend),
        new("RotaryEmbedding", 23, Rotate),
    ];

    private static IReadOnlyList<Tensor?> Attend(TorchNode n)
    {
        var (queries, keys, values) = (Heads(n, 0, "q_num_heads"), Heads(n, 1, "kv_num_heads"), Heads(n, 2, "kv_num_heads"));
        if (n.Optional(4) is { } pastKeys) keys = cat([pastKeys, keys], 2);
        if (n.Optional(5) is { } pastValues) values = cat([pastValues, values], 2);
        var scale = n.Node.Attributes.ContainsKey("scale") ? n.Float("scale", 1) : 1 / Math.Sqrt(queries.shape[3]);
        var scores = Grouped(queries.Times(scale), keys.transpose(2, 3));
        var cap = n.Float("softcap", 0);
        var capped = cap > 0 ? scores.Times(1 / cap).tanh().Times(cap) : scores;
        var (masked, hidden) = Masked(n, capped, keys.shape[2]);
        var shares = Softmax(n, masked, hidden);
        var result = Grouped(shares, values);
        if (n.X.dim() == 3) result = result.transpose(1, 2).flatten(2);
        var stage = n.Int("qk_matmul_output_mode", 0) switch { 0 => scores, 1 => capped, 2 => masked, _ => shares };
        return [result, keys, values, stage];
    }

    /// <summary>An input as (batch, heads, positions, features).</summary>
    private static Tensor Heads(TorchNode n, int input, string attribute)
    {
        var value = n.Input(input);
        if (value.dim() == 4) return value;
        var heads = n.Int(attribute, 0);
        return value.dim() == 3 && heads > 0 ? value.reshape(value.shape[0], value.shape[1], heads, -1).transpose(1, 2)
            : throw n.Refuse($"has an input {input} of {value.dim()} dimensions; it takes 4, or 3 with the attribute {attribute}");
    }

    /// <summary>The product of every head's matrices. Where several heads on the left share one on the right they become the rows of one
    /// matrix.</summary>
    private static Tensor Grouped(Tensor left, Tensor right) => left.shape[1] == right.shape[1] ? left.MatrixProduct(right)
        : left.reshape(left.shape[0], right.shape[1], -1, left.shape[3]).MatrixProduct(right).reshape(
            left.shape[0], left.shape[1], left.shape[2], right.shape[3]);

    /// <summary>Adds a mask of numbers; what is hidden gets the lowest finite number, as ONNX Runtime has it.</summary>
    /// <returns>The scores, and whether all are hidden from a query; null where that cannot be.</returns>
    private static (Tensor Scores, Tensor? AllHidden) Masked(TorchNode n, Tensor scores, long keys)
    {
        Tensor? hidden = null;
        void Hide(Tensor condition) => hidden = hidden is null ? condition : hidden.logical_or(condition);
        if (n.Optional(3) is { } mask)
        {
            // A mask shorter than the keys hides the rest of them.
            var isBoolean = mask.dtype == ScalarType.Bool;
            if (mask.shape[^1] != keys && mask.shape[^1] != 1)
                mask = cat([mask, TensorArithmetic.Filled(
                    [.. mask.shape[..^1], keys - mask.shape[^1]], isBoolean ? 0 : double.NegativeInfinity, mask.dtype, mask.device)], -1);
            if (isBoolean) Hide(mask.logical_not());
            else scores = scores.Plus(mask.to(scores.dtype));
        }

        var positions = TensorArithmetic.Count(keys, n.Device);
        if (n.Int("is_causal", 0) != 0) Hide(positions.gt(Last(n, scores.shape[2], keys)));
        if (n.Optional(6) is { } filled) Hide(positions.ge(filled.to(ScalarType.Int64).reshape(-1, 1, 1, 1)));
        var lowest = scores.dtype switch
        {
            ScalarType.Float16 => (double)System.Half.MinValue,
            ScalarType.Float64 => double.MinValue,
            _ => float.MinValue,
        };
        if (hidden is not null) scores = where(hidden, scores.FilledLike(lowest), scores);
        return (scores, n.Has(3) || n.Has(6) ? scores.detach().amax([-1], true).AtMost(lowest) : null);
    }

    /// <summary>
    /// The last key that each query sees. Positions count from the end of the past,
    /// or so that the last query stands at the last key that is filled. To a single query behind a past ONNX Runtime shows every key.
    /// </summary>
    private static Tensor Last(TorchNode n, long queries, long keys)
    {
        var rows = TensorArithmetic.Count(queries, n.Device).unsqueeze(1);
        if (n.Optional(6) is { } filled) rows = rows.Plus(filled.to(ScalarType.Int64).reshape(-1, 1, 1, 1).PlusWhole(-queries));
        var past = n.Optional(4)?.shape[2] ?? 0;
        return rows.PlusWhole(queries == 1 && past > 0 ? keys : past);
    }

    /// <summary>Softmax over the keys, in a wider type where one is asked for; 0 where every key is hidden.</summary>
    private static Tensor Softmax(TorchNode n, Tensor scores, Tensor? allHidden)
    {
        var precision = (OnnxElementType)n.Int("softmax_precision", 0);
        var type = precision == OnnxElementType.Double ? ScalarType.Float64
            : precision == OnnxElementType.Float && scores.dtype != ScalarType.Float64 ? ScalarType.Float32 : scores.dtype;
        // Infinite scores would leave no number to multiply a gradient of 0 by.
        var finite = allHidden is null ? scores : where(allHidden, scores.FilledLike(0), scores);
        var shares = finite.to(type).softmax(-1).to(scores.dtype);
        return allHidden is null ? shares : where(allHidden, shares.FilledLike(0), shares);
    }

    /// <summary>(a, b) -> (a cos - b sin, a sin + b cos); a and b are neighbours where interleaved,
    /// halves of the features otherwise.</summary>
    private static Tensor Rotate(TorchNode n)
    {
        var isJoined = n.X.dim() == 3;
        var heads = n.Int("num_heads", 0);
        if (isJoined && heads <= 0) throw n.Refuse("has an input of 3 dimensions, which needs the attribute num_heads");
        // As (batch, positions, heads, features).
        var x = isJoined ? n.X.reshape(n.X.shape[0], n.X.shape[1], heads, -1) : n.X.transpose(1, 2);
        var width = n.Int("rotary_embedding_dim", 0) is > 0 and var given ? given : x.shape[3];
        var turning = x.narrow(3, 0, width);
        var isInterleaved = n.Int("interleaved", 0) != 0;
        var (a, b) = isInterleaved
            ? (turning.slice(3, 0, width, 2), turning.slice(3, 1, width, 2))
            : (turning.narrow(3, 0, width / 2), turning.narrow(3, width / 2, width / 2));
        var (cos, sin) = (Angles(1), Angles(2));
        var (first, second) = (a.mul(cos).Minus(b.mul(sin)), a.mul(sin).Plus(b.mul(cos)));
        var turned = isInterleaved ? stack([first, second], -1).flatten(3) : cat([first, second], 3);
        var result = width == x.shape[3] ? turned : cat([turned, x.narrow(3, width, x.shape[3] - width)], 3);
        return isJoined ? result.flatten(2) : result.transpose(1, 2);

        Tensor Angles(int input)
        {
            var cache = n.Input(input);
            if (n.Optional(3) is { } positions)
                cache = cache.index_select(0, positions.flatten().to(ScalarType.Int64)).reshape([.. positions.shape, -1]);
            return cache.unsqueeze(2);
        }
    }
}
