namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>A copy of a model that computes in float64, for finite differences without noise.</summary>
internal static class DoublePrecision
{
    public static OnnxModel Of(OnnxModel model) => Precision.Of(model, OnnxElementType.Double);

    public static OnnxTensor Of(OnnxTensor tensor) => Precision.Of(tensor, OnnxElementType.Double);
}
