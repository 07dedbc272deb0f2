using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation.Graphs;

/// <summary>Maps by graphs against the library's own fields, sampling by gathers and by GridSample.</summary>
public sealed class SamplingTests
{
    [TestCase(12, 16, WarpPadding.Zeros, false)]
    [TestCase(12, 16, WarpPadding.Zeros, true)]
    [TestCase(9, 9, WarpPadding.Border, false)]
    [TestCase(9, 9, WarpPadding.Border, true)]
    public void Maps_AreThoseOfLibtorch(int height, int width, WarpPadding padding, bool onGpu)
    {
        var engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
        var grid = new SamplingGrid(height, width);
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(5);
        using var lattice = torch.randn(3, 2, 4, 4) * 0.15;
        var (velocity, image) = (LatticeUpsampling.Resample(lattice, grid, LatticeBasis.CubicBSpline), torch.rand(3, 2, height, width));
        int[] squarings = [5, 6, 5];
        using var graph = engine.LoadOnDevice(new MapComposer(grid, 2, padding, onGpu).Maps(6, 1), "maps");
        var inputs = new Dictionary<string, DeviceTensor>
        {
            [SearchComposer.Velocity] = DeviceTensor.Of(velocity),
            [SearchComposer.Image] = DeviceTensor.Of(image),
            [SearchComposer.Scale] = DeviceTensor.Of([1 / 32f, 1 / 64f, 1 / 32f], 3, 1, 1),
            [SearchComposer.Alive] = DeviceTensor.Of([true, true, true], 3, 1, 1),
            [SearchComposer.Turn(0)] = DeviceTensor.Of([false, true, false], 3, 1, 1),
        };
        var outputs = graph.Run(
            inputs, [], [MapComposer.Displacement, MapComposer.Inverse, MapComposer.Canonical, MapComposer.Diagnostics]);
        var (u, inverse) = (ScalingAndSquaring.Exp(velocity, squarings), ScalingAndSquaring.Exp(-velocity, squarings));
        Near(outputs[MapComposer.Displacement], u);
        Near(outputs[MapComposer.Inverse], inverse);
        Near(outputs[MapComposer.Canonical], Warp.Apply(image, u, padding));
        var measured = outputs[MapComposer.Diagnostics].ToArray<float>();
        var expected = FieldDiagnostics.Measure(u, inverse);
        var orientation = Regularisers.Orientation(u).data<float>().ToArray();
        for (var row = 0; row < 3; row++)
        {
            var map = expected[row];
            double[] right =
            [
                map.MinimumDeterminant, map.MaximumDeterminant, map.FoldedFraction, map.InverseResidualMaximum, map.InverseResidualMean,
                map.InverseMinimumDeterminant, map.InverseFoldedFraction, orientation[row],
            ];
            Assert.That(Array.ConvertAll(measured[(row * 8)..((row + 1) * 8)], value => (double)value), Is.EqualTo(right).Within(1e-4));
        }

        // Tensors left to the garbage collector would change the counts that other tests take.
        foreach (var value in inputs.Values.Concat(outputs.Values))
            value.Dispose();

        static void Near(DeviceTensor found, torch.Tensor expected)
        {
            using var tensor = found.ToTensor();
            Assert.That((tensor - expected).abs().max().item<float>(), Is.LessThan(2e-6));
        }
    }
}
