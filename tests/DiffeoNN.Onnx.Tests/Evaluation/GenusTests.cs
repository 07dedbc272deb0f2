using DiffeoNN.Onnx.Bundles;
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
    [TestCase(0, "#####.", "#..##.", "#.....", "######", TestName = "a gap at the border opens")]
    public void Of_CountsHoles(int expected, params string[] rows)
    {
        var image = new ImageBuffer(1, rows.Length, rows[0].Length, [.. string.Concat(rows).Select(letter => letter == '#' ? 64 / 255f : 63 / 255f)]);
        Assert.That(Genus.Of(image), Is.EqualTo(expected));
    }

    [Test]
    public void Of_MnistDigits_AgreesWithWhatTheyUsuallyHave()
    {
        string path = Repository.Shared("data/mnist");
        var data = new MnistData(path, new EvaluationTask(OutputKind.Classification, 3), new EvaluationSelection { Split = "train", Count = 5000 });
        byte[] digits = IdxFile.Read(Path.Combine(path, "train-labels-idx1-ubyte.gz"), 1).Values;
        int[] usual = [1, 0, -1, 0, -1, 0, 1, 0, 2, 1];
        var counted = Enumerable.Range(0, data.Count).Where(i => usual[digits[i]] >= 0).ToList();
        double share = counted.Count(i => data.Read(i).Label == usual[digits[i]]) / (double)counted.Count;
        TestContext.Out.WriteLine($"{share:F4} of {counted.Count} digits other than 2 and 4");
        Assert.That(share, Is.GreaterThan(0.8));
    }
}
