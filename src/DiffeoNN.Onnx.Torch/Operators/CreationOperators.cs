using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Constants, ranges, shapes and changes of the element type.</summary>
internal static class CreationOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Constant", 16, Constant),
        new("ConstantOfShape", 16, ConstantOfShape),
        new("Range", 16, Range),
        new("EyeLike", 16, EyeLike),
        new("Shape", 16, Shape),
        new("Size", 16, n => tensor(n.X.NumberOfElements)),
        new("NonZero", 16, n => (n.X.dim() == 0 ? n.X.reshape(1) : n.X).nonzero().t()),
        new("OneHot", 16, OneHot),
        new("Cast", 16, n => n.X.to(TypeAt(n, "to"))),
        new("CastLike", 16, n => n.X.to(n.Input(1).dtype)),
        new("BitCast", 26, BitCast),
    ];

    /// <summary>The element type that an attribute gives.</summary>
    public static ScalarType TypeAt(TorchNode n, string attribute)
    {
        var type = (OnnxElementType)n.Int(attribute, (long)OnnxElementType.Float);
        return TorchTensors.TypeOf(type)
            ?? throw n.Refuse($"asks for elements of type {type.ToString().ToLowerInvariant()}, which libtorch lacks");
    }

    private static Tensor Constant(TorchNode n)
    {
        var (name, attribute) = n.Node.Attributes.FirstOrDefault(pair => pair.Key.StartsWith("value", StringComparison.Ordinal));
        return name switch
        {
            "value" => TorchTensors.ToTorch(attribute.Tensor),
            "value_float" => tensor(attribute.Float),
            "value_floats" => tensor(attribute.Floats.ToArray()),
            "value_int" => tensor(attribute.Int),
            "value_ints" => tensor(attribute.Ints.ToArray()),
            null => throw n.Refuse("has no value that libtorch can hold"),
            _ => throw n.Refuse($"gives its value as '{name}', which libtorch cannot hold"),
        };
    }

    private static Tensor ConstantOfShape(TorchNode n)
    {
        var shape = n.Integers(0);
        if (!n.Node.Attributes.TryGetValue("value", out var value)) return zeros(shape, ScalarType.Float32, n.Device);
        return TorchTensors.ToTorch(value.Tensor).reshape([]).expand(shape).contiguous().to(n.Device);
    }

    /// <summary>start, start + delta, ... before limit; differentiable by start and delta.</summary>
    private static Tensor Range(TorchNode n)
    {
        double start = n.Numbers(0)[0], limit = n.Numbers(1)[0], delta = n.Numbers(2)[0];
        // The span is rounded to the inputs' type, as in ONNX Runtime: it decides whether a last element is there.
        var span = n.X.dtype == ScalarType.Float32 ? (float)limit - (float)start : limit - start;
        var count = (long)Math.Max(Math.Ceiling(span / delta), 0);
        return n.X.reshape(1).Plus(n.Input(2).reshape(1).mul(TensorArithmetic.Count(count, n.Device).to(n.X.dtype)));
    }

    private static Tensor EyeLike(TorchNode n)
    {
        var rows = TensorArithmetic.Count(n.X.shape[0], n.Device).PlusWhole(n.Int("k", 0)).unsqueeze(1);
        var columns = TensorArithmetic.Count(n.X.shape[1], n.Device);
        return rows.eq(columns).to(n.Node.Attributes.ContainsKey("dtype") ? TypeAt(n, "dtype") : n.X.dtype);
    }

    private static Tensor Shape(TorchNode n)
    {
        var shape = n.X.shape;
        long Place(long place) => Math.Clamp(place < 0 ? place + shape.Length : place, 0, shape.Length);
        var (start, end) = (Place(n.Int("start", 0)), Place(n.Int("end", shape.Length)));
        return tensor(end > start ? shape[(int)start..(int)end] : []);
    }

    /// <summary>The second value at the index along a new axis, the first elsewhere; an index out of range is nowhere.</summary>
    private static Tensor OneHot(TorchNode n)
    {
        var (depth, values) = ((long)n.Numbers(1)[0], n.Input(2));
        var indices = n.X.to(ScalarType.Int64);
        var axis = n.Axis(n.Int("axis", -1), indices.dim() + 1);
        indices = where(indices.Below(0), indices.PlusWhole(depth), indices).unsqueeze(axis);
        var places = Enumerable.Repeat(1L, (int)indices.dim()).ToArray();
        places[axis] = depth;
        return where(indices.eq(TensorArithmetic.Count(depth, n.Device).reshape(places)), values.select(0, 1), values.select(0, 0));
    }

    /// <summary>The same bytes as another type of the same size.</summary>
    private static Tensor BitCast(TorchNode n)
    {
        var to = TypeAt(n, "to");
        if (to == n.X.dtype) return n.X;
        var bytes = TorchTensors.FromTorch("", n.X);
        return TorchTensors.ToTorch(new OnnxTensor("", (OnnxElementType)n.Int("to", 0), bytes.Dimensions, bytes.Data)).to(n.Device);
    }
}
