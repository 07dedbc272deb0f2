namespace DiffeoNN.Onnx.Imaging;

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
}
