namespace DiffeoNN.Onnx.Answers;

/// <summary>What the four numbers of a box are, by <see cref="CoordinateOrder"/> x or y first.</summary>
public enum BoxFormat
{
    /// <summary>Left, top, right, bottom.</summary>
    Xyxy,

    /// <summary>Column and row of the centre, width, height.</summary>
    Cxcywh,
}
