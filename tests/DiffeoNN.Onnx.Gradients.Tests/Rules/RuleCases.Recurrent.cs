using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Recurrent layers: X, W, R, B, lengths, initial states, peepholes. The runtime has their kernels in float32 only.</content>
internal static partial class RuleCases
{
    private static int[] RecurrentVersions => [7, 14, 22];

    private static IEnumerable<RuleCase> Recurrent() =>
        [.. RecurrentForms("RNN", 1), .. RecurrentForms("GRU", 3), .. RecurrentForms("LSTM", 4), .. Activations(), .. Gated()];

    /// <summary>What all three share: optional inputs, directions, lengths and outputs.</summary>
    private static IEnumerable<RuleCase> RecurrentForms(string op, int gates)
    {
        var states = op == "LSTM" ? 2 : 1;
        Operand[] Initial(int directions, int batch) => [.. Enumerable.Range(0, states).Select(_ => Unit(directions, batch, 2))];
        var hidden = I("hidden_size", 2);
        Operand Lengths(params int[] lengths) => Fix(OnnxTensor.Create<int>("", [lengths.Length], lengths));
        yield return new(op, RecurrentVersions, [Any(3, 2, 3), Unit(1, 2 * gates, 3), Unit(1, 2 * gates, 2)], hidden);
        yield return new(op, [14], [Any(6, 2, 3), Unit(1, 2 * gates, 3), Unit(1, 2 * gates, 2), Unit(1, 4 * gates)], hidden);
        yield return new(
            op, [14], [Any(1, 2, 3), Unit(1, 2 * gates, 3), Unit(1, 2 * gates, 2), Unit(1, 4 * gates), Absent, .. Initial(1, 2)], hidden)
            { Outputs = 1 + states, Differentiated = [.. Enumerable.Range(0, 1 + states)] };
        yield return new(
            op, [14], [Any(5, 1, 3), Unit(1, 2 * gates, 3), Unit(1, 2 * gates, 2), Unit(1, 4 * gates), Absent, .. Initial(1, 1)],
            hidden, S("direction", "reverse"))
            { Outputs = 1 + states, Differentiated = [.. Enumerable.Range(0, 1 + states)] };
        yield return new(
            op,
            RecurrentVersions,
            [Any(3, 2, 2), Unit(2, 2 * gates, 2), Unit(2, 2 * gates, 2), Unit(2, 4 * gates), Absent, .. Initial(2, 2)],
            hidden,
            S("direction", "bidirectional"))
            { Outputs = 1 + states, Differentiated = [.. Enumerable.Range(0, 1 + states)] };
        yield return new(
            op, [14], [Any(5, 3, 2), Unit(1, 2 * gates, 2), Unit(1, 2 * gates, 2), Absent, Lengths(5, 2, 3), .. Initial(1, 3)], hidden)
            { Outputs = 1 + states, Differentiated = [.. Enumerable.Range(0, 1 + states)] };
        yield return new(
            op, [14], [Any(3, 2, 2), Unit(2, 2 * gates, 2), Unit(2, 2 * gates, 2), Unit(2, 4 * gates), Lengths(1, 3), .. Initial(2, 2)],
            hidden, S("direction", "bidirectional"))
            { Outputs = 1 + states, Differentiated = [.. Enumerable.Range(0, 1 + states)] };
        yield return new(op, [14], [Any(5, 2, 2), Unit(1, 2 * gates, 2), Unit(1, 2 * gates, 2), Absent, Lengths(2, 4)], hidden,
            S("direction", "reverse"));
        // A sequence of no steps.
        yield return new(
            op, [14], [Any(3, 2, 2), Unit(2, 2 * gates, 2), Unit(2, 2 * gates, 2), Unit(2, 4 * gates), Lengths(0, 2), .. Initial(2, 2)],
            hidden, S("direction", "bidirectional"))
            { Outputs = 1 + states, Differentiated = [.. Enumerable.Range(0, 1 + states)] };
        // The last state alone, as classifiers use it: the node does not name the others.
        yield return new(op, [14], [Any(5, 2, 3), Unit(1, 2 * gates, 3), Unit(1, 2 * gates, 2)], hidden)
            { Outputs = 2, Differentiated = [1], Unnamed = [0] };
    }

