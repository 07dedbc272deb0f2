using DiffeoNN.Onnx.Canonicalisation;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Progress over all images and, within a batch, its steps.</summary>
internal sealed class BatchProgress(ProgressLines lines) : IProgress<CanonicalisationProgress>
{
    private double _done;

    /// <summary>Runs an action and shows how far it is.</summary>
    /// <param name="console">Where that goes.</param>
    /// <param name="title">What is done.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="action">Reports to the progress it is given.</param>
    public static void Run(IAnsiConsole console, string title, int images, Action<BatchProgress> action) =>
        ProgressLines.Run(console, title, images, lines => action(new BatchProgress(lines)));

    /// <inheritdoc/>
    public void Report(CanonicalisationProgress value) =>
        lines.Value = _done + (value.Images * Math.Min(1, (value.Step + 1.0) / (value.Steps + 1)));

    /// <summary>A batch is finished.</summary>
    /// <param name="images">Images in it.</param>
    public void Complete(int images) => lines.Value = _done += images;
}
