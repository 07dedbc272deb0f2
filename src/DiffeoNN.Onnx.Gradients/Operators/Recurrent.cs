namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// Recurrent layers. The forward node stays what it is, a fused kernel; the gates of all steps are computed again at once, in a few
/// large products, from its outputs; only what truly goes from step to step runs step by step.
/// </summary>
internal static class Recurrent
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("RNN", new(7, Simple) { NonDifferentiableInputs = [4] })
        {
            Takes = new(3, 6), InputNames = ["X", "W", "R", "B", "sequence_lens", "initial_h"],
            Ranks = ["3", "3", "3", "2", "1", "3", "3", "2"],
            Attributes = [new("activation_alpha", OnnxAttributeKind.Floats), new("activation_beta", OnnxAttributeKind.Floats)],
            Shapes = ShapeInference.Recurrent,
            Upgrades = [new(7, (n, _) => [OpsetConverter.Without(n, "output_sequence")])],
        },
        new("GRU", new(7, RecurrentGru.Gradients) { NonDifferentiableInputs = [4] })
        {
            Takes = new(3, 6), InputNames = ["X", "W", "R", "B", "sequence_lens", "initial_h"],
            Ranks = ["3", "3", "3", "2", "1", "3", "3", "2"],
            Attributes = [new("activation_alpha", OnnxAttributeKind.Floats), new("activation_beta", OnnxAttributeKind.Floats)],
            Shapes = ShapeInference.Recurrent,
            Upgrades = [new(7, (n, _) => [OpsetConverter.Without(n, "output_sequence")])],
        },
        new("LSTM", new(7, RecurrentLstm.Gradients) { NonDifferentiableInputs = [4] })
        {
            Takes = new(3, 8), InputNames = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"],
            Ranks = ["3", "3", "3", "2", "1", "3", "3", "2"],
            Attributes = [new("activation_alpha", OnnxAttributeKind.Floats), new("activation_beta", OnnxAttributeKind.Floats)],
            Shapes = ShapeInference.Recurrent,
            Upgrades = [new(7, (n, _) => [OpsetConverter.Without(n, "output_sequence")])],
        },
    ];

    /// <summary>
    /// H_t = f(a_t), a_t = X_t W^T + H_t-1 R^T + b: da_t = dH_t * f'(a_t), dH_t-1 = dY_t-1 + da_t R, dR = sum da_t^T H_t-1.
    /// </summary>
    private static IReadOnlyList<Func<Value>?> Simple(RuleContext n)
    {
        var layer = new RecurrentLayer(n, gates: 1);
        var functions = RecurrentActivation.Read(n, layer.Directions, "tanh");
        var states = Enumerable.Range(0, layer.Directions).Select(d => new Lazy<Value>(() => layer.StatesBefore(d))).ToArray();
        var passes = Enumerable.Range(0, layer.Directions).Select(d => new Lazy<(Value dA, Value dH)>(() => Back(d))).ToArray();
        (Value dA, Value dH) Back(int d)
        {
            var slope = layer.Masked(
                functions[d].Derivative(() => layer.FromInput(d) + layer.FromState(states[d].Value, d, 0, 1), layer.Output(d)));
            var weights = layer.Of(2, d);
            var (before, outputs) = layer.Back(d, [layer.FinalGradient(1, d)], [slope], (after, at) =>
            {
                var dA = after[0] * at[0];
                return ([dA.Builder.Op("MatMul", dA, weights)], [dA]);
            });
            return (outputs[0], before[0]);
        }

        return layer.Gradients(d => passes[d].Value.dA, d => passes[d].Value.dA,
            d => layer.Transposed(passes[d].Value.dA, states[d].Value), (d, _) => passes[d].Value.dH);
    }
}
