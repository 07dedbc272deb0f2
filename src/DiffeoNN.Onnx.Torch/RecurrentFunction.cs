using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch;

/// <summary>An activation function of a recurrent operator: f(min(max(x, -clip), clip)).</summary>
/// <param name="Name">Its name in lower case.</param>
/// <param name="Alpha">First parameter.</param>
/// <param name="Beta">Second parameter.</param>
/// <param name="Clip">Bound of the argument; null for none.</param>
internal sealed record RecurrentFunction(string Name, double Alpha, double Beta, double? Clip)
{
    /// <summary>Which functions have parameters, and what these are where not given; NaN where they must be given.</summary>
    private static readonly Dictionary<string, (double? Alpha, double? Beta)> Parameters = new(StringComparer.Ordinal)
    {
        ["tanh"] = (null, null),
        ["sigmoid"] = (null, null),
        ["relu"] = (null, null),
        ["softsign"] = (null, null),
        ["softplus"] = (null, null),
        ["leakyrelu"] = (0.01, null),
        ["thresholdedrelu"] = (double.NaN, null),
        ["elu"] = (1, null),
        ["affine"] = (double.NaN, double.NaN),
        ["scaledtanh"] = (double.NaN, double.NaN),
        ["hardsigmoid"] = (0.2, 0.5),
    };

    /// <summary>The functions of a node in their order, direction by direction.</summary>
    /// <param name="n">The node.</param>
    /// <param name="directions">1 or 2.</param>
    /// <param name="defaults">The functions of one direction where the node names none.</param>
    /// <exception cref="GraphException">A function is unknown, or lacks a parameter.</exception>
    public static RecurrentFunction[] Read(TorchNode n, int directions, string[] defaults)
    {
        string[] names = n.Node.Attributes.TryGetValue("activations", out var given) && given.Strings.Count > 0
            ? [.. given.Strings.Select(name => name.ToLowerInvariant())] : [.. Enumerable.Repeat(defaults, directions).SelectMany(d => d)];
        if (names.Length < directions * defaults.Length)
            throw n.Refuse($"names {names.Length} activations; {directions * defaults.Length} are needed");
        var (alphas, betas) = (Numbers("activation_alpha"), Numbers("activation_beta"));
        var clip = n.Float("clip", 0) is > 0 and var limit ? limit : (double?)null;
        return [.. names.Take(directions * defaults.Length).Select(name => Parameters.TryGetValue(name, out var has)
            ? new RecurrentFunction(
                name, Next(name, "activation_alpha", alphas, has.Alpha), Next(name, "activation_beta", betas, has.Beta), clip)
            : throw n.Refuse($"has an activation '{name}', which is not known"))];

        Queue<float> Numbers(string attribute) => new(n.Node.Attributes.TryGetValue(attribute, out var list) ? list.Floats : []);

        double Next(string name, string attribute, Queue<float> queue, double? fallback)
        {
            if (fallback is null) return 0;
            var number = queue.TryDequeue(out var found) ? found : fallback.Value;
            return double.IsNaN(number) ? throw n.Refuse($"has an activation '{name}', which needs {attribute}") : number;
        }
    }

    /// <summary>f(x).</summary>
    public Tensor Apply(Tensor argument)
    {
        var x = Clip is { } limit ? argument.Between(-limit, limit) : argument;
        return Name switch
        {
            "tanh" => x.tanh(),
            "sigmoid" => x.sigmoid(),
            "relu" => x.relu(),
            "softsign" => x.div(x.abs().Plus(1)),
            // log(1 + e^x)
            "softplus" => nn.functional.logsigmoid(x.neg()).neg(),
            "leakyrelu" => where(x.AtMost(0), x.Times(Alpha), x),
            "thresholdedrelu" => where(x.AtMost(Alpha), zeros_like(x), x),
            "elu" => where(x.AtMost(0), x.Between(double.MinValue, 0).expm1().Times(Alpha), x),
            "affine" => x.Times(Alpha).Plus(Beta),
            "scaledtanh" => x.Times(Beta).tanh().Times(Alpha),
            _ => x.Times(Alpha).Plus(Beta).Between(0, 1),
        };
    }
}
