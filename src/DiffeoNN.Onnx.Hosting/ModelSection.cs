using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Reads a model's options from its configuration, setting by setting, so that whatever is wrong is told with the model and the
/// place.</summary>
internal static class ModelSection
{
    private static readonly PropertyInfo[] Settings =
        [.. typeof(DiffeoModelOptions).GetProperties().Where(property => property.Name != nameof(DiffeoModelOptions.Configure))];

    /// <summary>Sets the options that the section has.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="section">Its configuration.</param>
    /// <param name="options">Changed.</param>
    /// <exception cref="OptionsValidationException">A setting is none, or has a value that cannot be read; all are named.</exception>
    public static void Bind(string model, IConfiguration section, DiffeoModelOptions options)
    {
        var problems = new List<string>();
        foreach (var given in section.GetChildren())
        {
            var place = given.Path;
            if (Array.Find(Settings, one => one.Name.Equals(given.Key, StringComparison.OrdinalIgnoreCase)) is not { } setting)
            {
                problems.Add($"Model '{model}': '{place}' is no setting; the settings are "
                    + $"{string.Join(", ", Settings.Select(one => one.Name))}.");
                continue;
            }

            try
            {
                if (given.GetChildren().Any()) problems.Add($"Model '{model}': '{place}' is a section; expected a value.");
                else if (given.Get(setting.PropertyType) is { } value) setting.SetValue(options, value);
            }
            catch (InvalidOperationException)
            {
                problems.Add($"Model '{model}': '{place}' is '{given.Value}'; expected {Expected(setting.PropertyType)}.");
            }
        }

        if (problems.Count > 0) throw new OptionsValidationException(model, typeof(DiffeoModelOptions), problems);
    }

    private static string Expected(Type type)
    {
        var bare = Nullable.GetUnderlyingType(type) ?? type;
        return bare.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(bare))}"
            : bare == typeof(bool) ? "true or false"
            : bare == typeof(TimeSpan) ? "a time such as 00:00:30"
            : bare == typeof(string) ? "text"
            : bare == typeof(ulong) ? "a whole number, 0 or more" : "a whole number";
    }
}
