using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training;

/// <content>Nodes between the networks and the terms.</content>
public sealed partial class ObjectiveBuilder
{
    /// <summary>Adds a node of one output.</summary>
    /// <param name="opType">An operator of ONNX.</param>
    /// <param name="inputs">The values it reads; empty names for absent ones.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <returns>The value it makes.</returns>
    public string Op(string opType, ReadOnlySpan<string> inputs, params OnnxAttribute[] attributes) =>
        _writer.Op(opType, inputs, attributes);

    /// <summary>a + b.</summary>
    /// <param name="a">A value.</param>
    /// <param name="b">A value.</param>
    public string Add(string a, string b) => _writer.Add(a, b);

    /// <summary>a - b.</summary>
    /// <param name="a">A value.</param>
    /// <param name="b">A value.</param>
    public string Sub(string a, string b) => _writer.Sub(a, b);

    /// <summary>a * b, element by element.</summary>
    /// <param name="a">A value.</param>
    /// <param name="b">A value.</param>
    public string Mul(string a, string b) => _writer.Mul(a, b);

    /// <summary>A value times a number.</summary>
    /// <param name="value">The value.</param>
    /// <param name="factor">The number.</param>
    public string Mul(string value, double factor) => _writer.Mul(value, factor);

    /// <summary>Mean of all elements, one number.</summary>
    /// <param name="value">The value.</param>
    public string Mean(string value) => _writer.Op("ReduceMean", [value], OnnxAttribute.Of("keepdims", 0L));

    /// <summary>Sums of all elements but those of the first axis: one number for each item of a batch.</summary>
    /// <param name="value">(N, ...).</param>
    /// <returns>(N).</returns>
    public string SumOfItems(string value) => _writer.Reduce("ReduceSum", _writer.Reshape(value, 0, -1), false, 1);

    /// <summary>A constant float32 number.</summary>
    /// <param name="value">The number.</param>
    public string Scalar(double value) => _writer.Scalar(value);

    /// <summary>A constant vector of int64.</summary>
    /// <param name="values">The numbers.</param>
    public string Integers(params long[] values) => _writer.Ints(values);

    /// <summary>A constant float32 tensor.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="values">Its numbers.</param>
    public string Constant(long[] shape, ReadOnlySpan<float> values) => _writer.Floats(shape, values);
}
