using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>What graphs that decide by themselves need beyond arithmetic: rows chosen and put back, loops.</summary>
internal static class GraphLoops
{
    /// <summary>A value that a loop carries on.</summary>
    /// <param name="Value">At the start.</param>
    /// <param name="Type">Element type.</param>
    /// <param name="Rank">Number of dimensions.</param>
    public sealed record Carried(string Value, OnnxElementType Type, int Rank);

    /// <summary>Writes a loop.</summary>
    /// <param name="writer">The graph.</param>
    /// <param name="name">Of the body.</param>
    /// <param name="trips">Most rounds, int64 scalar.</param>
    /// <param name="goes">Whether the first round begins, bool scalar; null for yes.</param>
    /// <param name="carried">What is carried on.</param>
    /// <param name="body">Writes a round: its number (int64) and the values to whether another begins (null for yes), and the values
    /// then.</param>
    /// <returns>The values at the end.</returns>
    public static string[] Loop(
        this GraphWriter writer, string name, string trips, string? goes, Carried[] carried,
        Func<string, string[], (string? Goes, string[] Values)> body)
    {
        var graph = writer.Body(name, graph =>
        {
            var round = writer.Input(writer.Fresh("round"), OnnxElementType.Int64);
            var went = writer.Input(writer.Fresh("went"), OnnxElementType.Bool);
            string[] values = [.. carried.Select(one =>
                writer.Input(writer.Fresh("carried"), one.Type, [.. Enumerable.Repeat(OnnxDimension.Unknown, one.Rank)]))];
            var (next, results) = body(round, values);
            Result(next ?? went, OnnxElementType.Bool, 0);
            for (var i = 0; i < carried.Length; i++)
                Result(results[i], carried[i].Type, carried[i].Rank);

            void Result(string value, OnnxElementType type, int rank) => graph.Outputs.Add(new OnnxValueInfo(
                writer.Op("Identity", [value]), type, [.. Enumerable.Repeat(OnnxDimension.Unknown, rank)]));
        });
        return writer.Ops(
            "Loop", carried.Length, [trips, goes ?? "", .. carried.Select(one => one.Value)], OnnxAttribute.Of("body", graph));
    }

    /// <summary>Rows of a value at indices (int64).</summary>
    public static string Rows(this GraphWriter writer, string value, string index) =>
        writer.Op("Gather", [value, index], OnnxAttribute.Of("axis", 0L));

    /// <summary>Puts rows into a copy of a value; every index at most once.</summary>
    public static string Put(this GraphWriter writer, string value, string index, string rows) =>
        writer.Op("ScatterND", [value, writer.Reshape(index, -1, 1), rows]);

    /// <summary>The indices at which a vector of truths holds, int64; perhaps none.</summary>
    public static string Where(this GraphWriter writer, string truths) =>
        writer.Op("Squeeze", [writer.Op("NonZero", [truths]), writer.Ints(0)]);

    /// <summary>How many rows a value has, a vector of one int64.</summary>
    public static string Count(this GraphWriter writer, string value) => writer.Slice(writer.Op("Shape", [value]), 0, 0, 1);

    /// <summary>Whether any of a vector of truths holds, bool scalar.</summary>
    public static string Any(this GraphWriter writer, string truths) => writer.Op(
        "Greater", [writer.Reduce("ReduceSum", writer.Whole(truths), false, 0), writer.Whole(0)]);

    /// <summary>Truths as 0 and 1, int64.</summary>
    public static string Whole(this GraphWriter writer, string truths) => writer.To(truths, OnnxElementType.Int64);

    /// <summary>A scalar of int64.</summary>
    public static string Whole(this GraphWriter writer, long value) => writer.Constant(
        OnnxTensor.Create<long>(writer.Fresh("constant"), [], [value]));

    /// <summary>Another element type.</summary>
    public static string To(this GraphWriter writer, string value, OnnxElementType type) =>
        writer.Op("Cast", [value], OnnxAttribute.Of("to", (long)type));

    /// <summary>Truths that both hold.</summary>
    public static string And(this GraphWriter writer, string a, string b) => writer.Op("And", [a, b]);

    /// <summary>The opposite of truths.</summary>
    public static string Not(this GraphWriter writer, string a) => writer.Op("Not", [a]);
}
