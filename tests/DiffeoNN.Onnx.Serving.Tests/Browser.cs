using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A page in Chromium without a window, by the DevTools protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly JsonSerializerOptions WithoutNulls = new()
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder _profile = new();
    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode>> _waiting = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private Process _process = null!;
    private Task _reading = Task.CompletedTask;
    private string? _session;
    private int _count;

    /// <summary>What the browser found wrong: errors of scripts, refusals by the policy; not statuses of answers.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>Starts one; ignores the test where none is installed.</summary>
    public static async Task<Browser> Start()
    {
        var path = Environment.GetEnvironmentVariable("DIFFEONN_BROWSER");
        path ??= (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
        if (path is null)
            Assert.Ignore($"No browser is on the PATH ({string.Join(", ", Names)}), and DIFFEONN_BROWSER names none.");
        var browser = new Browser();
        try
        {
            await browser.Open(path!).WaitAsync(Patience);
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a command to the page.</summary>
    public async Task<JsonNode> Send(string method, object? parameters = null)
    {
        var id = Interlocked.Increment(ref _count);
        var answer = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        // Before there is a session its name must be missing, not null.
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new { id, method, @params = parameters ?? new { }, sessionId = _session }, WithoutNulls);
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(body, WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }

        return await answer.Task.WaitAsync(Patience);
    }

    /// <summary>The value of an expression, awaited.</summary>
    public async Task<JsonNode?> Ask(string expression)
    {
        var answer = await Send("Runtime.evaluate", new { expression, awaitPromise = true, returnByValue = true });
        if (answer["exceptionDetails"] is { } error) throw new InvalidOperationException($"{expression}: {error.ToJsonString()}");
        return answer["result"]!["value"];
    }

    /// <summary>The text that an element shows.</summary>
    public async Task<string> Text(string selector) =>
        (string)(await Ask($"document.querySelector({Quoted(selector)}).innerText"))!;

    /// <summary>Waits until an expression is true.</summary>
    public async Task Until(string expression)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!(bool)(await Ask($"Boolean({expression})"))!)
        {
            if (Stopwatch.GetElapsedTime(begun) > Patience)
                Assert.Fail($"{expression} did not become true. The page: {await Text("body")} {string.Join(' ', Complaints)}");
            await Task.Delay(30);
        }
    }

    /// <summary>Goes to an address.</summary>
    public Task Go(Uri address) => Send("Page.navigate", new { url = address.AbsoluteUri });

    /// <summary>Chooses a file as a person does.</summary>
    public async Task Choose(string selector, string file)
    {
        var root = (int)(await Send("DOM.getDocument"))["root"]!["nodeId"]!;
        var node = (int)(await Send("DOM.querySelector", new { nodeId = root, selector }))["nodeId"]!;
        await Send("DOM.setFileInputFiles", new { nodeId = node, files = new[] { file } });
    }

    /// <summary>A text as a script writes it.</summary>
    public static string Quoted(string text) => JsonSerializer.Serialize(text);

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false }) _process.Kill(entireProcessTree: true);
        await _reading.ContinueWith(_ => { }, TaskScheduler.Default);
        if (_process is not null) await _process.WaitForExitAsync();
        _process?.Dispose();
        _socket.Dispose();
        _sending.Dispose();
        try
        {
            _profile.Dispose();
        }
        catch (IOException)
        {
            // A child that is about to end still writes there.
        }
    }

    private async Task Open(string path)
    {
        var start = new ProcessStartInfo(path) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--remote-debugging-port=0", $"--user-data-dir={_profile.Path}", "about:blank"])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.BeginOutputReadLine();
        string? address = null;
        var said = new StringBuilder();
        while (address is null)
        {
            var line = await _process.StandardError.ReadLineAsync() ?? throw new InvalidOperationException($"{path} ended: {said}");
            said.AppendLine(line);
            if (line.Contains("listening on ws://", StringComparison.Ordinal))
                address = line[line.IndexOf("ws://", StringComparison.Ordinal)..].Trim();
        }

        // Else the browser would stand still when nobody reads what it says.
        _ = Task.Run(async () => { while (await _process.StandardError.ReadLineAsync() is not null) { } });
        await _socket.ConnectAsync(new Uri(address), CancellationToken.None);
        _reading = Task.Run(Read);
        var target = (string)(await Send("Target.createTarget", new { url = "about:blank" }))["targetId"]!;
        _session = (string)(await Send("Target.attachToTarget", new { targetId = target, flatten = true }))["sessionId"]!;
        foreach (var domain in (string[])["Page", "Runtime", "Log", "DOM"]) await Send($"{domain}.enable");
    }

    private async Task Read()
    {
        var message = new ArrayBufferWriter<byte>();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(message.GetMemory(1 << 16), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close) break;
                message.Advance(part.Count);
                if (!part.EndOfMessage) continue;
                Take(JsonNode.Parse(message.WrittenSpan)!);
                message.ResetWrittenCount();
            }
        }
        catch (WebSocketException)
        {
            // It has ended.
        }

        foreach (var one in _waiting.Values) one.TrySetException(new InvalidOperationException("The browser has ended."));
    }

    private void Take(JsonNode message)
    {
        if (message["id"] is { } id)
        {
            if (!_waiting.TryRemove((int)id, out var answer)) return;
            if (message["error"] is { } error) answer.SetException(new InvalidOperationException(error.ToJsonString()));
            else answer.SetResult(message["result"]!);
            return;
        }

        var entry = message["params"]?["entry"];
        var isComplaint = (string?)message["method"] switch
        {
            "Runtime.exceptionThrown" => true,
            "Log.entryAdded" => (string?)entry?["level"] is "error" or "warning" && (string?)entry["source"] != "network",
            _ => false,
        };
        if (isComplaint) _complaints.Enqueue(message.ToJsonString());
    }
}
