namespace DiffeoNN.Onnx.Gradients;

/// <summary>A value of the graph under construction. Arithmetic on values adds nodes to the graph;
/// numbers take the value's element type.</summary>
internal sealed partial class Value
{
    public Value(GraphBuilder builder, string name, ValueFacts facts)
    {
        Builder = builder;
        Name = name;
        Facts = facts;
    }

    public GraphBuilder Builder { get; }

    public string Name { get; }

    public ValueFacts Facts { get; }

    public OnnxElementType ElementType => Facts.ElementType;

    public Dim[]? Shape => Facts.Shape;

    /// <summary>The rank where it is known.</summary>
    public int? KnownRank => Shape?.Length;

    /// <summary>The rank.</summary>
    /// <exception cref="OnnxModelException">It is not known.</exception>
    public int Rank => Shape?.Length ?? throw new OnnxModelException(
        $"The rank of '{Name}' is not known, and its gradient needs it. Declare its shape in the model (value_info), symbols allowed.");

    public static Value operator +(Value a, Value b) => a.Builder.Op("Add", a, b);

    public static Value operator -(Value a, Value b) => a.Builder.Op("Sub", a, b);

    public static Value operator *(Value a, Value b) => a.Builder.Op("Mul", a, b);

    public static Value operator /(Value a, Value b) => a.Builder.Op("Div", a, b);

    public static Value operator -(Value a) => a.Builder.Op("Neg", a);

    public static Value operator +(Value a, double b) => b == 0 ? a : a + a.Like(b);

    public static Value operator +(double a, Value b) => b + a;

    public static Value operator -(Value a, double b) => b == 0 ? a : a - a.Like(b);

    public static Value operator -(double a, Value b) => b.Like(a) - b;

    public static Value operator *(Value a, double b) => b == 1 ? a : b == -1 ? -a : a * a.Like(b);

    public static Value operator *(double a, Value b) => b * a;

    public static Value operator /(Value a, double b) => a * (1 / b);

    public static Value operator /(double a, Value b) => a == 1 ? b.Apply("Reciprocal") : b.Like(a) / b;

    public static Value operator >(Value a, Value b) => a.Builder.Op("Greater", a, b);

    public static Value operator <(Value a, Value b) => a.Builder.Op("Less", a, b);

    public static Value operator >(Value a, double b) => a > a.Like(b);

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
    public Value InWide(Func<Value, Value> apply) => ElementType == OnnxElementType.BFloat16 && Builder.Opset < 22
        ? apply(Cast(OnnxElementType.Float)).Cast(ElementType) : apply(this);

    /// <summary>1 where a truth value holds, 0 elsewhere, in the element type of another value.</summary>
    public Value AsNumber(Value like) => Cast(like.ElementType);
}
