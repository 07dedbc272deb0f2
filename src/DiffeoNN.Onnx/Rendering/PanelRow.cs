namespace DiffeoNN.Onnx.Rendering;

/// <summary>A row of tiles.</summary>
/// <param name="Tiles">From left to right, at least one.</param>
/// <param name="Footer">Lines of text below the row, separated by '\n'; null for none.</param>
public sealed record PanelRow(IReadOnlyList<PanelTile> Tiles, string? Footer = null);
