namespace DiffeoNN.Onnx.Execution;

/// <summary>What runs ONNX graphs.</summary>
public enum EngineKind
{
    /// <summary>ONNX Runtime; gradients come from compiled backward graphs.</summary>
    OnnxRuntime,

    /// <summary>libtorch through TorchSharp; gradients come from libtorch's own differentiation.</summary>
    Torch,
}
