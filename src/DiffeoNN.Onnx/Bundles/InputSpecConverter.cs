using System.Text.Json;
using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Writes an input as its name where no more is said of it, else as an object.</summary>
internal sealed class InputSpecConverter : JsonConverter<InputSpec>
{
    /// <inheritdoc/>
    public override InputSpec Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Manifests are read by BundleManifest.Parse, which names what is wrong with them.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, InputSpec value, JsonSerializerOptions options)
    {
        if (value.IsNameAlone())
        {
            writer.WriteStringValue(value.Name);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("name", value.Name);
        if (value.Layout != ChannelLayout.ChannelsFirst)
            writer.WriteString("layout", JsonNamingPolicy.CamelCase.ConvertName(value.Layout.ToString()));
        Number("channels", value.Channels);
        Number("height", value.Height);
        Number("width", value.Width);
        Number("range", value.Range);
        Numbers("mean", value.Mean);
        Numbers("std", value.Std);
        writer.WriteEndObject();

        void Number(string name, double? number)
        {
            if (number is { } given) writer.WriteNumber(name, given);
        }

        void Numbers(string name, IReadOnlyList<double>? numbers)
        {
            if (numbers is null) return;
            writer.WriteStartArray(name);
            foreach (var number in numbers) writer.WriteNumberValue(number);
            writer.WriteEndArray();
        }
    }
}
