namespace DiffeoNN.Onnx.Imaging;

/// <summary>The EXIF tag Orientation: what the stored rows and columns are to whoever looks at the image.</summary>
public enum ImageOrientation
{
    /// <summary>Stored as it is looked at.</summary>
    Upright = 1,

    /// <summary>Mirrored left to right.</summary>
    Mirrored = 2,

    /// <summary>Turned by 180 degrees.</summary>
    HalfTurn = 3,

    /// <summary>Mirrored top to bottom.</summary>
    Flipped = 4,

    /// <summary>Rows and columns exchanged.</summary>
    Transposed = 5,

    /// <summary>To be turned clockwise by 90 degrees.</summary>
    QuarterTurnClockwise = 6,

    /// <summary>Rows and columns exchanged, and turned by 180 degrees.</summary>
    Transversed = 7,

    /// <summary>To be turned anticlockwise by 90 degrees.</summary>
    QuarterTurnAnticlockwise = 8,
}
