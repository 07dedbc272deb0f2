using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Sampling as one operator beside gathers, whose gradients are scatters, and beside a slow reference in double.</summary>
public sealed class SamplingTests
{
    private const int Height = 21;
    private const int Width = 17;
    private const int Pixels = Height * Width;

    private static IEnumerable<TestCaseData> Cases() =>
        from padding in Enum.GetValues<WarpPadding>()
        from reach in new[] { 0.1, 1.5 }
        from channels in new[] { 1, 3 }
        select new TestCaseData(padding, reach, channels);

    [TestCaseSource(nameof(Cases))]
    public void Operator_GivesWhatGathersGive(WarpPadding padding, double reach, int channels)
    {
        using var scope = torch.NewDisposeScope();
        var data = Data(channels, reach);
        var (gathers, ours) = (Run(SamplingForm.Gathers, padding, channels, data), Run(SamplingForm.Operator, padding, channels, data));
        Assert.Multiple(() =>
        {
            Assert.That(ours["y"].data<float>().ToArray(), Is.EqualTo(gathers["y"].data<float>().ToArray()), "values have the same bits");
            foreach (var name in new[] { "image_grad", "displacement_grad" })
            {
                var largest = gathers[name].abs().max().item<float>();
                Assert.That((ours[name] - gathers[name]).abs().max().item<float>(), Is.LessThan(2e-6f * largest), name);
                Assert.That(largest, Is.GreaterThan(0));
            }
        });
    }

    [TestCaseSource(nameof(Cases))]
    public void Gradient_IsTheReferences(WarpPadding padding, double reach, int channels)
    {
        using var scope = torch.NewDisposeScope();
        var data = Data(channels, reach);
        var results = Run(SamplingForm.Operator, padding, channels, data);
        var (image, displacement) = Reference(padding, channels, data);
        Assert.Multiple(() =>
        {
            Assert.That(results["image_grad"].data<float>().ToArray(), Is.EqualTo(image).Within(1e-4));
            Assert.That(results["displacement_grad"].data<float>().ToArray(), Is.EqualTo(displacement).Within(1e-3));
        });
    }

    [Test]
    public void AFieldThroughItself_SumsBothGradients()
    {
        using var scope = torch.NewDisposeScope();
        var all = Data(2, 0.3);
        var data = new Dictionary<string, torch.Tensor> { ["displacement"] = all["displacement"], ["y_grad"] = all["y_grad"] };
        var both = new[] { SamplingForm.Gathers, SamplingForm.Operator }
            .Select(form => Run(form, WarpPadding.Border, 2, data)["displacement_grad"]).ToArray();
        Assert.That((both[0] - both[1]).abs().max().item<float>(), Is.LessThan(2e-6f * both[0].abs().max().item<float>()));
    }

    [Test]
    public void WhatIsNoNumber_ReadsNothingOutside_AndIsNoNumberAfterwards()
    {
        using var scope = torch.NewDisposeScope();
        foreach (var padding in Enum.GetValues<WarpPadding>())
        {
            var data = Data(1, 0.1);
            foreach (var (place, value) in new[] { (0, float.NaN), (1, float.PositiveInfinity), (2, float.NegativeInfinity), (3, 1e30f) })
                data["displacement"].view(-1)[place] = torch.tensor(value);
            var y = Run(SamplingForm.Operator, padding, 1, data)["y"].data<float>().ToArray();
            Assert.That(y[0], Is.NaN);
            Assert.That(y.Skip(1).All(float.IsFinite), "only what has no place has no value");
        }
    }

    [Test]
    public void InputsThatDoNotFit_AreNamed()
    {
        using var scope = torch.NewDisposeScope();
        var data = Data(1, 0.1);
        data["image"] = torch.rand(2, 1, Pixels + 1);
        data["y_grad"] = torch.rand(2, 1, Pixels + 1);
        Assert.That(() => Run(SamplingForm.Operator, WarpPadding.Zeros, 1, data, "P"),
            Throws.Exception.With.Message.Contains($"Sampling was given the image as [2,1,{Pixels + 1}]; expected [N,C,{Pixels}]."));
    }

