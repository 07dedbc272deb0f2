using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>What requests may say of how they are run.</summary>
internal static class ModelParameters
{
    private static readonly string[] Settings = ["steps", "seed", "start", "passes", "accept"];

    /// <summary>What requests to a bundle may say.</summary>
    public static IReadOnlyList<string> OfBundle { get; } = [.. Settings, "timeout", "on_timeout", "priority"];

    /// <summary>Refuses parameters that are not known, so that a misspelt one is not passed over.</summary>
    public static void Check(RequestParameters parameters, IReadOnlyList<string> known)
    {
        if (parameters.All.Keys.FirstOrDefault(name => !known.Contains(name)) is { } other)
            throw ProtocolException.Invalid(
                $"There is no parameter '{StrictJson.Short(other)}'. Parameters: {string.Join(", ", known)}.");
    }

    /// <summary>Settings of a search as a request says them over those of the model.</summary>
    /// <param name="parameters">The request's.</param>
    /// <param name="options">The model's.</param>
    /// <param name="most">How many steps and passes may be asked for.</param>
    /// <returns>The same object where the request says nothing.</returns>
    public static EquivariantOptions Apply(RequestParameters parameters, EquivariantOptions options, ServingOptions most)
    {
        foreach (var setting in SearchSpec.Settings.Where(setting => Settings.Contains(setting.Name)))
        {
            if (!parameters.All.TryGetValue(setting.Name, out var said)) continue;
            var value = setting.Parse(parameters.Text(setting.Name)!);
            if (value is null)
                throw RequestParameters.Wrong(
                    setting.Name, said, setting.Words.Count > 0 ? string.Join(", ", setting.Words) : setting.Expected);
            var allowed = setting.Name switch
            {
                "steps" => most.MaximumSteps, "passes" => most.MaximumPasses, _ => int.MaxValue,
            };
            if (value is int number && number > allowed)
                throw ProtocolException.TooLarge($"Parameter '{setting.Name}' is {number}; this server allows {allowed}.");
            options = (EquivariantOptions)options.With(setting, value);
        }

        return options;
    }
}
