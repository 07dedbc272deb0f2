using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

/// <summary>The sine network against loops in double precision.</summary>
public sealed class SirenTests
{
    private static readonly SamplingGrid Grid = new(20, 36);

    [Test]
    public void Evaluate_AgreesWithTheDoublePrecisionReference()
    {
        using var scope = torch.NewDisposeScope();
        using var siren = new Siren(2, 5, 9, Grid, seed: 3, torch.CPU);
        var initial = Weights(siren, 0);
        var random = new Random(4);
        using (torch.no_grad())
        {
            foreach (var parameter in siren.Parameters)
            {
                var steps = Enumerable.Range(0, (int)parameter[1].numel()).Select(_ => (float)((random.NextDouble() - 0.5) / 8)).ToArray();
                parameter[1].add_(torch.tensor(steps, parameter[1].shape));
            }
        }

        var output = FieldFixtures.Planes(siren.Evaluate().detach(), 1);
        var moved = Weights(siren, 1);
        // 5 x 9 nodes with corners on the image's: x from -1 to 1, y from -19/35 to 19/35.
        var expected = Enumerable.Range(0, 2).Select(component => ReferenceFields.Fill(5, 9, (row, column) =>
        {
            double[] place = [-1 + (column / 4.0), (19 / 35.0) * (-1 + (row / 2.0))];
            return Network(moved, place)[component] - Network(initial, place)[component];
        })).ToArray();
        Assert.That(FieldFixtures.RelativeError(output, expected), Is.LessThan(2e-5));
    }

    [Test]
    public void InitialWeights_AreDrawnInOrderFromOneSeed()
    {
        using var scope = torch.NewDisposeScope();
        using var siren = new Siren(1, 4, 4, new SamplingGrid(16, 16), seed: 7, torch.CPU);
        var random = new SplitMix64(7);
        int[] fanIns = [2, 2, 256, 256, 256, 256, 256, 256];
        for (var i = 0; i < fanIns.Length; i++)
        {
            var bound = Math.Sqrt(6.0 / fanIns[i]);
            var parameter = siren.Parameters[i];
            var expected = Enumerable.Range(0, (int)parameter.numel()).Select(_ => (float)random.Uniform(-bound, bound)).ToArray();
            Assert.That(parameter.flatten().data<float>().ToArray(), Is.EqualTo(expected), $"parameter {i}");
        }
    }

    private static double[][] Weights(Siren siren, int image) => [.. siren.Parameters.Select(parameter =>
        parameter[image].detach().flatten().to_type(torch.ScalarType.Float64).data<double>().ToArray())];

    /// <summary>0.0036162 (W4 h3 + b4), h1 = sin(1.5965 (W1 p + b1)), h2 = h1 + sin(W2 h1 + b2), h3 = h2 + sin(W3 h2 + b3).</summary>
    private static double[] Network(double[][] weights, double[] place)
    {
        var h = Array.ConvertAll(Layer(weights[0], weights[1], place), value => Math.Sin(1.5965 * value));
        foreach (var block in new[] { 2, 4 })
            h = [.. h.Zip(Layer(weights[block], weights[block + 1], h), (value, inner) => value + Math.Sin(inner))];
        return Array.ConvertAll(Layer(weights[6], weights[7], h), value => 0.0036162 * value);
    }

    private static double[] Layer(double[] matrix, double[] bias, double[] input) => [.. bias.Select((b, row) =>
        b + input.Select((value, column) => matrix[(row * input.Length) + column] * value).Sum())];
}
