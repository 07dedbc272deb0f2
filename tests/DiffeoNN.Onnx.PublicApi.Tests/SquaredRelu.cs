using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>A model with an operator that nobody knows: y = 3 * max(x, 0)^2 of three numbers.</summary>
internal static class SquaredRelu
{
    public static OnnxModel Model()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17, ["com.example"] = 1 } };
        model.Graph.Name = "squared";
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3]));
        model.Graph.Nodes.Add(new OnnxNode("SquaredRelu", ["x"], ["y"], OnnxAttribute.Of("factor", 3f))
            { Domain = "com.example", Name = "squared" });
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [3]));
        return model;
    }

    /// <summary>The gradient of x that a session of the compiled model gives.</summary>
    public static float[] Run(InferenceSession session, float[] x, float[] upstream)
    {
        using var options = new RunOptions();
        using var input = OrtValue.CreateTensorValueFromMemory(x, [3]);
        using var gradient = OrtValue.CreateTensorValueFromMemory(upstream, [3]);
        using var results = session.Run(options, ["x", "y_grad"], [input, gradient], ["x_grad"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
