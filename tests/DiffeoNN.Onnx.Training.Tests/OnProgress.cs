using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Progress of a fit on the thread that reports it.</summary>
/// <param name="report">Told of it.</param>
internal sealed class OnProgress(Action<FitProgress> report) : IProgress<FitProgress>
{
    public void Report(FitProgress value) => report(value);
}
