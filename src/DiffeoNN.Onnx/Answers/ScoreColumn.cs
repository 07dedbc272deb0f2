namespace DiffeoNN.Onnx.Answers;

/// <summary>A column of the table that an evaluation prints.</summary>
/// <param name="Heading">Above it.</param>
/// <param name="Measure">Name of what is measured.</param>
/// <param name="Statistic">Which number over the images.</param>
public sealed record ScoreColumn(string Heading, string Measure, ScoreStatistic Statistic = ScoreStatistic.Mean);
