using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Models in the form that every source runs.</summary>
internal static class InlinedModel
{
    /// <summary>The model without functions, at the operator set that the second engine takes,
    /// so that all engines see the same nodes and names.</summary>
    public static OnnxModel Of(OnnxModel model)
    {
        var newest = model.Functions.Select(function => function.OpsetImports.GetValueOrDefault("", 0)).Append(model.Opset).Max();
        return OpsetConverter.Convert(model, (int)Math.Max(GradientCompiler.MinimumOpset, newest));
    }
}