    private static IEnumerable<RuleCase> Activations()
    {
        (string Name, float[] Alpha, float[] Beta)[] functions =
        [
            ("Sigmoid", [], []), ("Relu", [], []), ("Softsign", [], []), ("Softplus", [], []), ("Affine", [0.7f], [0.1f]),
            ("LeakyRelu", [0.2f], []),
            ("ThresholdedRelu", [0.3f], []), ("ScaledTanh", [1.2f], [0.6f]), ("HardSigmoid", [0.3f], [0.5f]), ("Elu", [0.8f], []),
        ];
        foreach (var (name, alpha, beta) in functions)
        {
            List<OnnxAttribute> attributes = [I("hidden_size", 2), Ss("activations", name)];
            if (alpha.Length > 0)
                attributes.Add(Fs("activation_alpha", alpha));
            if (beta.Length > 0)
                attributes.Add(Fs("activation_beta", beta));
            yield return new("RNN", [14], [Any(3, 1, 2), Unit(1, 2, 2), Unit(1, 2, 2), Unit(1, 4)], [.. attributes]);
            attributes[1] = Ss("activations", "Sigmoid", name);
            yield return new("GRU", [14], [Any(3, 1, 2), Unit(1, 6, 2), Unit(1, 6, 2), Unit(1, 12)], [.. attributes]);
            attributes[1] = Ss("activations", name, "Tanh");
            yield return new(
                "GRU", [14], [Any(3, 1, 2), Unit(1, 6, 2), Unit(1, 6, 2), Unit(1, 12)], [.. attributes, I("linear_before_reset", 1)]);
            attributes[1] = Ss("activations", "Sigmoid", "Tanh", name);
            yield return new("LSTM", [14], [Any(3, 1, 2), Unit(1, 8, 2), Unit(1, 8, 2), Unit(1, 16)], [.. attributes]);
        }

        yield return new("RNN", [14], [Any(3, 1, 2), Unit(2, 2, 2), Unit(2, 2, 2)], I("hidden_size", 2), S("direction", "bidirectional"),
            Ss("activations", "Tanh", "LeakyRelu"), Fs("activation_alpha", 0.2f));
        yield return new("RNN", [14], [Any(3, 1, 2), Unit(2, 2, 2), Unit(2, 2, 2)], I("hidden_size", 2), S("direction", "bidirectional"),
            Ss("activations", "Tanh", "ScaledTanh"), Fs("activation_alpha", 1.3f), Fs("activation_beta", 0.7f));
        yield return new("RNN", [14], [Any(3, 1, 2), Unit(2, 2, 2), Unit(2, 2, 2)], I("hidden_size", 2), S("direction", "bidirectional"),
            Ss("activations", "LeakyRelu", "ScaledTanh"), Fs("activation_alpha", 0.1f, 1.3f), Fs("activation_beta", 0.7f));
        yield return new("LSTM", [14], [Any(3, 1, 2), Unit(1, 8, 2), Unit(1, 8, 2)], I("hidden_size", 2),
            Ss("activations", "HardSigmoid", "ScaledTanh", "Elu"), Fs("activation_alpha", 0.25f, 1.3f), Fs("activation_beta", 0.5f, 0.7f));
    }

    /// <summary>Clipping, coupled gates, peepholes, the two places of the reset gate.</summary>
    private static IEnumerable<RuleCase> Gated()
    {
        var hidden = I("hidden_size", 2);
        yield return new("RNN", [14], [Any(5, 2, 3), Unit(1, 2, 3), Unit(1, 2, 2), Unit(1, 4)], hidden, F("clip", 0.6f));
        yield return new("GRU", [14], [Any(5, 2, 3), Unit(1, 6, 3), Unit(1, 6, 2), Unit(1, 12)], hidden, F("clip", 0.6f));
        yield return new("LSTM", [14], [Any(5, 1, 2), Unit(1, 8, 2), Unit(1, 8, 2), Unit(1, 16)], hidden, F("clip", 0.8f));
        yield return new("GRU", RecurrentVersions, [Any(5, 2, 3), Unit(1, 6, 3), Unit(1, 6, 2), Unit(1, 12), Absent, Unit(1, 2, 2)], hidden,
            I("linear_before_reset", 1));
        yield return new("GRU", [14],
            [Any(3, 2, 3), Unit(2, 6, 3), Unit(2, 6, 2), Unit(2, 12), Fix(OnnxTensor.Create<int>("", [2], [3, 2])), Unit(2, 2, 2)],
            hidden, I("linear_before_reset", 1), S("direction", "bidirectional")) { Outputs = 2, Differentiated = [0, 1] };
        Operand[] peepholes = [Any(3, 2, 3), Unit(1, 8, 3), Unit(1, 8, 2), Unit(1, 16), Absent, Unit(1, 2, 2), Unit(1, 2, 2), Unit(1, 6)];
        yield return new("LSTM", RecurrentVersions, peepholes, hidden) { Outputs = 3, Differentiated = [0, 1, 2] };
        yield return new("LSTM", [14], [Any(5, 2, 3), Unit(1, 8, 3), Unit(1, 8, 2), Absent, Absent, Absent, Absent, Unit(1, 6)], hidden,
            S("direction", "reverse"));
        yield return new("LSTM", [14], [Any(3, 2, 2), Unit(2, 8, 2), Unit(2, 8, 2), Unit(2, 16),
            Fix(OnnxTensor.Create<int>("", [2], [3, 1])), Unit(2, 2, 2), Unit(2, 2, 2), Unit(2, 6)],
            hidden, S("direction", "bidirectional")) { Outputs = 3, Differentiated = [0, 1, 2] };
        yield return new("LSTM", [14], peepholes[..7], hidden, I("input_forget", 1)) { Outputs = 3, Differentiated = [0, 2] };
        yield return new("LSTM", [14], peepholes, hidden, I("input_forget", 1)) { Outputs = 3, Differentiated = [0, 1, 2] };
    }
}
