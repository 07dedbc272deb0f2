using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Metrics;

namespace DiffeoNN.Onnx.Tests.Metrics;

/// <summary>Measures against examples computed by hand.</summary>
public sealed class MetricsTests
{
    [Test]
    public void Score_LeavesIgnoredPixelsOut()
    {
        const byte I = LabelMap.Ignored;
        var truth = new LabelMap(1, 6, [1, 1, 0, I, I, 0]);
        var score = SegmentationScore.Of(new LabelMap(1, 6, [1, 0, 0, 1, 0, 0]), truth);
        Assert.That((score.Iou, score.Dice, score.Accuracy), Is.EqualTo((0.5, 2 / 3.0, 0.75)));
        Assert.That(SegmentationScore.Of(new LabelMap(1, 2, [1, 1]), new LabelMap(1, 2, [I, I])).Accuracy, Is.EqualTo(1));
        Assert.That(SegmentationScore.Of(new LabelMap(1, 1, [0]), new LabelMap(1, 1, [I]), 256).Accuracy, Is.Zero,
            "of 256 classes 255 is one");
    }

    [Test]
    public void Score_OfTwoClasses_MatchesHandCount()
    {
        // Foreground: 3 predicted, 2 actual, 2 in common.
        var score = SegmentationScore.Of(new LabelMap(2, 3, [1, 1, 1, 0, 0, 0]), new LabelMap(2, 3, [1, 1, 0, 0, 0, 0]));
        Assert.That(score.Iou, Is.EqualTo(2 / 3.0).Within(1e-15));
        Assert.That(score.Dice, Is.EqualTo(4 / 5.0).Within(1e-15));
        Assert.That(score.Accuracy, Is.EqualTo(5 / 6.0).Within(1e-15));
        Assert.That(score.IouPerClass[0], Is.EqualTo(3 / 4.0).Within(1e-15));
    }

    [Test]
    public void Score_OfThreeClasses_AveragesTheForeground()
    {
        var score = SegmentationScore.Of(new LabelMap(1, 6, [0, 1, 1, 2, 2, 2]), new LabelMap(1, 6, [0, 1, 2, 2, 2, 0]), 3);
        Assert.That(score.IouPerClass, Is.EqualTo(new[] { 1 / 2.0, 1 / 2.0, 2 / 4.0 }).Within(1e-15));
        Assert.That(score.DicePerClass, Is.EqualTo(new[] { 2 / 3.0, 2 / 3.0, 4 / 6.0 }).Within(1e-15));
        Assert.That(score.Iou, Is.EqualTo(0.5).Within(1e-15));
    }

    [Test]
    public void Score_OfTwoEmptyMasks_IsOne()
    {
        var empty = new LabelMap(2, 2, new byte[4]);
        var score = SegmentationScore.Of(empty, empty);
        Assert.That((score.Iou, score.Dice, score.Accuracy), Is.EqualTo((1.0, 1.0, 1.0)));
    }

    [Test]
    public void Score_OfDisjointMasks_IsZero()
    {
        var score = SegmentationScore.Of(new LabelMap(1, 2, [1, 0]), new LabelMap(1, 2, [0, 1]));
        Assert.That((score.Iou, score.Dice, score.Accuracy), Is.EqualTo((0.0, 0.0, 0.0)));
    }

    [Test]
    public void Score_RefusesOtherSizesAndLabels()
    {
        Assert.That(
            () => SegmentationScore.Of(new LabelMap(1, 2, [0, 0]), new LabelMap(2, 1, [0, 0])),
            Throws.ArgumentException.With.Message.Contains("prediction is 2x1 pixels, truth 1x2"));
        Assert.That(
            () => SegmentationScore.Of(new LabelMap(1, 2, [0, 2]), new LabelMap(1, 2, [0, 0])),
            Throws.ArgumentException.With.Message.Contains("Pixel 1 has labels 2"));
    }

    [Test]
    public void Summary_MatchesHandComputation()
    {
        var summary = SummaryStatistics.Of([4, 1, 3, 2]);
        Assert.That(summary, Is.EqualTo(new SummaryStatistics(4, 2.5, Math.Sqrt(5 / 3.0), 2.5, 1.75, 3.25)));
        Assert.That(SummaryStatistics.Of([7]), Is.EqualTo(new SummaryStatistics(1, 7, 0, 7, 7, 7)));
    }

    [Test]
    public void Summary_OfNothingOrNaN_IsRefused()
    {
        Assert.That(() => SummaryStatistics.Of([]), Throws.ArgumentException);
        Assert.That(() => SummaryStatistics.Of([1, double.NaN]), Throws.ArgumentException.With.Message.Contains("Value 1 is NaN"));
    }

    [Test]
    public void Accuracy_CountsRightAnswers()
    {
        Assert.That(Classification.Accuracy([1, 2, 3, 1], [1, 2, 0, 0]), Is.EqualTo(0.5));
        Assert.That(() => Classification.Accuracy([1], [1, 2]), Throws.ArgumentException);
    }
}
