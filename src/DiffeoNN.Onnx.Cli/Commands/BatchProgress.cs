using DiffeoNN.Onnx.Canonicalisation;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Progress bar over all images and, within a batch, its steps.</summary>
internal sealed class BatchProgress(ProgressTask task) : IProgress<CanonicalisationProgress>
{
    private double _done;

    /// <summary>Runs an action under a bar.</summary>
    /// <param name="console">Where the bar goes.</param>
    /// <param name="title">Before the bar.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="action">Reports to the progress it is given.</param>
    public static void Run(IAnsiConsole console, string title, int images, Action<BatchProgress> action) =>
        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => action(new BatchProgress(context.AddTask(title, maxValue: images))));

    /// <inheritdoc/>
    public void Report(CanonicalisationProgress value) =>
        task.Value = _done + (value.Images * Math.Min(1, (value.Step + 1.0) / (value.Steps + 1)));

    /// <summary>A batch is finished.</summary>
    /// <param name="images">Images in it.</param>
    public void Complete(int images) => task.Value = _done += images;
}
