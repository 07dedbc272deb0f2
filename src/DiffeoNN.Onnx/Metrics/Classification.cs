namespace DiffeoNN.Onnx.Metrics;

/// <summary>Measures of class predictions.</summary>
public static class Classification
{
    /// <summary>Share of predictions that are right, in [0, 1].</summary>
    /// <param name="predictions">Predicted classes.</param>
    /// <param name="truth">Actual classes, as many, at least one.</param>
    /// <exception cref="ArgumentException">The lengths differ or are 0.</exception>
    public static double Accuracy(ReadOnlySpan<int> predictions, ReadOnlySpan<int> truth)
    {
        if (predictions.Length != truth.Length || truth.Length == 0)
            throw new ArgumentException(
                $"There are {predictions.Length} predictions and {truth.Length} labels; expected as many, at least one.",
                nameof(predictions));
        var right = 0;
        for (var i = 0; i < truth.Length; i++)
            if (predictions[i] == truth[i])
                right++;
        return right / (double)truth.Length;
    }
}
