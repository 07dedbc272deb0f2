namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Names of the sources that a validation compares, as reports and <see cref="ValidationOptions.Sources"/> write them.</summary>
public static class ValidationSources
{
    /// <summary>PyTorch, from reference tensors.</summary>
    public const string PyTorch = "pytorch";

    /// <summary>ONNX Runtime with basic optimisations: every operator is still itself.</summary>
    public const string OnnxRuntimeBasic = "onnxruntime-basic";

    /// <summary>ONNX Runtime with all optimisations: operators are fused, as the library runs them.</summary>
    public const string OnnxRuntime = "onnxruntime";

    /// <summary>The graph on libtorch; for gradients, libtorch's own autograd.</summary>
    public const string Torch = "torch";

    /// <summary>Gradients only: the backward graph this library compiles, in ONNX Runtime.</summary>
    public const string Compiled = "compiled";

    /// <summary>Gradients only: finite differences along random directions.</summary>
    public const string Differences = "differences";

    /// <summary>Those that can be chosen; the compiled gradient goes with ONNX Runtime.</summary>
    public static IReadOnlyList<string> All { get; } = [PyTorch, OnnxRuntimeBasic, OnnxRuntime, Torch];
}
