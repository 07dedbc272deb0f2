using DiffeoNN.Onnx.Gradients;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Benchmarks.TrainingSteps;

/// <summary>A bundle's network as TorchSharp's functions compute it, from the same weights:
/// what a module written by hand would call.</summary>
internal sealed class TorchNetwork : IDisposable
{
    private readonly OnnxGraph _graph;
    private readonly Dictionary<string, torch.Tensor> _constants = new(StringComparer.Ordinal);

    /// <param name="model">Convolutions, pools, SiLU, matrix products.</param>
    /// <param name="trained">Names of the weights that get a gradient.</param>
    public TorchNetwork(OnnxModel model, IReadOnlyCollection<string> trained)
    {
        _graph = model.Graph;
        foreach (var (name, tensor) in _graph.Initializers.Where(i => i.Value.ElementType == OnnxElementType.Float))
        {
            var value = Tensor(tensor);
            _constants[name] = (trained.Contains(name) ? new TorchSharp.Modules.Parameter(value) : value).DetachFromDisposeScope();
        }

        foreach (var node in _graph.Nodes.Where(n => n.OpType == "Constant"))
        {
            if (node.Attributes["value"].Tensor is { ElementType: OnnxElementType.Float } value)
                _constants[node.Outputs[0]] = Tensor(value).DetachFromDisposeScope();
        }
    }

    public torch.Tensor Weight(string name) => _constants[name];

    /// <summary>The first output.</summary>
    public torch.Tensor Forward(torch.Tensor image)
    {
        var values = new Dictionary<string, torch.Tensor>(_constants, StringComparer.Ordinal);
        values[_graph.RequiredInputs.First().Name] = image;
        foreach (var node in _graph.Nodes.Where(n => n.OpType != "Constant"))
        {
            // A sigmoid that multiplies its own input is SiLU, one function.
            if (node.OpType == "Sigmoid" && Consumers(node).All(n => n.OpType == "Mul" && n.Inputs.Contains(node.Inputs[0])))
                continue;
            values[node.Outputs[0]] = Compute(node, name => values[name]);
        }

        return values[_graph.Outputs[0].Name];
    }

    public void Dispose()
    {
        foreach (var tensor in _constants.Values)
            tensor.Dispose();
    }

    private static torch.Tensor Tensor(OnnxTensor tensor) => torch.tensor(tensor.ToArray<float>()).reshape([.. tensor.Dimensions]);

    private IEnumerable<OnnxNode> Consumers(OnnxNode node) => _graph.Nodes.Where(n => n.Inputs.Contains(node.Outputs[0]));

    private long[] Integers(string name) => _graph.Initializers.TryGetValue(name, out var tensor)
        ? tensor.ToInt64Array() : _graph.Nodes.First(n => n.Outputs[0] == name).Attributes["value"].Tensor.ToInt64Array();

    private torch.Tensor Compute(OnnxNode node, Func<string, torch.Tensor> value)
    {
        torch.Tensor Input(int i) => value(node.Inputs[i]);
        torch.Tensor? Optional(int i) => node.Input(i).Length > 0 ? Input(i) : null;
        long[] Ints(string name) => [.. node.GetInts(name) ?? []];
        switch (node.OpType)
        {
            case "Conv":
                return F.conv2d(
                    Input(0), Input(1), Optional(2), Ints("strides"), Ints("pads")[..2], Ints("dilations"), node.GetInt("group", 1));
            case "ConvTranspose":
                return F.conv_transpose2d(Input(0), Input(1), Optional(2), Ints("strides"), Ints("pads")[..2]);
            case "Relu":
                return F.relu(Input(0));
            case "Sigmoid":
                return Input(0).sigmoid();
            case "Mul" when Silu(node) is { } x:
                return F.silu(value(x));
            case "Mul":
                return Input(0) * Input(1);
            case "Add":
                return Input(0) + Input(1);
            case "MaxPool":
                return F.max_pool2d(Input(0), Ints("kernel_shape"), Ints("strides"));
            case "AveragePool":
                return F.avg_pool2d(Input(0), Ints("kernel_shape"), Ints("strides"));
            case "Concat":
                return torch.cat([.. node.Inputs.Select(value)], node.GetInt("axis", 1));
            case "BatchNormalization":
                return F.batch_norm(Input(0), Input(3), Input(4), Input(1), Input(2), eps: node.GetFloat("epsilon", 1e-5f));
            case "Pad" when Integers(node.Inputs[1]).All(p => p == 0):
                return Input(0);
            case "Flatten":
                return Input(0).flatten(1);
            case "Gemm":
                return F.linear(Input(0), Input(1), Input(2));
            case "Reshape":
                return Input(0).reshape(Integers(node.Inputs[1]));
            case "MatMul":
                return Input(0).matmul(Input(1));
            default:
                throw new NotSupportedException($"{node} is not written by TorchSharp's functions here.");
        }
    }

    private string? Silu(OnnxNode product) => Enumerable.Range(0, 2).Select(i => _graph.Nodes.Find(n => n.OpType == "Sigmoid"
        && n.Outputs[0] == product.Inputs[i] && n.Inputs[0] == product.Inputs[1 - i])?.Inputs[0]).FirstOrDefault(name => name is not null);
}
