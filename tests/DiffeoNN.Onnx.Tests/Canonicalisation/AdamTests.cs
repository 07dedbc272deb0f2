using DiffeoNN.Onnx.Canonicalisation;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class AdamTests
{
    [Test]
    public void Steps_AgreeWithThePublishedRecursion()
    {
        using var scope = torch.NewDisposeScope();
        var random = new Random(1);
        var parameter = torch.tensor(new[] { 1f, -2f, 3f }).view(3, 1);
        double[] expected = [1, -2, 3], m = new double[3], s = new double[3];
        using var adam = new Adam([parameter], 0.1);
        for (var step = 1; step <= 20; step++)
        {
            var g = Enumerable.Range(0, 3).Select(_ => (random.NextDouble() * 4) - 2).ToArray();
            adam.Step([parameter], [torch.tensor(g.Select(value => (float)value).ToArray()).view(3, 1)]);
            for (var i = 0; i < 3; i++)
            {
                m[i] = (0.9 * m[i]) + (0.1 * g[i]);
                s[i] = (0.999 * s[i]) + (0.001 * g[i] * g[i]);
                expected[i] -= 0.1 * (m[i] / (1 - Math.Pow(0.9, step))) / (Math.Sqrt(s[i] / (1 - Math.Pow(0.999, step))) + 1e-8);
            }
        }

        Assert.That(parameter.data<float>().ToArray().Select(value => (double)value), Is.EqualTo(expected).Within(1e-5));
    }

    [Test]
    public void Epsilon_CountsWhereGradientsAreAsSmall()
    {
        // With g the same at every step both corrected moments are g and g^2: each step is 0.1 g / (g + 1e-8).
        using var scope = torch.NewDisposeScope();
        float[] g = [1e-8f, 4e-8f, 1e-9f];
        var (parameter, gradient) = (torch.zeros(3, 1), torch.tensor(g).view(3, 1));
        using var adam = new Adam([parameter], 0.1);
        for (var step = 1; step <= 5; step++)
        {
            adam.Step([parameter], [gradient]);
            Assert.That(parameter.data<float>().ToArray().Select(value => (double)value),
                Is.EqualTo(g.Select(value => -step * 0.1 * value / (value + 1e-8))).Within(0.01).Percent, $"step {step}");
        }
    }

    [Test]
    public void Select_KeepsTheMomentsOfTheChosenRows()
    {
        using var scope = torch.NewDisposeScope();
        var (all, kept) = (torch.zeros(3, 2), torch.zeros(2, 2));
        var (first, second) =
            (torch.tensor(new[] { 1f, 2f, 3f, 4f, 5f, 6f }).view(3, 2), torch.tensor(new[] { -3f, 1f, 2f, -1f, 4f, 1f }).view(3, 2));
        var rows = torch.tensor(new long[] { 0, 2 });
        using var whole = new Adam([all], 0.1);
        using var part = new Adam([all.clone()], 0.1);
        var copy = torch.zeros(3, 2);
        whole.Step([all], [first]);
        part.Step([copy], [first]);
        part.Select(rows);
        kept.copy_(copy.index_select(0, rows));
        whole.Step([all], [second]);
        part.Step([kept], [second.index_select(0, rows)]);
        Assert.That((all.index_select(0, rows) - kept).abs().max().item<float>(), Is.Zero);
    }
}
