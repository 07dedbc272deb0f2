namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>A gradient formed by the adjoint of a convolution with constant weights,
/// kept so that its neighbours can be folded into the weights.</summary>
/// <param name="dY">Gradient with respect to the convolution's output.</param>
/// <param name="Weights">The convolution's weights, (M, C/group, kernel).</param>
/// <param name="Window">The convolution's window.</param>
/// <param name="Group">Its groups.</param>
/// <param name="Like">Its input: only the sizes of the spatial axes matter.</param>
internal sealed record AdjointConvolution(Value dY, OnnxTensor Weights, Window Window, long Group, Value Like)
{
    /// <summary>Adds the faster of its two forms to the graph.</summary>
    public Value Emit()
    {
        var folded = Folded();
        var (builder, dY, weights) = (folded.dY.Builder, folded.dY, folded.Weights);
        // Weights that are not changed are those of the forward graph: they are not stored twice.
        var kept = weights.Name.Length > 0 && builder.Contains(weights.Name) ? builder[weights.Name] : null;
        var result = Convolution.Reversed(dY, weights, Window, Group)
            ?? Convolution.Transposed(dY, kept ?? builder.Constant(weights), Window, Group, Like);
        builder.Notes<AdjointConvolution>()[result.Name] = folded;
        return result;
    }

    /// <summary>The gradient of one operand of a concatenation of channels: computed by itself, with its part of the weights.</summary>
    /// <returns>Null where dY is no adjoint convolution, or computing all channels at once is cheaper.</returns>
    public static Value? Parts(RuleContext n, int index)
    {
        if (!n.Builder.Notes<AdjointConvolution>().TryGetValue(n.dY.Name, out var whole) || whole.Group != 1)
            return null;
        AdjointConvolution? wanted = null;
        var (start, cost) = (0L, 0.0);
        var block = 16.0 * whole.Window.Kernel.Aggregate(whole.Weights.Dimensions[0], (a, b) => a * b);
        for (var i = 0; i < n.Count; i++)
        {
            if (n.Input(i).Shape?[1].Size is not { } channels)
                return null;
            var part = whole with { Weights = TensorTransforms.Slice(whole.Weights, 1, start, start + channels), Like = n.Input(i) };
            if (n.Wanted.Contains(i))
                cost += part.Composed() is { Pays: true } composed ? (composed.Cost - composed.SecondCost) / block : Blocks(channels);
            wanted = i == index ? part : wanted;
            start += channels;
        }

        return cost > Blocks(whole.Weights.Dimensions[1]) ? null : wanted?.Emit();
    }

    /// <summary>Together with the gradient of the transposed convolution whose output it is the gradient of;
    /// null where there is none.</summary>
    private ComposedConvolution? Composed() => Like.Builder.ForwardMakerOf(Like) is { OpType: "ConvTranspose", Domain: "" } upsampling
        ? ComposedConvolution.Of(new RuleContext(upsampling, Like.Builder, [], []), this) : null;

    /// <summary>Adjoint convolutions to few channels whose results are summed become one, over all their inputs together.</summary>
    public static List<Value> Merge(List<Value> terms)
    {
        var builder = terms[0].Builder;
        var known = terms.Where(t => builder.Notes<AdjointConvolution>().ContainsKey(t.Name))
            .ToLookup(t => builder.Notes<AdjointConvolution>()[t.Name] is var a && a.Group == 1 && a.Weights.Dimensions[1] <= 4
                ? $"{string.Join(',', a.Weights.Dimensions.Skip(1))}|{string.Join(',', a.Window.Strides)}|"
                    + $"{string.Join(',', a.Window.Dilations)}|{string.Join(',', a.Window.Begin)}|{string.Join(',', a.Window.End)}"
                : "");
        var result = new List<Value>(terms);
        foreach (var group in known.Where(g => g.Key.Length > 0 && g.Count() > 1))
        {
            var parts = group.Select(t => builder.Notes<AdjointConvolution>()[t.Name]).ToList();
            var joined = builder.Node("Concat", parts.Select(p => p.dY).ToArray(), OnnxAttribute.Of("axis", 1))[0];
            result.RemoveAll(t => group.Contains(t));
            result.Add((parts[0] with { dY = joined, Weights = TensorTransforms.Join([.. parts.Select(p => p.Weights)]) }).Emit());
        }

        return result;
    }

    /// <summary>Work for so many channels of the result: whole blocks of 16, but few channels take another way.</summary>
    private static long Blocks(long channels) => channels <= 4 ? 0 : (channels + 15) / 16;

    /// <summary>A constant factor for each channel of dY goes into the weights.</summary>
    private AdjointConvolution Folded() => ChannelFactor.Of(dY, Weights.Dimensions[0], Weights.ElementType) is { } product
        ? this with { dY = product.Value, Weights = TensorTransforms.Scale(Weights, product.Factors) } : this;
}
