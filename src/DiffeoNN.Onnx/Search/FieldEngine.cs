namespace DiffeoNN.Onnx.Search;

/// <summary>What computes fields: the velocity at every pixel, its exponential, warps, regularisers, and their gradients.</summary>
public enum FieldEngine
{
    /// <summary>ONNX graphs where the networks run on a GPU and libtorch holds no tensors there, else libtorch.</summary>
    Auto,

    /// <summary>libtorch, through its own differentiation; on the CPU, or on a GPU that libtorch can use.</summary>
    Torch,

    /// <summary>Graphs in standard ONNX operators, run by ONNX Runtime on the device of the networks; gradients are compiled.</summary>
    Onnx,
}
