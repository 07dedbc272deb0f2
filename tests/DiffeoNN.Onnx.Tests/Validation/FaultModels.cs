using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>A small network that faults of engines and gradient rules are planted around, and its validation.</summary>
internal static class FaultModels
{
    public static readonly ExecutionOptions Execution = new() { Device = ExecutionDevice.Cpu, Threads = 1 };

    /// <summary>Convolution, normalisation, activations, pooling, transposed convolution, a skip connection;
    /// weights from a fixed seed.</summary>
    public static OnnxModel Network()
    {
        var random = new Random(11);
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 16;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 3, 8, 8]));
        graph.AddNode(
            "Conv", ["x", Weight("conv.weight", 4, 3, 3, 3), Weight("conv.bias", 4)], "conv", OnnxAttribute.Of("pads", [1L, 1, 1, 1]));
        graph.AddNode(
            "BatchNormalization",
            ["conv", Weight("norm.scale", 4), Weight("norm.bias", 4), Weight("norm.mean", 4), Positive("norm.variance", 4)],
            "norm",
            OnnxAttribute.Of("epsilon", 1e-5f));
        graph.AddNode("Relu", ["norm"], "relu");
        graph.AddNode("AveragePool", ["relu"], "pool", OnnxAttribute.Of("kernel_shape", [3L, 3]), OnnxAttribute.Of("strides", [2L, 2]),
            OnnxAttribute.Of("pads", [1L, 1, 1, 1]));
        graph.AddNode("Tanh", ["pool"], "tanh");
        graph.AddNode("ConvTranspose", ["tanh", Weight("up.weight", 4, 4, 2, 2), Weight("up.bias", 4)], "up",
            OnnxAttribute.Of("strides", [2L, 2]));
        graph.AddNode("Add", ["up", "relu"], "sum");
        graph.AddNode("Sigmoid", ["norm"], "gate");
        graph.AddNode("Mul", ["sum", "gate"], "gated");
        graph.AddNode("InstanceNormalization", ["gated", Weight("instance.scale", 4), Weight("instance.bias", 4)], "instance",
            OnnxAttribute.Of("epsilon", 1e-5f));
        graph.AddNode("Conv", ["instance", Weight("head.weight", 2, 4, 1, 1), Weight("head.bias", 2)], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 2, 8, 8]));
        return model;

        string Weight(string name, params long[] shape) => graph.AddInitializer(OnnxTensor.FromDoubles(
            name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (1.6 * random.NextDouble()) - 0.6)]));

        string Positive(string name, long size) => graph.AddInitializer(OnnxTensor.FromDoubles(
            name, OnnxElementType.Float, [size], [.. Enumerable.Range(0, (int)size).Select(_ => 0.1 + random.NextDouble())]));
    }

    /// <summary>Validates a model on drawn inputs.</summary>
    public static GraphReport Validate(OnnxModel model, ValidationEngines engines, ValidationOptions? options = null) =>
        GraphValidation.Run(new ValidationCase("network", InlinedModel.Of(model), []), engines,
            options ?? new ValidationOptions { Execution = Execution }, CancellationToken.None);

    /// <summary>The engines of a validation without reference tensors.</summary>
    public static ValidationEngines Engines(params string[] names) =>
        ValidationEngines.Create(
            names.Length > 0 ? names : [.. ValidationSources.All.Skip(1)], Execution, DeviceSelection.Choose(Execution), new CoreBudget(1));
}
