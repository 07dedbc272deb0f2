using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace DiffeoNN.Onnx.Serving.Http;

/// <summary>The page for people at <c>/</c>, and what it needs below <c>/page</c>: files of this assembly, which ask the protocol's paths
/// beside them and nothing else.</summary>
public static class PageHttp
{
    // Nothing from elsewhere, nothing written into the page, and no page around it.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string[] Methods = ["GET", "HEAD"];

    private static readonly Dictionary<string, string> Types = new()
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    };

    /// <summary>Adds the page's paths.</summary>
    /// <param name="endpoints">Where to; the protocol's paths have to be there, too (<see cref="InferenceHttp"/>).</param>
    /// <returns>For conventions that hold for all of them.</returns>
    public static IEndpointConventionBuilder MapInferencePage(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var group = endpoints.MapGroup("");
        foreach (var (name, body) in Files())
        {
            var path = name == "index.html" ? "/" : $"/page/{name}";
            var (type, tag) = (Types[Path.GetExtension(name)], $"\"{Convert.ToHexStringLower(SHA256.HashData(body))[..32]}\"");
            group.MapMethods(path, Methods, context => Send(context, body, type, tag));
        }

        return group;
    }

    /// <summary>Whether a path is the page's: such are the same for everybody, and hold nothing that is secret.</summary>
    internal static bool Holds(string path) => path == "/" || path.StartsWith("/page/", StringComparison.Ordinal);

    /// <summary>The files by their names.</summary>
    internal static IEnumerable<(string Name, byte[] Body)> Files()
    {
        const string folder = "Page/";
        var assembly = typeof(PageHttp).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            var body = new byte[stream.Length];
            stream.ReadExactly(body);
            yield return (name[folder.Length..], body);
        }
    }

    private static async Task Send(HttpContext context, byte[] body, string type, string tag)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.ETag = tag;
        // Kept, but asked about each time, so that a new server's page is never half an old one.
        headers.CacheControl = "no-cache";
        var known = context.Request.Headers.IfNoneMatch.SelectMany(line => (line ?? "").Split(',')).Select(one => one.Trim());
        if (known.Any(one => one == "*" || one == tag || one == $"W/{tag}"))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        if (HttpMethods.IsGet(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }
}
