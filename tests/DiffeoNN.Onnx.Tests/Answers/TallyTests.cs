using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>Answers of several images in words.</summary>
public sealed class TallyTests
{
    [Test]
    public void Classes_AreCounted_TheCommonestFirst()
    {
        var tally = new AnswerTally();
        foreach (var (label, alone) in new[] { (0, 1), (2, 2), (2, 0), (2, 2) }) tally.Add(Class(label), Class(alone));
        Assert.That(tally.Lines, Is.EqualTo(new[] { "dog 3, cat 1; 2 of 4 otherwise than by the network alone" }));

        var without = new AnswerTally();
        without.Add(Class(1) with { ClassNames = null }, null);
        Assert.That(without.Lines, Is.EqualTo(new[] { "class 1 1" }));
        Assert.That(new AnswerTally().Lines, Is.Empty, "of no image");
    }

    [Test]
    public void Numbers_AreToldByMeanAndRange()
    {
        var tally = new AnswerTally();
        tally.Add(Numbers(1, -4), Numbers(1, -5));
        tally.Add(Numbers(2, 0.5f), Numbers(2, 0.5f));
        Assert.That(tally.Lines, Is.EqualTo(new[]
        {
            "mean and range 1.5 [1, 2], -1.75 [-4, 0.5]; off those of the network alone by 0.25 on average",
        }));
        var many = new AnswerTally();
        many.Add(Numbers(1, 2, 3, 4, 5), null);
        Assert.That(many.Lines, Is.EqualTo(new[] { "mean and range 1 [1, 1], 2 [2, 2], 3 [3, 3] and 2 more" }));
    }

    [Test]
    public void PointsAndBoxes_AreCounted_ByTheNamesOfSeveralOutputs()
    {
        var tally = new AnswerTally();
        for (var i = 0; i < 2; i++) tally.Add(Both(i, 0.75f, 0.25f), Both(0, 0.75f, i == 0 ? 0.25f : 0.5f));
        Assert.That(tally.Lines, Is.EqualTo(new[]
        {
            "eyes: 2 points an image; off those of the network alone by 2.5 pixels on average",
            "things: 2 boxes with scores from 0.5; more or fewer than by the network alone in 1 of 2 images",
        }));
    }

    [Test]
    public void Segmentations_AreLookedAt()
    {
        var tally = new AnswerTally();
        tally.Add(new ModelOutput { Kind = OutputKind.Segmentation, Height = 2, Width = 2 }, null);
        Assert.That(tally.Lines, Is.Empty);
    }

    private static ModelOutput Class(int label) => new()
    {
        Kind = OutputKind.Classification, Height = 2, Width = 2, ClassNames = ["cat", "cow", "dog"],
        Scores = [.. Enumerable.Range(0, 3).Select(i => i == label ? 1f : 0)],
    };

    private static ModelOutput Numbers(params float[] numbers) =>
        new() { Kind = OutputKind.Regression, Height = 2, Width = 2, Numbers = numbers };

    /// <summary>Two points, moved 5 pixels a step, and boxes of these scores.</summary>
    private static ModelOutput Both(int step, params float[] scores) => new()
    {
        Kind = OutputKind.Points, Name = "eyes", Height = 9, Width = 9, Points = [(3 * step, 4 * step), (1 + (3 * step), 4 * step)],
        Further =
        [
            new()
            {
                Kind = OutputKind.Boxes, Name = "things", Height = 9, Width = 9,
                Boxes = [.. scores.Select(score => new AnswerBox(0, 0, 3, 3) { Score = score })],
            },
        ],
    };
}
