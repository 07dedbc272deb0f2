using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>How good one answer is.</summary>
/// <param name="Iou">Segmentation: mean intersection over union of the foreground classes; null for classifications.</param>
/// <param name="Dice">Segmentation: mean Dice coefficient of the foreground classes; null for classifications.</param>
/// <param name="Accuracy">Segmentation: share of pixels that are right; classification: 1 for the right class, else 0.</param>
/// <param name="Class">Classification: the class that was answered; null for segmentations.</param>
/// <param name="Probability">Classification: probability given to the true class; null for segmentations.</param>
public sealed record MethodScore(double? Iou, double? Dice, double Accuracy, int? Class, double? Probability)
{
    /// <summary>What the gap is measured by: IoU, or accuracy for classifications.</summary>
    public double Metric => Iou ?? Accuracy;

    /// <summary>What orders images from worst to best: IoU, or the probability of the true class.</summary>
    public double Rank => Iou ?? Probability!.Value;

    /// <summary>Compares an answer with the truth.</summary>
    /// <param name="answer">At the size of the truth.</param>
    /// <param name="mask">Segmentation: the truth; null for classifications.</param>
    /// <param name="label">Classification: the truth; null for segmentations.</param>
    /// <param name="classes">Number of classes.</param>
    internal static MethodScore Of(ModelOutput answer, LabelMap? mask, int? label, int classes)
    {
        if (mask is not null)
        {
            var score = SegmentationScore.Of(answer.Labels!, mask, classes);
            return new MethodScore(score.Iou, score.Dice, score.Accuracy, null, null);
        }

        return new MethodScore(null, null, answer.Class == label ? 1 : 0, answer.Class, ProbabilityOf(answer.Scores!, label!.Value));
    }

    /// <summary>The score itself where scores are probabilities, else their softmax; a single score is that of class 1.</summary>
    private static double ProbabilityOf(float[] scores, int label)
    {
        if (scores.Length == 1) return label == 1 ? scores[0] : 1 - scores[0];
        if (scores.All(score => score is >= 0 and <= 1) && Math.Abs(scores.Sum() - 1) < 1e-3) return scores[label];
        double largest = scores.Max();
        return Math.Exp(scores[label] - largest) / scores.Sum(score => Math.Exp(score - largest));
    }
}
