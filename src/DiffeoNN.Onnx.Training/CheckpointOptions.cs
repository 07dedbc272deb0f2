namespace DiffeoNN.Onnx.Training;

/// <summary>When a run writes down what it needs to go on.</summary>
/// <param name="Path">The file; replaced as a whole, so that it is never half written.</param>
/// <param name="Every">Steps between two checkpoints; one is written at the end and when the run is cancelled, too.</param>
public sealed record CheckpointOptions(string Path, int Every = 100);
