using System.Security.Cryptography;
using System.Text;
using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.AspNetCore.Http;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>Lets in those who send one of the keys, as <c>Authorization: Bearer KEY</c> or <c>X-API-Key: KEY</c>; probes of health and
/// the page, which asks for one, need none.</summary>
internal sealed class ApiKeys
{
    private readonly byte[][] _hashes;

    private ApiKeys(byte[][] hashes) => _hashes = hashes;

    /// <summary>Reads keys.</summary>
    /// <param name="path">One a line; empty lines and those that begin with # do not count.</param>
    /// <exception cref="ServerException">There are none.</exception>
    public static ApiKeys Load(string path)
    {
        byte[][] hashes;
        try
        {
            hashes = [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#').Select(Hash)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ServerException($"--key-file: '{path}' cannot be read: {error.Message}", error);
        }

        return hashes.Length > 0 ? new ApiKeys(hashes) : throw new ServerException($"--key-file: '{path}' holds no keys, one a line.");
    }

    /// <summary>Whether a request may pass.</summary>
    public bool Admits(HttpRequest request)
    {
        var path = request.Path.Value ?? "";
        if (path.StartsWith("/v2/health/", StringComparison.Ordinal) || PageHttp.Holds(path)
            || path is "/inference.GRPCInferenceService/ServerLive" or "/inference.GRPCInferenceService/ServerReady"
            || path.StartsWith("/grpc.health.v1.Health/", StringComparison.Ordinal))
        {
            return true;
        }

        const string bearer = "Bearer ";
        var authorization = request.Headers.Authorization.ToString();
        var key = authorization.StartsWith(bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[bearer.Length..].Trim()
            : request.Headers["X-API-Key"].ToString();
        if (key.Length == 0) return false;
        var hash = Hash(key);
        // All are compared, so that the time tells nothing.
        var found = false;
        foreach (var known in _hashes) found |= CryptographicOperations.FixedTimeEquals(known, hash);
        return found;
    }

    /// <summary>Tells a client without a key so, in the form of its protocol.</summary>
    public static Task Refuse(HttpContext context)
    {
        InferenceHttp.Note(context, context.Request.Headers.ContainsKey("Authorization") || context.Request.Headers.ContainsKey("X-API-Key")
            ? "The key is not known." : "The request has no key.");
        const string message = "This server wants a key: send the header 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.";
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true)
        {
            context.Response.StatusCode = 200;
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = $"{ErrorKind.Unauthenticated.ToGrpc()}";
            context.Response.Headers["grpc-message"] = message;
            return Task.CompletedTask;
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        return InferenceHttp.Send(context, ErrorKind.Unauthenticated.ToHttp(), ProtocolJson.Error(message));
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
