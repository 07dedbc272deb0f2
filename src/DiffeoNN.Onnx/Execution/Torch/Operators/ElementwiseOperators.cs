using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Execution.Torch;

/// <summary>Operators that libtorch has under nearly the same name, element by element.</summary>
internal static class ElementwiseOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Identity", 16, n => n.X),
        new("Relu", 16, n => n.X.relu()),
        new("Tanh", 16, n => n.X.tanh()),
        new("Sigmoid", 16, n => n.X.sigmoid()),
        new("Exp", 16, n => n.X.exp()),
        new("Add", 16, n => n.X.Plus(n.Input(1))),
        new("Mul", 16, n => n.X.mul(n.Input(1))),
    ];
}
