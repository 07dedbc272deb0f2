using TorchSharp;

namespace DiffeoNN.Onnx.Torch;

/// <summary>How libtorch computes one ONNX operator: a row of the table <see cref="TorchOperators.All"/>.</summary>
/// <remarks>
/// Functions neither change their inputs nor work in place, so that libtorch can differentiate through them.
/// What they make and do not return belongs to the caller's dispose scope.
/// </remarks>
internal sealed record TorchOperator
{
    /// <summary>A row whose operator has one output.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="SinceVersion">First version of the operator set with this form, at least 16;
    /// it holds until a row with a later version.</param>
    /// <param name="function">Computes the output.</param>
    public TorchOperator(string opType, int SinceVersion, Single function)
        : this(opType, SinceVersion, node => [function(node)])
    {
    }

    /// <summary>A row whose operator may have several outputs.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="SinceVersion">First version of the operator set with this form, at least 16;
    /// it holds until a row with a later version.</param>
    /// <param name="function">Computes the outputs.</param>
    public TorchOperator(string opType, int SinceVersion, Several function)
    {
        OpType = opType;
        this.SinceVersion = SinceVersion;
        Function = function;
    }

    /// <summary>Computes the one output; may return an input itself.</summary>
    public delegate torch.Tensor Single(TorchNode node);

    /// <summary>Computes the outputs by position; null, or a shorter list, for outputs the node does not name.</summary>
    public delegate IReadOnlyList<torch.Tensor?> Several(TorchNode node);

    /// <summary>The operator set's domain; empty for ai.onnx.</summary>
    public string Domain { get; init; } = "";

    /// <summary>The operator.</summary>
    public string OpType { get; }

    /// <summary>First version of the operator set with this form.</summary>
    public int SinceVersion { get; }

    /// <summary>Computes the outputs.</summary>
    public Several Function { get; }
}
