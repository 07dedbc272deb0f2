using System.Text;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Serving.Repository;
using Microsoft.AspNetCore.Http;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>Leaves out of what scrapers are told the versions that are gone: the exporter remembers whatever it was ever told, and would go
/// on telling the last value of each.</summary>
internal static partial class LiveSeries
{
    /// <summary>Answers a scrape.</summary>
    /// <param name="context">The request.</param>
    /// <param name="scrape">Writes all that the exporter has.</param>
    /// <param name="repository">Knows which versions there are.</param>
    public static async Task Run(HttpContext context, RequestDelegate scrape, ModelRepository repository)
    {
        var body = context.Response.Body;
        using var told = new MemoryStream();
        context.Response.Body = told;
        try
        {
            await scrape(context).ConfigureAwait(false);
        }
        finally
        {
            context.Response.Body = body;
        }

        var text = Of(
            Encoding.UTF8.GetString(told.GetBuffer(), 0, (int)told.Length),
            RepositoryMeter.Known(repository).Select(one => (one.Name, one.Version)));
        await body.WriteAsync(Encoding.UTF8.GetBytes(text), context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>A scrape's text without series of models' versions that are not among those.</summary>
    internal static string Of(string text, IEnumerable<(string Model, string Version)> versions)
    {
        var known = versions.Select(one => (Escaped(one.Model), one.Version)).ToHashSet();
        return string.Concat(Lines().Matches(text).Select(line => line.Value).Where(line => line.StartsWith('#')
            || Version().Match(line) is not { Success: true } found
            || known.Contains((found.Groups["model"].Value, found.Groups["version"].Value))));
    }

    private static string Escaped(string label) => label.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    [GeneratedRegex(@"[^\n]*\n|[^\n]+$")]
    private static partial Regex Lines();

    [GeneratedRegex("""[{,]model="(?<model>(?:[^"\\]|\\.)*)",version="(?<version>(?:[^"\\]|\\.)*)"[,}]""")]
    private static partial Regex Version();
}
