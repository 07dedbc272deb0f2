using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Tests.Evaluation;

/// <summary>The number of holes of a digit; '#' is ink.</summary>
public sealed class GenusTests
{
    [TestCase(0, "......", "..##..", "..##..", "......", TestName = "a stroke")]
    [TestCase(0, ".####.", ".#..#.", ".#..#.", ".#..#.", TestName = "an open loop")]
    [TestCase(1, ".####.", ".#..#.", ".#..#.", ".####.", TestName = "a loop")]
    [TestCase(2, "#######", "#..#..#", "#..#..#", "#######", TestName = "two loops")]
    [TestCase(2, "##########", "#..#..#..#", "#..#..#..#", "##########", TestName = "more than two count as two")]
    [TestCase(0, "#####.", "#...#.", "#####.", "......", TestName = "a gap of three pixels is no hole")]
    [TestCase(1, "..##..", ".#..#.", ".#..#.", "..##..", TestName = "ink is connected diagonally")]
    [TestCase(2, "######", "#..###", "#..###", "###..#", "###..#", "######", TestName = "ground is not connected diagonally")]
    [TestCase(0, "#####.", "#..##.", "#.....", "######", TestName = "a gap at the border opens")]
    public void Of_CountsHoles(int expected, params string[] rows)
    {
        var image = new ImageBuffer(
            1, rows.Length, rows[0].Length, [.. string.Concat(rows).Select(letter => letter == '#' ? 64 / 255f : 63 / 255f)]);
        Assert.That(Genus.Of(image), Is.EqualTo(expected));
    }

    [Test]
    public void Of_MnistTestDigits_GivesTheLabelsOfThePlainRule()
    {
        var path = Repository.Shared("data/mnist");
        var data = new MnistData(path, new EvaluationTask(OutputKind.Classification, 3), new EvaluationSelection { Count = 8000 });
        int[] labels = [.. Enumerable.Range(0, data.Count).Select(i => data.Read(i).Label!.Value)];
        // Counted and hashed by a few lines of Python that follow the rule as it is written, ring of background included.
        Assert.That(labels.Length, Is.EqualTo(8000));
        Assert.That(Enumerable.Range(0, 3).Select(genus => labels.Count(label => label == genus)), Is.EqualTo(new[] { 5112, 2398, 490 }));
        Assert.That(labels.Aggregate(0, (hash, label) => ((hash * 31) + label) % 1000003), Is.EqualTo(578022));
    }
}
