namespace DiffeoNN.Onnx.Gradients;

/// <summary>The passes, in their order.</summary>
internal static class GradientPasses
{
    public static IReadOnlyList<GradientPass> All { get; } = [new TimeFirstPass(), new StatedSizesPass(), new AdjointConvolutionPass()];

    /// <summary>Layers with the batch as first axis become layers with time as first axis.</summary>
    private sealed class TimeFirstPass : GradientPass
    {
        public override IReadOnlyList<OnnxNode>? Replaced(OnnxNode node) => Operators.RecurrentLayout.TimeFirst(node);
    }

    /// <summary>Nodes of which the runtime states other sizes than it makes are written so that both agree.</summary>
    private sealed class StatedSizesPass : GradientPass
    {
        public override IReadOnlyList<OnnxNode> Imported(OnnxNode node, GraphBuilder builder) => StatedSizes.Agreeing(node, builder);
    }

    /// <summary>Adjoint convolutions to few channels become one.</summary>
    private sealed class AdjointConvolutionPass : GradientPass
    {
        public override List<Value> Summed(List<Value> terms) => Operators.AdjointConvolution.Merge(terms);
    }
}
