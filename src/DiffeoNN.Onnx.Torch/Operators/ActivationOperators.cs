using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Activation functions; at a kink the derivative is the one from below, as in the compiled gradients.</summary>
internal static class ActivationOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Relu", 16, n => n.X.relu()),
        new("LeakyRelu", 16, n => n.X.LeakyRelu(n.Float("alpha", 0.01f))),
        new("ThresholdedRelu", 16, n => where(n.X.Above(n.Float("alpha", 1)), n.X, zeros_like(n.X))),
        new("PRelu", 16, n => where(n.X.Above(0), n.X, n.X.mul(n.Input(1)))),
        new("Elu", 16, n => n.X.ExponentialLinear(n.Float("alpha", 1), 1)),
        new("Selu", 16,
            n => n.X.ExponentialLinear(n.Float("alpha", 1.67326319217681884765625f), n.Float("gamma", 1.05070102214813232421875f))),
        new("Celu", 16, n => n.X.ContinuousExponentialLinear(n.Float("alpha", 1))),
        new("Gelu", 20, n => n.X.gelu(
            n.Text("approximate", "none") == "tanh" ? TorchSharp.Modules.GELU.Approximate.tanh : TorchSharp.Modules.GELU.Approximate.none)),
        new("Sigmoid", 16, n => n.X.sigmoid()),
        new("HardSigmoid", 16, n => n.X.Times(n.Float("alpha", 0.2f)).Plus(n.Float("beta", 0.5f)).Between(0, 1)),
        new("HardSwish", 16, n => n.X.hardswish()),
        new("Softplus", 16, n => Softplus(n.X)),
        new("Softsign", 16, n => n.X.div(n.X.abs().Plus(1))),
        new("Mish", 18, n => n.X.mul(Softplus(n.X).tanh())),
        new("Swish", 24, n => n.X.mul(n.X.Times(n.Float("alpha", 1)).sigmoid())),
        new("Shrink", 16, Shrink),
        new("Softmax", 16, n => n.X.softmax(n.Axis(n.Int("axis", -1), n.X.dim()))),
        new("LogSoftmax", 16, n => n.X.log_softmax(n.Axis(n.Int("axis", -1), n.X.dim()))),
        new("Hardmax", 16, Hardmax),
    ];

    /// <summary>log(1 + exp x) for every x: libtorch's own is linear from 20 on.</summary>
    private static Tensor Softplus(Tensor x) => x.logaddexp(zeros_like(x));

    private static Tensor Shrink(TorchNode n)
    {
        var (edge, bias) = (n.Float("lambd", 0.5f), n.Float("bias", 0));
        return where(n.X.Above(edge), n.X.Plus(-bias), where(n.X.Below(-edge), n.X.Plus(bias), zeros_like(n.X)));
    }

    /// <summary>1 at the first largest element along the axis.</summary>
    private static Tensor Hardmax(TorchNode n)
    {
        var axis = n.Axis(n.Int("axis", -1), n.X.dim());
        var zeros = zeros_like(n.X);
        return n.X.dim() == 0 ? ones_like(n.X) : zeros.scatter(axis, n.X.argmax(axis, keepdim: true), ones_like(n.X));
    }
}
