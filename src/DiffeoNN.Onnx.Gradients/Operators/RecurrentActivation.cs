namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>An activation function of a recurrent operator: f(min(max(x, -clip), clip)).</summary>
/// <param name="Name">Its name in lower case.</param>
/// <param name="Alpha">First parameter.</param>
/// <param name="Beta">Second parameter.</param>
/// <param name="Clip">Bound of the argument; null for none.</param>
internal sealed record RecurrentActivation(string Name, double Alpha, double Beta, double? Clip)
{
    private static readonly Dictionary<string, (bool Alpha, bool Beta, double?[] Defaults)> Known = new(StringComparer.Ordinal)
    {
        ["tanh"] = (false, false, []),
        ["sigmoid"] = (false, false, []),
        ["relu"] = (false, false, []),
        ["softsign"] = (false, false, []),
        ["softplus"] = (false, false, []),
        ["leakyrelu"] = (true, false, [0.01f, null]),
        ["thresholdedrelu"] = (true, false, [null, null]),
        ["elu"] = (true, false, [1, null]),
        ["affine"] = (true, true, [null, null]),
        ["scaledtanh"] = (true, true, [null, null]),
        ["hardsigmoid"] = (true, true, [0.2f, 0.5f]),
    };

    /// <summary>The functions of a node in their order, direction by direction.</summary>
    /// <param name="n">The node.</param>
    /// <param name="directions">1 or 2.</param>
    /// <param name="defaults">The functions of one direction where the node names none.</param>
    public static RecurrentActivation[] Read(RuleContext n, int directions, params string[] defaults)
    {
        string[] names = n.Node.Attributes.TryGetValue("activations", out var given)
            ? [.. given.Strings.Select(a => a.ToLowerInvariant())] : [.. Enumerable.Repeat(defaults, directions).SelectMany(d => d)];
        if (names.Length < directions * defaults.Length)
            throw n.Refuse($"it names {names.Length} activations; {directions * defaults.Length} are needed.");
        Queue<float> Numbers(string attribute) => new(n.Node.Attributes.TryGetValue(attribute, out var list) ? list.Floats : []);
        var (alphas, betas) = (Numbers("activation_alpha"), Numbers("activation_beta"));
        var limit = n.Node.GetFloat("clip", 0) is > 0 and var clip ? clip : (double?)null;
        double Parameter(string name, string attribute, bool needed, Queue<float> queue, double? fallback) =>
            !needed ? 0 : queue.TryDequeue(out var number) ? number
            : fallback ?? throw n.Refuse($"activation '{name}' needs {attribute}, which is not given.");

        return [.. names.Take(directions * defaults.Length).Select(name =>
        {
            if (!Known.TryGetValue(name, out var kind))
                throw n.Refuse($"activation '{name}' is not known.");
            return new RecurrentActivation(
                name, Parameter(name, "activation_alpha", kind.Alpha, alphas, kind.Defaults.ElementAtOrDefault(0)),
                Parameter(name, "activation_beta", kind.Beta, betas, kind.Defaults.ElementAtOrDefault(1)), limit);
        })];
    }

    /// <summary>f(x).</summary>
    public Value Apply(Value argument)
    {
        var x = Clip is { } limit ? argument.Builder.Op("Clip", argument, argument.Like(-limit), argument.Like(limit)) : argument;
        return Name switch
        {
            "tanh" => x.Apply("Tanh"),
            "sigmoid" => x.Apply("Sigmoid"),
            "relu" => x.Apply("Relu"),
            "softsign" => x.Apply("Softsign"),
            "softplus" => x.Apply("Softplus"),
            "leakyrelu" => x.Apply("LeakyRelu", OnnxAttribute.Of("alpha", (float)Alpha)),
            "thresholdedrelu" => x.Apply("ThresholdedRelu", OnnxAttribute.Of("alpha", (float)Alpha)),
            "elu" => x.Apply("Elu", OnnxAttribute.Of("alpha", (float)Alpha)),
            "affine" => (x * Alpha) + Beta,
            "scaledtanh" => (x * Beta).Apply("Tanh") * Alpha,
            _ => x.Apply("HardSigmoid", OnnxAttribute.Of("alpha", (float)Alpha), OnnxAttribute.Of("beta", (float)Beta)),
        };
    }

    /// <summary>f'(x) from the argument, asked for only where it is needed, and y = f(x).</summary>
    public Value Derivative(Func<Value> argument, Value y)
    {
        var derivative = Name switch
        {
            "tanh" => 1 - (y * y),
            "sigmoid" => y * (1 - y),
            "relu" => (y > 0).AsNumber(y),
            "softsign" => Square(1 - y.Apply("Abs")),
            // y = log(1 + e^x), so that 1 / (1 + e^-x) = 1 - e^-y.
            "softplus" => 1 - (-y).Apply("Exp"),
            "affine" => y.Like(Alpha).ExpandLike(y),
            "scaledtanh" => (y.Like(Alpha) - (y * y / Alpha)) * Beta,
            "hardsigmoid" => y.Builder.Op("And", y > 0, y < 1).AsNumber(y) * Alpha,
            "leakyrelu" => y.Builder.Op("Where", argument() < 0, y.Like(Alpha), y.Like(1)),
            "thresholdedrelu" => (argument() > Alpha).AsNumber(y),
            _ => y.Builder.Op("Where", argument() < 0, y + Alpha, y.Like(1)),
        };
        return Clip is { } limit ? y.Builder.Op("Where", argument().Apply("Abs") < limit, derivative, y.Like(0)) : derivative;
    }

    private static Value Square(Value x) => x * x;
}
