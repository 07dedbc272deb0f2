using System.Net;

namespace DiffeoNN.Onnx.Client;

/// <summary>Asks a server by the Open Inference Protocol v2 over HTTP, with binary tensors.</summary>
/// <remarks>Safe for any number of callers at once. What a server refuses, and what goes wrong on the way, is a
/// <see cref="ServerErrorException"/>; a request that is cancelled is cancelled at the server, too.</remarks>
public sealed class DiffeoClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly bool _ownsHttp;

    /// <summary>Asks a server.</summary>
    /// <param name="address">Its HTTP port, as <c>http://localhost:8080</c>.</param>
    /// <param name="key">The key it wants; null for none.</param>
    public DiffeoClient(Uri address, string? key = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        _http = new HttpClient { BaseAddress = WithSlash(address), Timeout = Timeout.InfiniteTimeSpan };
        if (key is not null) _http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        _ownsHttp = true;
    }

    /// <summary>Asks by a connection that is set up elsewhere, with a base address.</summary>
    /// <param name="http">Stays the caller's.</param>
    /// <exception cref="ArgumentException">It has no base address.</exception>
    public DiffeoClient(HttpClient http)
    {
        ArgumentNullException.ThrowIfNull(http);
        if (http.BaseAddress is null) throw new ArgumentException("The HttpClient has no BaseAddress.", nameof(http));
        _http = http;
    }

    /// <summary>Whether the server, or one of its models, takes requests; false also where the server is not reached.</summary>
    /// <param name="model">A model's name; null for the server.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<bool> IsReadyAsync(string? model = null, CancellationToken cancellationToken = default)
    {
        var path = model is null ? "v2/health/ready" : $"v2/models/{Uri.EscapeDataString(model)}/ready";
        try
        {
            await SendAsync(HttpMethod.Get, path, null, (_, _) => true, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ServerErrorException)
        {
            return false;
        }
    }

    /// <summary>What a model takes and answers.</summary>
    /// <param name="model">Its name.</param>
    /// <param name="version">Its version; null for the one that takes requests.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServerErrorException">There is no such model, or the server was not reached.</exception>
    public Task<ModelDescription> DescribeAsync(string model, string? version = null, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, PathOf(model, version), null, (_, body) => AnswerReader.Model(body), cancellationToken);

    /// <summary>A bundle's answer for an image.</summary>
    /// <param name="model">The bundle's name.</param>
    /// <param name="image">A file in PNG, JPEG, BMP, WebP, GIF or TIFF, as it is.</param>
    /// <param name="settings">What the request says; null for the model's settings and the usual outputs.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServerErrorException">The server refuses it, or fails at it, or was not reached.</exception>
    public async Task<ImageAnswer> InferAsync(
        string model, ReadOnlyMemory<byte> image, RequestSettings? settings = null, CancellationToken cancellationToken = default) =>
        (await InferAsync(model, [image], settings, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>A bundle's answers for images, in their order.</summary>
    /// <param name="model">The bundle's name.</param>
    /// <param name="images">Files as they are; of one size, where outputs of their size are asked for.</param>
    /// <param name="settings">What the request says; null for the model's settings and the usual outputs.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServerErrorException">The server refuses it, or fails at it, or was not reached.</exception>
    public async Task<IReadOnlyList<ImageAnswer>> InferAsync(
        string model, IReadOnlyList<ReadOnlyMemory<byte>> images, RequestSettings? settings = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0) throw new ArgumentException("There are no images.", nameof(images));
        var answer = await InferAsync(model, [WireTensor.OfStrings("image", images)], settings, cancellationToken).ConfigureAwait(false);
        return answer.Tensors.FirstOrDefault(tensor => tensor.Shape is not [var rows, ..] || rows != images.Count) is { } other
            ? throw Unreadable($"{other} is not of {images.Count} images", null)
            : [.. Enumerable.Range(0, images.Count).Select(i => new ImageAnswer(answer, i))];
    }

    /// <summary>Any model's answer, as tensors.</summary>
    /// <param name="model">Its name.</param>
    /// <param name="inputs">All that it takes.</param>
    /// <param name="settings">What the request says.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServerErrorException">The server refuses it, or fails at it, or was not reached.</exception>
    public async Task<TensorAnswer> InferAsync(
        string model, IReadOnlyList<WireTensor> inputs, RequestSettings? settings = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        settings ??= new RequestSettings();
        using var content = RequestBody.Of(inputs, settings);
        return await SendAsync(
            HttpMethod.Post, $"{PathOf(model, settings.Version)}/infer", content,
            (answer, body) => AnswerReader.Tensors(answer.Headers, body), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsHttp) _http.Dispose();
    }

    private static Uri WithSlash(Uri address) => address.AbsoluteUri.EndsWith('/') ? address : new Uri(address.AbsoluteUri + "/");

    private static string PathOf(string model, string? version)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        var path = $"v2/models/{Uri.EscapeDataString(model)}";
        return version is null ? path : $"{path}/versions/{Uri.EscapeDataString(version)}";
    }

    private static ServerErrorException Unreadable(string problem, Exception? error) =>
        new($"The server's answer cannot be read: {problem}.", HttpStatusCode.OK, innerException: error);

    /// <summary>The innermost reason, in a line: those around it say that there is an inner one.</summary>
    private static string Reason(HttpRequestException error)
    {
        Exception inner = error;
        while (inner.InnerException is { } next) inner = next;
        return string.Join(' ', inner.Message.Split(['\r', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
    }

    private async Task<T> SendAsync<T>(
        HttpMethod method, string path, HttpContent? content, Func<HttpResponseMessage, ReadOnlyMemory<byte>, T> read,
        CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = content };
            using var answer = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
            {
                var message = AnswerReader.Error(body, answer.ReasonPhrase ?? "no reason given");
                throw new ServerErrorException(
                    $"{_http.BaseAddress}{path}: {(int)answer.StatusCode} {message}", answer.StatusCode, After(answer));
            }

            return read(answer, body);
        }
        catch (FormatException error)
        {
            throw Unreadable(error.Message, error);
        }
        catch (HttpRequestException error)
        {
            throw new ServerErrorException($"{_http.BaseAddress}{path} was not reached: {Reason(error)}", null, null, error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ServerErrorException($"{_http.BaseAddress}{path} did not answer in time: {error.Message}", null, null, error);
        }
    }

    private static TimeSpan? After(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - DateTimeOffset.UtcNow is var rest && rest > TimeSpan.Zero ? rest : TimeSpan.Zero,
        _ => null,
    };
}
