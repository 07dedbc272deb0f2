using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Energies;

/// <summary>What the tests of energies share: an engine, images, values of tensors.</summary>
internal abstract class EnergyTests
{
    protected OnnxRuntimeEngine Engine { get; } = new(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });

    /// <summary>Images (N, 2, 12, 16) of the fixture bundle, uniform in [0, 1]; the caller's scope owns them.</summary>
    protected static Tensor Images(int count, ulong seed = 3)
    {
        using var generator = new Generator(seed);
        return rand([count, 2, 12, 16], generator: generator);
    }

    protected static double[] Values(Tensor tensor) => tensor.to(float64).data<double>().ToArray();

    protected static Tensor ToTensor(OnnxTensor values) => tensor(values.ToArray<float>(), [.. values.Dimensions]);

    protected OnnxEnergy Load(string folder) => OnnxEnergy.FromBundle(Bundle.Load(folder), Engine);
}
