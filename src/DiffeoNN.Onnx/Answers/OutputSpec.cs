using System.Text.Json;

namespace DiffeoNN.Onnx.Answers;

/// <summary>An output of an inner model. Which of the optional members a kind takes, the manifest's reference says.</summary>
public sealed record OutputSpec
{
    /// <summary>Name of the tensor in the ONNX file.</summary>
    public required string Name { get; init; }

    /// <summary>What results call the answer, of letters, digits, '-' and '_'; null for the tensor's name.</summary>
    public string? As { get; init; }

    /// <summary>What it means.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>What turns it into probabilities; only kinds with classes have one.</summary>
    public OutputActivation Activation { get; init; } = OutputActivation.None;

    /// <summary>Names of the classes, one a channel (a single channel may name background and foreground);
    /// null if they have none.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Where the channels are; null for first.</summary>
    public OutputLayout? Layout { get; init; }

    /// <summary>Rows and columns of what has values for pixels; null if it is the image's size or a whole fraction of it.</summary>
    public IReadOnlyList<int>? Resolution { get; init; }

    /// <summary>What the coordinates of points and boxes count; null for the library's unit.</summary>
    public OutputCoordinates? Coordinates { get; init; }

    /// <summary>Which coordinate comes first; null for x.</summary>
    public CoordinateOrder? Order { get; init; }

    /// <summary>What the four numbers of a box are; null for two corners.</summary>
    public BoxFormat? Format { get; init; }

    /// <summary>Name of the tensor with the scores of boxes, (N, B) or of each class (N, B, C); null if there is none.</summary>
    public string? Scores { get; init; }

    /// <summary>Name of the tensor with the class numbers of boxes, (N, B); null if there is none.</summary>
    public string? Labels { get; init; }

    /// <summary>Whether the b-th box is the same anchor's in every image, so that boxes of several maps can be averaged; null for
    /// no.</summary>
    public bool? Anchors { get; init; }

    /// <summary>What results call the answer.</summary>
    internal string Title => As ?? Name;

    /// <summary>As <c>info</c> says it, by the manifest's words, defaults included: <c>points 'landmarks', coordinates pixels, order
    /// yx</c>.</summary>
    public override string ToString()
    {
        var fields = AnswerKinds.Of(Kind).Fields;
        var parts = new List<string> { $"{Word(Kind)} '{Name}'{(As is { } title ? $" as {title}" : "")}" };
        Add("coordinates", Coordinates ?? OutputCoordinates.Centred);
        Add("order", Order ?? CoordinateOrder.Xy);
        Add("format", Format ?? BoxFormat.Xyxy);
        Add("scores", Scores is { } scores ? $"'{scores}'" : "none");
        Add("labels", Labels is { } labels ? $"'{labels}'" : null);
        Add("activation", Activation);
        Add("classes", Classes is { } classes ? string.Join(", ", classes) : null);
        Add("layout", Layout);
        Add("resolution", Resolution is { } resolution ? string.Join(" x ", resolution) : null);
        Add("anchors", Anchors is { } anchors ? (anchors ? "true" : "false") : null);
        return string.Join(", ", parts);

        void Add(string field, object? value)
        {
            if (value is not null && fields.Contains(field)) parts.Add($"{field} {(value is Enum word ? Word(word) : value)}");
        }

        static string Word(Enum value) => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
    }

    /// <summary>A class by its name, or its number.</summary>
    internal string NameOf(int label) => Classes is { } names && label >= 0 && label < names.Count ? names[label] : $"class {label}";
}
