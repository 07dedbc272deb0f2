namespace DiffeoNN.Onnx.Rendering;

/// <summary>One box of a box plot.</summary>
/// <param name="Name">Written below it.</param>
/// <param name="Values">At least one, all finite.</param>
public sealed record BoxPlotSeries(string Name, IReadOnlyList<double> Values);
