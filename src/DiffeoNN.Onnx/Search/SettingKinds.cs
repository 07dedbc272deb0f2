using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Search;

/// <summary>The kinds of settings there are.</summary>
internal static class SettingKinds
{
    /// <summary>A number that float32 can hold too, since weights become tensors.</summary>
    public static SettingKind<double> NonNegative { get; } =
        new Number("a number of at least 0", value => value is >= 0 and <= float.MaxValue);

    /// <summary>Above zero, and within float32.</summary>
    public static SettingKind<double> Positive { get; } = new Number("a number above 0", value => value is > 0 and <= float.MaxValue);

    /// <summary>Any.</summary>
    public static SettingKind<double> Finite { get; } = new Number("a finite number", double.IsFinite);

    /// <summary>True or false.</summary>
    public static SettingKind<bool> Truth { get; } = new TruthKind();

    /// <summary>A seed.</summary>
    public static SettingKind<ulong> Seed { get; } = new SeedKind();

    /// <summary>A time, in seconds where it is written.</summary>
    public static SettingKind<TimeSpan> Seconds { get; } = new SecondsKind();

    /// <summary>Rotations and scales.</summary>
    public static SettingKind<MultiStartOptions> Starts { get; } = new StartsKind();

    /// <summary>A whole number.</summary>
    public static SettingKind<int> Whole(int least, int most = int.MaxValue) => new WholeKind(
        most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number from {least} to {most}",
        value => value >= least && value <= most);

    /// <summary>A whole number, or 0, which means something else.</summary>
    public static SettingKind<int> WholeOrZero(int least, int most, string zero) =>
        new WholeKind($"a whole number from {least} to {most}, or 0 ({zero})", value => value == 0 || (value >= least && value <= most));

    /// <summary>A value of an enum, by its name in camel case.</summary>
    /// <param name="others">Further words that are read, of values that were once named otherwise.</param>
    public static SettingKind<T> Choice<T>(params (string Word, T Value)[] others)
        where T : struct, Enum => new ChoiceKind<T>(null, others);

    /// <summary>A choice that callers may leave open; manifests then say nothing.</summary>
    /// <param name="open">The value that stands for no choice.</param>
    /// <param name="others">Further words that are read.</param>
    public static SettingKind<T> OpenChoice<T>(T open, params (string Word, T Value)[] others)
        where T : struct, Enum => new ChoiceKind<T>(open, others);

    private sealed class Number(string expected, Func<double, bool> fits) : SettingKind<double>
    {
        public override string Expected => expected;

        public override object? Read(JsonElement json) =>
            json.ValueKind == JsonValueKind.Number && json.TryGetDouble(out var number) && double.IsFinite(number) ? number : null;

        public override object? Parse(string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

        protected override bool Fits(double value) => fits(value);

        protected override string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

        protected override JsonNode Write(double value) => JsonValue.Create(value);
    }

    private sealed class WholeKind(string expected, Func<int, bool> fits) : SettingKind<int>
    {
        public override string Expected => expected;

        public override object? Read(JsonElement json) =>
            json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out var number) ? number : null;

        public override object? Parse(string text) =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

        protected override bool Fits(int value) => fits(value);

        protected override string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

        protected override JsonNode Write(int value) => JsonValue.Create(value);
    }

    private sealed class TruthKind : SettingKind<bool>
    {
        public override string Expected => "true or false";

        public override IReadOnlyList<string> Words { get; } = ["true", "false"];

        public override object? Read(JsonElement json) =>
            json.ValueKind is JsonValueKind.True or JsonValueKind.False ? json.GetBoolean() : null;

        public override object? Parse(string text) => bool.TryParse(text, out var truth) ? truth : null;

        protected override bool Fits(bool value) => true;

        protected override string Text(bool value) => value ? "true" : "false";

        protected override JsonNode Write(bool value) => JsonValue.Create(value);
    }

    private sealed class SeedKind : SettingKind<ulong>
    {
        public override string Expected => "a whole number from 0 on";

        public override object? Read(JsonElement json) =>
            json.ValueKind == JsonValueKind.Number && json.TryGetUInt64(out var number) ? number : null;

        public override object? Parse(string text) =>
            ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

        protected override bool Fits(ulong value) => true;

        protected override string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);

        protected override JsonNode Write(ulong value) => JsonValue.Create(value);
    }

    private sealed class SecondsKind : SettingKind<TimeSpan>
    {
        public override string Expected => "a number of seconds of at least 0";

        public override object? Read(JsonElement json) => Positive.Read(json) is double seconds ? Time(seconds) : null;

        public override object? Parse(string text) => Positive.Parse(text) is double seconds ? Time(seconds) : null;

        protected override bool Fits(TimeSpan value) => value >= TimeSpan.Zero;

        protected override string Text(TimeSpan value) => value.TotalSeconds.ToString(CultureInfo.InvariantCulture);

        protected override JsonNode Write(TimeSpan value) => JsonValue.Create(value.TotalSeconds);

        private static object? Time(double seconds) => Math.Abs(seconds) < 1e9 ? TimeSpan.FromSeconds(seconds) : null;
    }

    private sealed class StartsKind : SettingKind<MultiStartOptions>
    {
        public override string Expected => "rotations and scales, one of each at least, the scales above 0, and 1 refined at least";

        public override object? Read(JsonElement json) => null;

        public override object? Parse(string text) => null;

        protected override bool Fits(MultiStartOptions value) => value is { Rotations.Count: > 0, Scales.Count: > 0, Refined: >= 1 }
            && value.Scales.All(scale => scale > 0) && value.Scales.Concat(value.Rotations).All(double.IsFinite);

        protected override string Text(MultiStartOptions value) => string.Create(CultureInfo.InvariantCulture,
            $"{value.Rotations.Count} rotations x {value.Scales.Count} scales, {value.Refined} refined");

        protected override JsonNode Write(MultiStartOptions value) => new JsonObject
        {
            ["rotations"] = new JsonArray([.. value.Rotations.Select(rotation => JsonValue.Create(rotation))]),
            ["scales"] = new JsonArray([.. value.Scales.Select(scale => JsonValue.Create(scale))]),
            ["refined"] = value.Refined,
        };
    }

    private sealed class ChoiceKind<T>(T? open, (string Word, T Value)[] others) : SettingKind<T>
        where T : struct, Enum
    {
        public override string Expected =>
            $"one of {string.Join(", ", Enum.GetValues<T>().Where(value => !Equals(value, open)).Select(WordOf))}";

        public override object? Open => open;

        public override IReadOnlyList<string> Words { get; } = [.. Enum.GetValues<T>().Select(WordOf)];

        public override object? Read(JsonElement json) =>
            json.ValueKind == JsonValueKind.String && Parse(json.GetString()!) is { } value && !value.Equals(open) ? value : null;

        public override object? Parse(string text) => Words.Contains(text)
            ? Enum.Parse<T>(text, ignoreCase: true)
            : others.Where(other => other.Word == text).Select(other => (object?)other.Value).FirstOrDefault();

        protected override bool Fits(T value) => Enum.IsDefined(value);

        protected override string Text(T value) => WordOf(value);

        protected override JsonNode Write(T value) => JsonValue.Create(WordOf(value));

        private static string WordOf(T value) => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
    }
}
