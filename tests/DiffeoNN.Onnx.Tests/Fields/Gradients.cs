using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

/// <summary>Autograd against central differences, in double precision.</summary>
internal static class Gradients
{
    /// <summary>Checks the derivative of a random weighted sum of a function's outputs at every input element.</summary>
    public static void AssertAgree(torch.Tensor input, Func<torch.Tensor, torch.Tensor> function, int seed, double tolerance = 1e-6)
    {
        using var scope = torch.NewDisposeScope();
        var leaf = input.detach().clone().requires_grad_();
        var output = function(leaf);
        var random = new Random(seed);
        var upstream = torch.tensor(
            Enumerable.Range(0, (int)output.numel()).Select(_ => (2 * random.NextDouble()) - 1).ToArray(), output.shape);
        var gradient = torch.autograd.grad([output], [leaf], [upstream])[0].flatten().data<double>().ToArray();
        var values = input.contiguous().data<double>().ToArray();
        var scale = gradient.Max(Math.Abs);
        const double step = 1e-6;
        for (var i = 0; i < values.Length; i++)
        {
            double At(double delta)
            {
                using var inner = torch.NewDisposeScope();
                var moved = values.ToArray();
                moved[i] += delta;
                return (function(torch.tensor(moved, input.shape)) * upstream).sum().item<double>();
            }

            var expected = (At(step) - At(-step)) / (2 * step);
            Assert.That(gradient[i], Is.EqualTo(expected).Within(tolerance * scale),
                $"element {i} of {SamplingGrid.Shape(input)}, seed {seed}");
        }
    }
}
