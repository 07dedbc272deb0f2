namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>The activation that a fused node applies to its result.</summary>
internal static class FusedActivation
{
    /// <summary>The activations there are, each with the names of its parameters.</summary>
    private static readonly Dictionary<string, string[]> Parameters = new(StringComparer.Ordinal)
    {
        ["Relu"] = [], ["Tanh"] = [], ["Sigmoid"] = [], ["Softplus"] = [], ["Softsign"] = [], ["HardSwish"] = [],
        ["LeakyRelu"] = ["alpha"], ["Elu"] = ["alpha"], ["ThresholdedRelu"] = ["alpha"], ["HardSigmoid"] = ["alpha", "beta"],
        ["Selu"] = ["alpha", "gamma"],
    };

    /// <summary>Applies the activation that the node names; the value itself where it names none.</summary>
    /// <param name="n">The node.</param>
    /// <param name="value">What it computes before its activation.</param>
    /// <param name="parameters">The parameters it gives, by their name or, without names, in their order.</param>
    public static Value Apply(RuleContext n, Value value, IReadOnlyDictionary<string, float> parameters)
    {
        var name = n.Node.GetString("activation", "");
        if (name.Length == 0)
            return value;
        if (name == "Clip")
        {
            // Not as Clip, whose gradient compares input and output: the runtime's CPU rounds one of them to 16 bits and not the other.
            var limited = parameters.TryGetValue("0", out var low) ? n.Op("Max", value, value.Like(low)) : value;
            return parameters.TryGetValue("1", out var high) ? n.Op("Min", limited, limited.Like(high)) : limited;
        }

        if (!Parameters.TryGetValue(name, out var names))
            throw n.Refuse($"its activation is '{name}'; known are Clip, {string.Join(", ", Parameters.Keys)}.");
        var given = names.Select((p, i) => (Name: p, Key: parameters.ContainsKey(p) ? p : $"{i}"))
            .Where(p => parameters.ContainsKey(p.Key));
        return value.Apply(name, [.. given.Select(p => OnnxAttribute.Of(p.Name, parameters[p.Key]))]);
    }
}
