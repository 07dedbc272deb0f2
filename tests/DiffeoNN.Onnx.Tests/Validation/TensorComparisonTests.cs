using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Errors of tensors, and verdicts that scale with magnitude and type.</summary>
[TestFixture]
public sealed class TensorComparisonTests
{
    [Test]
    public void Of_SmallTensors_GivesEveryMeasure()
    {
        var result = TensorComparison.Of(Floats([2, 2], 1, -2, 4, 0), Floats([2, 2], 1, -2.5f, 4, 0.001f));

        Assert.That(result.Magnitude, Is.EqualTo(4));
        Assert.That(result.LargestAbsoluteError, Is.EqualTo(0.5));
        Assert.That(result.LargestScaledError, Is.EqualTo(0.125));
        Assert.That(result.LargestRelativeError, Is.EqualTo(0.25)); // of -2; the zero does not count
        Assert.That(result.MeanError, Is.EqualTo(0.501 / 4).Within(1e-6));
        Assert.That(result.Cosine, Is.EqualTo(22 / Math.Sqrt(21) / Math.Sqrt(23.250001)).Within(1e-9));
        Assert.That(result.NormError, Is.EqualTo(Math.Sqrt(23.250001 / 21) - 1).Within(1e-9));
        Assert.That(result.Worst!.Index, Is.EqualTo(new long[] { 0, 1 }));
        Assert.That((result.Worst.Expected, result.Worst.Actual), Is.EqualTo((-2.0, -2.5)));
        Assert.That(result.Histogram.Exact, Is.EqualTo(2));
        Assert.That(result.Histogram.Counts[ErrorHistogram.Bin(0.125)], Is.EqualTo(1));
        Assert.That(result.Histogram.Counts[ErrorHistogram.Bin(0.00025)], Is.EqualTo(1));
        Assert.That(result.Histogram.Counts.Sum() + result.Histogram.Exact, Is.EqualTo(4));
        Assert.That(result.Agrees, Is.False);
    }

    [TestCase(1e-12, "below 1e-10")]
    [TestCase(2e-10, "1e-10 to 1e-9")]
    [TestCase(5e-5, "1e-5 to 1e-4")]
    [TestCase(0.3, "0.1 to 1")]
    [TestCase(1, "1 and above")]
    [TestCase(1e6, "1 and above")]
    public void Bin_OfAnError_HoldsIt(double error, string label) =>
        Assert.That(ErrorHistogram.Label(ErrorHistogram.Bin(error)), Is.EqualTo(label));

    [Test]
    public void Of_TheSameRelativeError_HasOneVerdictAtAnyMagnitude([Values(1e-3, 1, 1e5)] double magnitude)
    {
        Assert.That(Scaled(5e-5).Agrees, Is.True);
        Assert.That(Scaled(5e-4).Agrees, Is.False);

        TensorComparison Scaled(double error) => TensorComparison.Of(
            Floats([2], (float)magnitude, 0), Floats([2], (float)magnitude, (float)(error * magnitude)));
    }

    [TestCase(OnnxElementType.Double, 1e-7, false)]
    [TestCase(OnnxElementType.Float, 1e-5, true)]
    [TestCase(OnnxElementType.Float, 1e-3, false)]
    [TestCase(OnnxElementType.Float16, 5e-3, true)]
    [TestCase(OnnxElementType.Float16, 5e-2, false)]
    [TestCase(OnnxElementType.BFloat16, 5e-2, true)]
    [TestCase(OnnxElementType.BFloat16, 0.3, false)]
    public void Of_ATypesPrecision_BoundsTheError(OnnxElementType type, double error, bool agrees)
    {
        var expected = OnnxTensor.FromDoubles("x", type, [2], [1, 0.5]);
        Assert.That(TensorComparison.Of(expected, OnnxTensor.FromDoubles("x", type, [2], [1 + error, 0.5])).Agrees, Is.EqualTo(agrees));
        // The less precise of two types counts: a reference in float64 does not make float16 exact.
        var exact = OnnxTensor.FromDoubles("x", OnnxElementType.Double, [2], [1, 0.5]);
        Assert.That(TensorComparison.Of(exact, OnnxTensor.FromDoubles("x", type, [2], [1 + error, 0.5])).Agrees, Is.EqualTo(agrees));
    }

    [Test]
    public void Of_WholeNumbersAndTruthValues_AsksForEquality()
    {
        Assert.That(TensorComparison.Of(OnnxTensor.Int64s("n", 1, 1_000_000), OnnxTensor.Int64s("n", 1, 1_000_001)).Agrees, Is.False);
        Assert.That(TensorComparison.Of(OnnxTensor.Int64s("n", 1, 7), OnnxTensor.Int64s("n", 1, 7)).Agrees, Is.True);
        Assert.That(
            TensorComparison.Of(OnnxTensor.Create<bool>("b", [2], [true, false]), OnnxTensor.Create<bool>("b", [2], [true, true])).Agrees,
            Is.False);
    }

    [Test]
    public void Of_InfinitiesAndNaN_AgreeOnlyWithThemselves()
    {
        var expected = Floats([4], float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1);
        Assert.That(TensorComparison.Of(expected, expected).Agrees, Is.True);

        var result = TensorComparison.Of(expected, Floats([4], float.NaN, float.PositiveInfinity, float.PositiveInfinity, float.NaN));

        Assert.That(result.Agrees, Is.False);
        Assert.That(result.NonFiniteMismatches, Is.EqualTo(2));
        Assert.That(result.Histogram.NonFinite, Is.EqualTo(2));
        Assert.That(result.LargestAbsoluteError, Is.EqualTo(double.PositiveInfinity));
        Assert.That(result.Worst!.Index, Is.EqualTo(new long[] { 2 }));
    }

    [Test]
    public void Of_OtherShapesOrKinds_SaysSo()
    {
        var result = TensorComparison.Of(Floats([2], 1, 2), Floats([1, 2], 1, 2));
        Assert.That(result.Problem, Is.EqualTo("shape [1,2]; expected [2]"));
        Assert.That(result.Agrees, Is.False);
        Assert.That(TensorComparison.Of(Floats([1], 1), OnnxTensor.Int64s("n", 1)).Problem, Does.StartWith("element type int64"));
        Assert.That(TensorComparison.Of(Floats([0]), Floats([0])).Agrees, Is.True);
    }

    [Test]
    public void Of_Gradients_JudgesDirectionAndLengthNotSingleElements()
    {
        var random = new Random(4);
        var values = Enumerable.Range(0, 100_000).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
        var kink = (float[])values.Clone();
        kink[7] += 0.2f;
        Assert.That(Gradient(values, kink).Agrees, Is.True);
        Assert.That(Gradient(values, [.. values.Select(value => -value)]).Agrees, Is.False);
        Assert.That(Gradient(values, [.. values.Select(value => 1.01f * value)]).Agrees, Is.False, "a factor has cosine 1");
        Assert.That(Gradient(values, [.. values.Select((value, i) => i % 50 == 0 ? 0 : value)]).Agrees, Is.False);
        Assert.That(Gradient(new float[3], new float[3]).Agrees, Is.True);
        Assert.That(Gradient(new float[3], [1, 0, 0]).Agrees, Is.False);

        static TensorComparison Gradient(float[] expected, float[] actual) =>
            TensorComparison.Of(
                Floats([expected.Length], expected), Floats([actual.Length], actual), Tolerance.OfGradient(OnnxElementType.Float));
    }

    private static OnnxTensor Floats(long[] shape, params float[] values) => OnnxTensor.Create<float>("x", shape, values);
}
