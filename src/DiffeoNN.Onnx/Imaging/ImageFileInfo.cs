namespace DiffeoNN.Onnx.Imaging;

/// <summary>What an image file holds.</summary>
/// <param name="Channels">1 for grey files, 3 (red, green, blue) for all others.</param>
/// <param name="Height">Rows as they are stored.</param>
/// <param name="Width">Columns as they are stored.</param>
public sealed record ImageFileInfo(int Channels, int Height, int Width)
{
    /// <summary>How the file says it should be turned to be looked at.</summary>
    public ImageOrientation Orientation { get; init; } = ImageOrientation.Upright;

    /// <summary>Pages of a TIFF file, frames of a GIF or WebP; only the first is read.</summary>
    public int Pages { get; init; } = 1;
}
