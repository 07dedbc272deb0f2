namespace DiffeoNN.Onnx.Gradients;

/// <summary>A value of the graph under construction. Arithmetic on values adds nodes to the graph;
/// numbers take the value's element type, and equal nodes are added once.</summary>
public sealed partial class Value
{
    internal Value(GraphBuilder builder, string name, ValueFacts facts)
    {
        Builder = builder;
        Name = name;
        Facts = facts;
    }

    internal GraphBuilder Builder { get; }

    /// <summary>Its name in the emitted graph.</summary>
    public string Name { get; }

    /// <summary>What is known about it: element type, shape, and the value itself where it is constant.</summary>
    public ValueFacts Facts { get; }

    /// <summary>Its element type; undefined where not known.</summary>
    public OnnxElementType ElementType => Facts.ElementType;

    /// <summary>Its shape; null where not even the rank is known.</summary>
    public Dim[]? Shape => Facts.Shape;

    /// <summary>The rank where it is known.</summary>
    public int? KnownRank => Shape?.Length;

    /// <summary>The rank.</summary>
    /// <exception cref="OnnxModelException">It is not known.</exception>
    public int Rank => Shape?.Length ?? throw new OnnxModelException(
        $"The rank of '{Name}' is not known, and its gradient needs it. Declare its shape in the model (value_info), symbols allowed.");

    /// <summary>The sum, with broadcasting.</summary>
    public static Value operator +(Value a, Value b) => a.Builder.Op("Add", a, b);

    /// <summary>The difference, with broadcasting.</summary>
    public static Value operator -(Value a, Value b) => a.Builder.Op("Sub", a, b);

    /// <summary>The product element by element, with broadcasting.</summary>
    public static Value operator *(Value a, Value b) => a.Builder.Op("Mul", a, b);

    /// <summary>The quotient, with broadcasting.</summary>
    public static Value operator /(Value a, Value b) => a.Builder.Op("Div", a, b);

    /// <summary>The negative.</summary>
    public static Value operator -(Value a) => a.Builder.Op("Neg", a);

    /// <summary>The sum with a number.</summary>
    public static Value operator +(Value a, double b) => b == 0 ? a : a + a.Like(b);

    /// <summary>The sum with a number.</summary>
    public static Value operator +(double a, Value b) => b + a;

    /// <summary>The difference to a number.</summary>
    public static Value operator -(Value a, double b) => b == 0 ? a : a - a.Like(b);

    /// <summary>A number less the value.</summary>
    public static Value operator -(double a, Value b) => b.Like(a) - b;

    /// <summary>The product with a number.</summary>
    public static Value operator *(Value a, double b) => b == 1 ? a : b == -1 ? -a : a * a.Like(b);

    /// <summary>The product with a number.</summary>
    public static Value operator *(double a, Value b) => b * a;

    /// <summary>The quotient by a number.</summary>
    public static Value operator /(Value a, double b) => a * (1 / b);

    /// <summary>A number divided by the value.</summary>
    public static Value operator /(double a, Value b) => a == 1 ? b.Apply("Reciprocal") : b.Like(a) / b;

    /// <summary>Truth values: where the first is greater.</summary>
    public static Value operator >(Value a, Value b) => a.Builder.Op("Greater", a, b);

    /// <summary>Truth values: where the first is less.</summary>
    public static Value operator <(Value a, Value b) => a.Builder.Op("Less", a, b);

    /// <summary>Truth values: where the value is greater than a number.</summary>
    public static Value operator >(Value a, double b) => a > a.Like(b);

    /// <summary>Truth values: where the value is less than a number.</summary>
    public static Value operator <(Value a, double b) => a < a.Like(b);

    /// <summary>A scalar constant of this value's element type.</summary>
    public Value Like(double number) =>
        Builder.Scalar(number, ElementType == OnnxElementType.Undefined ? OnnxElementType.Float : ElementType);

    /// <summary>Applies an operator of one input.</summary>
    public Value Apply(string opType, params ReadOnlySpan<OnnxAttribute> attributes) => Builder.Node(opType, [this], attributes)[0];

    /// <summary>The same numbers in another element type.</summary>
    public Value Cast(OnnxElementType type) => type == ElementType || type == OnnxElementType.Undefined ? this
        : Apply("Cast", OnnxAttribute.Of("to", (long)type));

    /// <summary>Applies an operator that takes bfloat16 since operator set 22 alone;
    /// below that bfloat16 goes through it in float32.</summary>
    internal Value InWide(Func<Value, Value> apply) => ElementType == OnnxElementType.BFloat16 && Builder.Opset < 22
        ? apply(Cast(OnnxElementType.Float)).Cast(ElementType) : apply(this);

    /// <summary>1 where a truth value holds, 0 elsewhere, in the element type of another value.</summary>
    public Value AsNumber(Value like) => Cast(like.ElementType);
}
