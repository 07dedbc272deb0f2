namespace DiffeoNN.Onnx.Imaging;

/// <summary>An image at the size that networks take, and the size it came from, which its answer will have.</summary>
/// <param name="Pixels">The resized image.</param>
/// <param name="Height">Rows it had, at least 2.</param>
/// <param name="Width">Columns it had, at least 2.</param>
public sealed record ScaledImage(ImageBuffer Pixels, int Height, int Width)
{
    /// <summary>The same image at the size and with the channels that the network which answers takes, where these are not
    /// <see cref="Pixels"/>'; null otherwise. Where it is missing, it is made of <see cref="Pixels"/>, which may hold less.</summary>
    public ImageBuffer? NetworkPixels { get; init; }

    /// <summary>What the file says of its orientation; <see cref="Pixels"/>, <see cref="Height"/> and <see cref="Width"/> follow it only
    /// where that was
    /// asked for.</summary>
    public ImageOrientation Orientation { get; init; } = ImageOrientation.Upright;
}
