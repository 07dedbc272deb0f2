namespace DiffeoNN.Onnx.Answers;

/// <summary>Which coordinate of a point comes first.</summary>
public enum CoordinateOrder
{
    /// <summary>Column, then row.</summary>
    Xy,

    /// <summary>Row, then column.</summary>
    Yx,
}
