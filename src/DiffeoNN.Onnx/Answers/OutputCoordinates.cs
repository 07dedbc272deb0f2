namespace DiffeoNN.Onnx.Answers;

/// <summary>What the coordinates of points and boxes count, in the image that the network sees.</summary>
public enum OutputCoordinates
{
    /// <summary>The library's unit, half the distance of the outermost pixels of the longest side; the origin is the image's
    /// centre.</summary>
    Centred,

    /// <summary>Pixels; the origin is the centre of the top left pixel.</summary>
    Pixels,

    /// <summary>Pixels; the origin is the outer corner of the top left pixel, so that the image ends at its width and height.</summary>
    Edges,

    /// <summary>Widths and heights of the image; the origin is the outer corner of the top left pixel, so that the image ends at
    /// 1.</summary>
    Unit,
}
