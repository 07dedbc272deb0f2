using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Validation;

/// <summary>What a file says of one image.</summary>
/// <param name="Answer">As the library has it.</param>
/// <param name="Energy">Before and after; null where the file does not give it.</param>
/// <param name="Maps">How many count; null likewise.</param>
internal sealed record ExportedRow(ModelOutput Answer, float[]? Energy, int? Maps);
