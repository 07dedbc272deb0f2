using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Reads a model's options from its configuration, setting by setting, so that whatever is wrong is told with the model and the
/// place.</summary>
internal static class ModelSection
{
    private static readonly PropertyInfo[] Settings =
        [.. typeof(DiffeoModelOptions).GetProperties().Where(property => property.Name != nameof(DiffeoModelOptions.Configure))];

    /// <summary>Sets the options that the section has; what is none, or cannot be read, becomes one of
    /// <see cref="DiffeoModelOptions.Unread"/>, to be told with what else is wrong.</summary>
    /// <param name="section">The model's configuration.</param>
    /// <param name="options">Changed.</param>
    public static void Bind(IConfiguration section, DiffeoModelOptions options)
    {
        foreach (var given in section.GetChildren())
        {
            var place = given.Path;
            if (Array.Find(Settings, one => one.Name.Equals(given.Key, StringComparison.OrdinalIgnoreCase)) is not { } setting)
            {
                options.Unread.Add($"'{place}' is no setting; the settings are "
                    + $"{string.Join(", ", Settings.Select(one => one.Name))}.");
                continue;
            }

            try
            {
                if (given.GetChildren().Any()) options.Unread.Add($"'{place}' is a section; expected a value.");
                else if (given.Get(setting.PropertyType) is { } value) setting.SetValue(options, value);
            }
            catch (InvalidOperationException)
            {
                options.Unread.Add($"'{place}' is '{given.Value}'; expected {Expected(setting.PropertyType)}.");
            }
        }
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
