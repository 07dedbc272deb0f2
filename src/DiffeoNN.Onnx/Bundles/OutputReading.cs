using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Reads what a manifest says of a network's outputs; which fields count, each kind of answer says.</summary>
internal static class OutputReading
{
    /// <summary>Names of files beside the answers', which no answer may have.</summary>
    private static readonly string[] Taken = ["naive", "canonical", "panel", "fields", "values"];

    /// <summary>The object of a single output.</summary>
    public static OutputSpec One(ManifestNode node)
    {
        node.Object(
            "name", "kind", "activation", "classes", "as", "layout", "resolution", "coordinates", "order", "format", "scores", "labels",
            "anchors");
        var kind = AnswerKinds.Of(node.Required("kind").Choice<OutputKind>());
        var activation = Field("activation");
        return new OutputSpec
        {
            Name = node.Required("name").Name(),
            As = node.Optional("as") is { } title ? Title(title) : null,
            Kind = kind.Kind,
            Activation = activation?.Choice<OutputActivation>() ?? OutputActivation.None,
            Classes = Field("classes") is { } classes ? Classes(classes) : null,
            Layout = Field("layout")?.Choice<OutputLayout>(),
            Resolution = Field("resolution") is { } resolution ? Resolution(resolution) : null,
            Coordinates = Field("coordinates")?.Choice<OutputCoordinates>(),
            Order = Field("order")?.Choice<CoordinateOrder>(),
            Format = Field("format")?.Choice<BoxFormat>(),
            Scores = Field("scores")?.Name(),
            Labels = Field("labels")?.Name(),
            Anchors = Field("anchors")?.Truth(),
        };

        ManifestNode? Field(string name)
        {
            if (node.Optional(name) is not { } field || kind.Fields.Contains(name)) return node.Optional(name);
            if (name != "activation") throw field.Refuse($"no such field, since the output's kind is {kind.Name}");
            return field.Choice<OutputActivation>() == OutputActivation.None
                ? field
                : throw field.Refuse($"none, since the output's kind is {kind.Name}");
        }
    }

    /// <summary>The array of several outputs, whose names in results tell them apart.</summary>
    public static List<OutputSpec> Several(ManifestNode node)
    {
        var items = node.Items();
        if (items.Count == 0) throw node.Refuse("an array of one output or more");
        var specs = items.ConvertAll(One);
        if (specs.Count == 1) return specs;
        var known = new HashSet<string>(Taken, StringComparer.OrdinalIgnoreCase);
        foreach (var (item, spec) in items.Zip(specs))
        {
            if (!IsTitle(spec.Title))
                throw item.Refuse($"a field as with a name for files, of letters, digits, '-' and '_', which '{spec.Title}' is not");
            if (!known.Add(spec.Title))
                throw item.Refuse($"a field as with another name than '{spec.Title}', which is taken");
        }

        return specs;
    }

    private static string Title(ManifestNode node)
    {
        var title = node.Name();
        return IsTitle(title) ? title : throw node.Refuse("a name of letters, digits, '-' and '_'");
    }

    private static bool IsTitle(string title) => title.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');

    private static List<int> Resolution(ManifestNode node)
    {
        var sizes = node.Items();
        return sizes.Count == 2 ? sizes.ConvertAll(size => size.Whole(1, 65536)) : throw node.Refuse("an array of 2, rows and columns");
    }

    private static List<string> Classes(ManifestNode node)
    {
        var names = node.Items().ConvertAll(item => item.Name());
        return names.Count > 0 && names.Distinct(StringComparer.Ordinal).Count() == names.Count
            ? names
            : throw node.Refuse("the classes' names, each once");
    }
}
