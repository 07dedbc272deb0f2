using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>One picture of a panel: an image and what is drawn over it.</summary>
/// <param name="Title">Written above the image.</param>
/// <param name="Image">One channel or three, values in [0, 1]; any size, scaled to the tile.</param>
public sealed record PanelTile(string Title, ImageBuffer Image)
{
    /// <summary>Classes drawn as tinted regions with outlines, class 0 left clear; any size of the image's proportions.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>The truth, drawn as white outlines only.</summary>
    public LabelMap? Reference { get; init; }

    /// <summary>A map whose grid lines are drawn over the dimmed image: each point p of a regular grid at p + u(p).</summary>
    public DeformationMap? Grid { get; init; }

    /// <summary>Points marked by dots, as (x, y) in the library's unit of the image.</summary>
    public IReadOnlyList<(double X, double Y)>? Points { get; init; }

    /// <summary>Frames, from (X0, Y0) to (X1, Y1) in the library's unit of the image, in the colour of a number from 1, with a text or
    /// none.</summary>
    public IReadOnlyList<(double X0, double Y0, double X1, double Y1, int Colour, string? Text)>? Boxes { get; init; }

    /// <summary>Text in the lower left corner, such as a class or a score.</summary>
    public string? Caption { get; init; }
}
