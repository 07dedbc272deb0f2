namespace DiffeoNN.Onnx.Rendering;

/// <summary>Sizes and texts of a panel.</summary>
public sealed record PanelOptions
{
    /// <summary>Longest side of a tile in pixels, at least 32.</summary>
    public int TileSize { get; init; } = 240;

    /// <summary>Grid lines along the longest side of a deformation.</summary>
    public int GridLines { get; init; } = 17;

    /// <summary>Written large on top; null for none.</summary>
    public string? Heading { get; init; }

    /// <summary>Whether only the first row shows titles: for rows of the same kind of tiles.</summary>
    public bool TitlesOnce { get; init; }

    /// <summary>Names of classes by their number; those that a tile shows are listed below with their colours, class 0 left out. Null for
    /// none.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Size of an image's tile in pixels.</summary>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    public (int Height, int Width) SizeOf(int height, int width)
    {
        var scale = TileSize / (double)Math.Max(height, width);
        return (Math.Max(1, (int)Math.Round(height * scale)), Math.Max(1, (int)Math.Round(width * scale)));
    }
}
