using DiffeoNN.Onnx.Fuzz.Mutations;
using DiffeoNN.Onnx.Fuzz.Seeds;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Fuzz.Targets;

/// <summary>ONNX models, read and differentiated; those with external data from a file with some beside it.</summary>
internal sealed class OnnxTarget : IFuzzTarget
{
    private readonly string _path;

    public OnnxTarget(string folder)
    {
        _path = Path.Combine(folder, "model.onnx");
        Seeds = OnnxSeeds.All(folder);
    }

    public IReadOnlyList<byte[]> Seeds { get; }

    public byte[] Mutate(byte[] input, byte[] other, Random random) => WireMutator.Mutate(input, other, random);

    public byte[]? Repair(byte[] input) => null;

    public string Read(byte[] input)
    {
        var model = Model(input);
        var gradient = GradientCompiler.Compile(model);
        OnnxModel again;
        try
        {
            again = OnnxModel.Parse(gradient.ToBytes());
        }
        catch (OnnxModelException e)
        {
            throw new InvalidOperationException($"The compiled gradient is no model that can be read: {e.Message}", e);
        }

        return $"compiled {string.Join(',', again.Graph.Nodes.Select(node => node.OpType).Distinct().Order().Take(6))}";
    }

    private OnnxModel Model(byte[] input)
    {
        try
        {
            return OnnxModel.Parse(input);
        }
        catch (OnnxModelException e) when (e.Message.Contains("load the model from its file", StringComparison.Ordinal))
        {
            File.WriteAllBytes(_path, input);
            return OnnxModel.Load(_path);
        }
    }

    public void Dispose()
    {
    }
}