    private static Dictionary<string, torch.Tensor> Data(int channels, double reach)
    {
        torch.manual_seed(4);
        return new Dictionary<string, torch.Tensor>
        {
            ["image"] = torch.randn(2, channels, Pixels), ["displacement"] = torch.randn(2, 2, Pixels) * reach,
            ["y_grad"] = torch.randn(2, channels, Pixels),
        };
    }

    /// <summary>Value and gradients; without an image the field goes through itself.</summary>
    private static Dictionary<string, torch.Tensor> Run(
        SamplingForm form, WarpPadding padding, int channels, Dictionary<string, torch.Tensor> data, string? free = null)
    {
        var writer = new GraphWriter("sampling");
        var size = free is null ? OnnxDimension.Of(Pixels) : OnnxDimension.Of(free);
        var displacement = writer.Input("displacement", "N", 2L, Pixels);
        var image = data.ContainsKey("image") ? writer.Input("image", "N", channels, size) : displacement;
        var sampling = new SamplingOperators(writer, new SamplingGrid(Height, Width), form);
        writer.Output("y", sampling.Sample(image, channels, displacement, padding), "N", channels, size);
        var gradient = GradientCompiler.Compile(writer.Model, new GradientOptions { Operators = ManagedOperators.Set });
        using var session = TestSetup.Engine.OpenSession(gradient, "sampling", options => ManagedOperators.AddTo(options, gradient));
        using var options = new Microsoft.ML.OnnxRuntime.RunOptions();
        var values = data.ToDictionary(d => d.Key, d => OrtMemory.Share(d.Value.contiguous()));
        try
        {
            using var results = session.Run(options, values, [.. session.OutputNames]);
            return session.OutputNames.Zip(results).ToDictionary(pair => pair.First, pair => OrtMemory.Copy(pair.Second));
        }
        finally
        {
            foreach (var value in values.Values)
                value.Dispose();
        }
    }

    /// <summary>Gradients of sum(y_grad * y), number by number, in double; positions are rounded to single precision as they are
    /// there.</summary>
    private static (double[] Image, double[] Displacement) Reference(
        WarpPadding padding, int channels, Dictionary<string, torch.Tensor> data)
    {
        var (image, u, dY) = (data["image"].data<float>().ToArray(), data["displacement"].data<float>().ToArray(),
            data["y_grad"].data<float>().ToArray());
        using var like = torch.zeros(1);
        var at = new SamplingGrid(Height, Width).KernelPositions(like).data<float>().ToArray();
        var (toImage, toU) = (new double[image.Length], new double[u.Length]);
        var isHeld = padding != WarpPadding.Zeros;
        for (var n = 0; n < 2; n++)
        {
            for (var p = 0; p < Pixels; p++)
            {
                double Place(int axis, int size) => (at[(axis * Pixels) + p] + u[(((n * 2) + axis) * Pixels) + p] + 1) * ((size - 1) / 2f);
                var (x, y) = (Place(0, Width), Place(1, Height));
                var (movesX, movesY) = (!isHeld || (x > 0 && x < Width - 1), !isHeld || (y > 0 && y < Height - 1));
                if (isHeld)
                    (x, y) = (Math.Clamp(x, 0, Width - 1), Math.Clamp(y, 0, Height - 1));
                for (var row = (int)Math.Floor(y); row <= (int)Math.Floor(y) + 1; row++)
                {
                    for (var column = (int)Math.Floor(x); column <= (int)Math.Floor(x) + 1; column++)
                    {
                        if (row < 0 || row >= Height || column < 0 || column >= Width)
                            continue;
                        var (weightX, weightY) = (1 - Math.Abs(x - column), 1 - Math.Abs(y - row));
                        for (var c = 0; c < channels; c++)
                        {
                            var plane = ((n * channels) + c) * Pixels;
                            var (from, to) = (plane + p, plane + (row * Width) + column);
                            toImage[to] += dY[from] * weightX * weightY;
                            var (slopeX, slopeY) = ((column > x ? 1 : -1) * (Width - 1) / 2.0, (row > y ? 1 : -1) * (Height - 1) / 2.0);
                            if (movesX)
                                toU[(n * 2 * Pixels) + p] += dY[from] * image[to] * weightY * slopeX;
                            if (movesY)
                                toU[(((n * 2) + 1) * Pixels) + p] += dY[from] * image[to] * weightX * slopeY;
                        }
                    }
                }
            }
        }

        return (toImage, toU);
    }
}
