namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>One row of the table of rule tests.</summary>
/// <param name="OpType">The operator.</param>
/// <param name="Opsets">Operator set versions in which this form is tested.</param>
/// <param name="Operands">Its inputs.</param>
/// <param name="Attributes">Its attributes.</param>
internal sealed record RuleCase(string OpType, int[] Opsets, Operand[] Operands, params OnnxAttribute[] Attributes)
{
    /// <summary>The operator set's domain, which is imported in version 1; empty for ai.onnx.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Number of outputs.</summary>
    public int Outputs { get; init; } = 1;

    /// <summary>Outputs that are differentiated.</summary>
    public int[] Differentiated { get; init; } = [0];

    /// <summary>Outputs that the node does not name.</summary>
    public int[] Unnamed { get; init; } = [];

    /// <summary>Largest error allowed in float32, by the largest element; 1e-4 where finite differences run in float64.</summary>
    public double Tolerance { get; init; } = 2e-3;

    /// <summary>Largest error allowed in float64; larger where the runtime's kernel itself computes in float32.</summary>
    public double DoubleTolerance { get; init; } = 1e-5;

    /// <summary>Whether only the first operand's sizes can be free: the kernel's size, or how many sizes are given,
    /// must be known.</summary>
    private bool KeepsOtherSizes => OpType is "Conv" or "ConvTranspose" or "FusedConv" or "Resize" or "AffineGrid";

    public override string ToString() => (Domain.Length > 0 ? Domain + "." : "")
        + $"{OpType}({string.Join(' ', Operands.Select(o => $"[{string.Join(',', o.Shape)}]"))} "
        + $"{string.Join(' ', Attributes.Select(a => a.ToString()))})";

    /// <summary>Random values for the operands that vary.</summary>
    public Dictionary<string, OnnxTensor> Inputs(int seed)
    {
        var random = new Random(seed);
        var result = new Dictionary<string, OnnxTensor>();
        for (var i = 0; i < Operands.Length; i++)
        {
            if (Operands[i].Generate is { } generate)
                result[$"x{i}"] = OnnxTensor.FromDoubles($"x{i}", OnnxElementType.Float, Operands[i].Shape, generate(random));
            else if (Operands[i] is { IsInput: true, Fixed: { } tensor })
                result[$"x{i}"] = tensor.WithName($"x{i}");
        }

        return result;
    }

    /// <summary>The operator alone in a graph.</summary>
    /// <param name="opset">Operator set version.</param>
    /// <param name="constants">Operands that become initialisers with these values.</param>
    /// <param name="free">Whether all sizes are declared as symbols.</param>
    public OnnxModel Model(int opset, IReadOnlyDictionary<string, OnnxTensor>? constants = null, bool free = false)
    {
        var model = new OnnxModel { IrVersion = OpsetConverter.MinimumIrVersion(Math.Max(opset, 9)), OpsetImports = { [""] = opset } };
        if (Domain.Length > 0)
            model.OpsetImports[Domain] = 1;
        for (var i = 0; i < Operands.Length; i++)
        {
            if (Operands[i] is { IsInput: false, Fixed: { } tensor })
                model.Graph.AddInitializer(tensor.WithName($"x{i}"));
            else if (constants is not null && constants.TryGetValue($"x{i}", out var constant))
                model.Graph.AddInitializer(constant);
            else if (!Operands[i].IsAbsent)
                model.Graph.Inputs.Add(new OnnxValueInfo($"x{i}", Operands[i].Fixed?.ElementType ?? OnnxElementType.Float,
                    [.. Operands[i].Shape.Select((s, d) => free && (i == 0 || !KeepsOtherSizes) ? OnnxDimension.Of($"s{i}_{d}") : s)]));
        }

        var outputs = Enumerable.Range(0, Outputs).Select(o => Unnamed.Contains(o) ? "" : $"y{o}").ToList();
        model.Graph.Nodes.Add(
            new OnnxNode(OpType, Operands.Select((o, i) => o.IsAbsent ? "" : $"x{i}"), outputs, Attributes)
                { Domain = Domain, Name = "node" });
        model.Graph.Outputs.AddRange(Differentiated.Select(o => new OnnxValueInfo($"y{o}", OnnxElementType.Float, null)));
        return model;
    }
}
