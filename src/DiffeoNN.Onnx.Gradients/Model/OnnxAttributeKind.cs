namespace DiffeoNN.Onnx.Gradients;

/// <summary>What an attribute holds, numbered as the format numbers it.</summary>
public enum OnnxAttributeKind
{
    /// <summary>Nothing.</summary>
    Undefined = 0,

    /// <summary>One float.</summary>
    Float = 1,

    /// <summary>One integer.</summary>
    Int = 2,

    /// <summary>One text.</summary>
    String = 3,

    /// <summary>One tensor.</summary>
    Tensor = 4,

    /// <summary>One graph (a branch or a loop's body).</summary>
    Graph = 5,

    /// <summary>A list of floats.</summary>
    Floats = 6,

    /// <summary>A list of integers.</summary>
    Ints = 7,

    /// <summary>A list of texts.</summary>
    Strings = 8,

    /// <summary>A list of tensors.</summary>
    Tensors = 9,

    /// <summary>A list of graphs.</summary>
    Graphs = 10,

    /// <summary>One sparse tensor.</summary>
    SparseTensor = 11,

    /// <summary>A list of sparse tensors.</summary>
    SparseTensors = 12,

    /// <summary>One type.</summary>
    Type = 13,

    /// <summary>A list of types.</summary>
    Types = 14,
}
