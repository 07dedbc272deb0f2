namespace DiffeoNN.Onnx.Answers;

/// <summary>How two answers for one image differ.</summary>
/// <param name="Iou">Of their regions; null where there are none.</param>
/// <param name="Flips">Share of pixels, or 0 or 1 for the whole image, of another class; null where there are no classes.</param>
internal sealed record AnswerDifference(double? Iou, double? Flips);
