using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>One line of <c>results.jsonl</c>: what canonicalisation did to an image and where its files are.
/// Numbers that are not finite are null.</summary>
internal static class ResultRecord
{
    private static readonly JsonSerializerOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The line, without its end.</summary>
    /// <param name="input">Path of the image.</param>
    /// <param name="scaled">As it went in.</param>
    /// <param name="orients">Whether it was turned as its file says.</param>
    /// <param name="model">What ran.</param>
    /// <param name="image">What became of it.</param>
    /// <param name="batch">The batch it was in.</param>
    /// <param name="files">Files written for it by what they hold.</param>
    /// <param name="naive">The inner model alone, if it was asked for.</param>
    public static string Line(
        string input, ScaledImage scaled, bool orients, EquivariantModel model, EquivariantImage image, EquivariantBatch batch,
        IReadOnlyDictionary<string, string> files, ModelOutput? naive)
    {
        var found = image.Canonicalisation;
        var record = new JsonObject
        {
            ["image"] = input,
            ["height"] = scaled.Height,
            ["width"] = scaled.Width,
            ["files"] = new JsonObject(files.Select(file => KeyValuePair.Create<string, JsonNode?>(file.Key, file.Value))),
            [image.Output.Further.Count == 0 ? "answer" : "outputs"] = Answers(image.Output),
        };
        if (scaled.Orientation != ImageOrientation.Upright)
            record["orientation"] = new JsonObject { ["exif"] = (int)scaled.Orientation, ["applied"] = orients };
        AddNotFinite("notFinite", image.Output);
        if (naive is not null)
        {
            record["naive"] = Answers(naive);
            AddNotFinite("naiveNotFinite", naive);
        }

        record["accepted"] = found.Accepted;
        record["refusal"] = found.Refusal is { } refusal
            ? new JsonObject { ["reason"] = Camel(refusal.Reason), ["text"] = refusal.Text }
            : null;
        record["maps"] = image.Maps;
        record["inputEnergy"] = Finite(found.InputEnergy);
        record["total"] = Change(found.Total);
        record["energy"] = Change(found.Energy);
        record["terms"] = new JsonObject(found.Terms.Select(term => KeyValuePair.Create<string, JsonNode?>(term.Name, Change(term))));
        record["steps"] = found.Steps;
        record["stop"] = Camel(found.Stop);
        record["bestStep"] = found.BestStep;
        record["start"] = found.Start;
        record["velocityScale"] = found.VelocityScale;
        record["squarings"] = found.Squarings;
        record["determinant"] = new JsonObject
        {
            ["minimum"] = Finite(found.Diagnostics.MinimumDeterminant),
            ["maximum"] = Finite(found.Diagnostics.MaximumDeterminant),
        };
        record["foldedFraction"] = Finite(found.Diagnostics.FoldedFraction);
        record["inverseResidualPixels"] = new JsonObject
        {
            ["maximum"] = Finite(found.Diagnostics.InverseResidualMaximum),
            ["mean"] = Finite(found.Diagnostics.InverseResidualMean),
        };
        record["model"] = model.Bundle.Name;
        record["device"] = model.Device.Device.ToString().ToLowerInvariant();
        record["engine"] = model.Engine.ToString().ToLowerInvariant();
        record["preset"] = Camel(model.Plan.Preset);
        record["fields"] = Camel(model.Plan.FromIdentity.Fields);
        record["seed"] = model.Plan.FromIdentity.Seed;
        record["search"] = model.Plan.ToJson();
        record["batch"] = batch.Count;
        record["batchMilliseconds"] = Times(batch);
        return record.ToJsonString(Options);

        // Where all is well nothing is said, so that records stay as they were.
        void AddNotFinite(string name, ModelOutput output)
        {
            if (!output.IsFinite) record[name] = output.All.Sum(one => one.NotFinite);
        }
    }

    /// <summary>The one answer, or each by its name.</summary>
    private static JsonObject? Answers(ModelOutput output) => output.Further.Count == 0
        ? output.ToJson()
        : new JsonObject(output.All.Select(one => KeyValuePair.Create<string, JsonNode?>(one.Name, one.ToJson())));

    private static JsonObject Times(EquivariantBatch batch)
    {
        var times = batch.Times;
        (string Name, TimeSpan Time)[] stages =
        [
            ("inference", batch.InferenceTime), ("energyGradient", times.EnergyGradient),
            ("searchGraph", times.SearchGraph), ("field", times.Field), ("exponential", times.Exponential),
            ("warp", times.Warp), ("regularisers", times.Regularisers), ("optimiser", times.Optimiser), ("diagnostics", times.Diagnostics),
            ("canonicalisation", times.Total),
        ];
        return new JsonObject(
            stages.Select(stage => KeyValuePair.Create<string, JsonNode?>(stage.Name, Math.Round(stage.Time.TotalMilliseconds, 3))));
    }

    private static JsonObject Change(EnergyTerm term) => new() { ["before"] = Finite(term.Before), ["after"] = Finite(term.After) };

    private static string Camel(Enum value) => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
