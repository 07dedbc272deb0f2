using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>A published network, what it is fed and how closely its gradient must agree.</summary>
/// <param name="Name">Its folder.</param>
/// <param name="Output">The output that is differentiated; empty for the first.</param>
/// <param name="Inputs">Its inputs in order.</param>
internal sealed record PublishedModel(string Name, string Output, params ModelInput[] Inputs)
{
    /// <summary>Seed of inputs, upstream gradients and directions.</summary>
    public int Seed { get; init; } = 5;

    /// <summary>Whether the check takes long.</summary>
    public bool IsLarge { get; init; }

    /// <summary>Steps of the differences, along directions whose elements have the typical size 1, from large to small.</summary>
    public double[] Steps { get; init; } = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9];

    /// <summary>Whether the weights are random instead of the published ones.</summary>
    public bool HasRandomWeights { get; init; }

    /// <summary>How far the float32 output may be from the float64 one.</summary>
    public double ForwardTolerance { get; init; } = 1e-4;

    /// <summary>Largest error of the gradient computed in float64.</summary>
    public double DoubleTolerance { get; init; } = 1e-5;

    /// <summary>
    /// Largest error of the gradient as emitted, computed in float32. Some values fall on the other side of their kink in float32: a part p
    /// of them changes the gradient by about sqrt(p) of its length, and 1e-7 to 1e-6 of them do.
    /// </summary>
    public double FloatTolerance { get; init; } = 1e-3;

    public override string ToString() => HasRandomWeights ? $"{Name}_random" : Name;

    /// <summary>The network with the output to differentiate as its only one.</summary>
    public OnnxModel Load()
    {
        var model = OnnxModel.Load(Repository.Shared($"onnx-models/{Name}/model.onnx"));
        var output = Output.Length > 0 ? model.Graph.Output(Output) : model.Graph.Outputs[0];
        // The gradient of a softmax over equal scores is zero: the scores themselves then.
        if (Name.StartsWith("light_", StringComparison.Ordinal))
            output = new OnnxValueInfo(model.Graph.Nodes.Last(n => n.OpType == "Softmax").Inputs[0], OnnxElementType.Float, null);
        model.Graph.Outputs.Clear();
        model.Graph.Outputs.Add(output);
        foreach (var (value, input) in model.Graph.RequiredInputs.Zip(Inputs).Where(p => p.Second.IsConstant).ToList())
        {
            model.Graph.AddInitializer(input.Make(value.Name, new Random(Seed)));
            model.Graph.Inputs.Remove(value);
        }

        if (HasRandomWeights)
            Randomise(model, new Random(Seed));
        return model;
    }

    /// <summary>Values for the inputs.</summary>
    public Dictionary<string, OnnxTensor> Values(OnnxModel model, Random random) =>
        model.Graph.RequiredInputs.Zip(Inputs.Where(i => !i.IsConstant)).ToDictionary(
            p => p.First.Name, p => p.Second.Make(p.First.Name, random));

    /// <summary>Puts random weights in the place of constant ones, of a size that keeps values as large as they are.</summary>
    private static void Randomise(OnnxModel model, Random random)
    {
        foreach (var node in model.Graph.Nodes.Where(n => n.OpType == "ConstantOfShape").ToList())
        {
            var shape = model.Graph.Initializers[node.Inputs[0]].ToInt64Array();
            var name = node.Outputs[0];
            OnnxNode Reader() => model.Graph.Nodes.First(n => n.Inputs.Contains(name));
            if (Reader().OpType == "Unsqueeze")
                name = Reader().Outputs[0];
            var (low, high) = (Reader().OpType, Reader().Inputs.IndexOf(name)) switch
            {
                ("BatchNormalization", 1 or 4) or ("Mul", _) => (0.5, 1.5),
                _ when shape.Length < 2 => (-0.2, 0.2),
                // The variance that keeps it through a layer with Relu: 2 by the number of inputs.
                _ =>
                    (-Math.Sqrt(6.0 / shape.Skip(1).Aggregate((a, b) => a * b)), Math.Sqrt(6.0 / shape.Skip(1).Aggregate((a, b) => a * b))),
            };
            model.Graph.AddInitializer(ModelInput.Noise(low, high, shape).Make(node.Outputs[0], random));
            model.Graph.Nodes.Remove(node);
        }
    }
}
