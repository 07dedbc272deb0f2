namespace DiffeoNN.Onnx.Answers;

/// <summary>What answers are compared with.</summary>
public enum TruthForm
{
    /// <summary>Nothing: such answers have no score.</summary>
    None,

    /// <summary>A class for each pixel.</summary>
    Mask,

    /// <summary>A class of the image.</summary>
    Label,

    /// <summary>Numbers of the image.</summary>
    Numbers,

    /// <summary>Points in an order.</summary>
    Points,

    /// <summary>Boxes, with or without classes.</summary>
    Boxes,
}
