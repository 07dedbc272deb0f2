using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Draws tensors, and carries them to ONNX Runtime and back.</summary>
internal static class Drawn
{
    /// <summary>A value in the CPU's memory; the caller disposes it.</summary>
    public static OrtValue ToValue(OnnxTensor tensor)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)tensor.ElementType,
            [.. tensor.Dimensions]);
        tensor.Data.Span.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    /// <summary>A copy of a value that lies in the CPU's memory.</summary>
    public static OnnxTensor FromValue(string name, OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        return new OnnxTensor(name, (OnnxElementType)info.ElementDataType, info.Shape, value.GetTensorMutableRawData().ToArray());
    }

    /// <summary>Uniform numbers in [low, high).</summary>
    public static OnnxTensor Uniform(string name, Random random, double low, double high, params long[] shape) =>
        OnnxTensor.Create<float>(name, shape, [.. Draw(shape, () => (float)(low + ((high - low) * random.NextDouble())))]);

    /// <summary>Random normal numbers, by the method of Box and Muller.</summary>
    public static OnnxTensor Normal(string name, Random random, params long[] shape) => OnnxTensor.Create<float>(
        name, shape, [.. Draw(shape, () =>
            (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))]);

    /// <summary>Whole numbers in [low, high).</summary>
    public static OnnxTensor Int64s(string name, Random random, long low, long high, params long[] shape) =>
        OnnxTensor.Create<long>(name, shape, [.. Draw(shape, () => random.NextInt64(low, high))]);

    /// <summary>Whole numbers in [low, high).</summary>
    public static OnnxTensor Int32s(string name, Random random, int low, int high, params long[] shape) =>
        OnnxTensor.Create<int>(name, shape, [.. Draw(shape, () => random.Next(low, high))]);

    /// <summary>Truth values.</summary>
    public static OnnxTensor Bools(string name, Random random, params long[] shape) =>
        OnnxTensor.Create<bool>(name, shape, [.. Draw(shape, () => random.Next(2) == 1)]);

    private static IEnumerable<T> Draw<T>(long[] shape, Func<T> next)
    {
        var count = shape.Aggregate(1L, (product, size) => product * size);
        for (var i = 0L; i < count; i++) yield return next();
    }
}
