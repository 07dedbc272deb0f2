using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Load;

/// <summary>A server in this process, on ports of the loopback that are free.</summary>
internal sealed class Target : IAsyncDisposable
{
    private readonly string _folder;

    private Target(InferenceServer server, string folder) => (Server, _folder) = (server, folder);

    public InferenceServer Server { get; }

    public Uri Http => Server.Addresses.Http!;

    public Uri Rpc => Server.Addresses.Grpc!;

    /// <summary>Starts one that serves what <see cref="Serve"/> makes, and waits until it is ready.</summary>
    public static async Task<Target> Start(string bundle, int threads, Func<ServingOptions, ServingOptions>? change = null)
    {
        var folder = Directory.CreateTempSubdirectory("loadcheck-").FullName;
        Serve(bundle, folder);
        var serving = new ServingOptions
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = threads }, AllowsAdministration = true,
        };
        var server = new InferenceServer(new ServerOptions
        {
            Models = folder, Http = 0, Grpc = 0, Metrics = 0, Drain = TimeSpan.Zero, IsQuiet = true,
            Serving = change?.Invoke(serving) ?? serving,
        });
        await server.StartAsync();
        while (!server.Repository.IsReady) await Task.Delay(20);
        return new Target(server, folder);
    }

    /// <summary>Puts what is served into a folder: a copy of a bundle, and an ONNX file whose output is its input.</summary>
    public static void Serve(string bundle, string folder)
    {
        Copy(bundle, Path.Combine(folder, Client.Model));
        var plain = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        plain.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 4]));
        plain.Graph.Nodes.Add(new OnnxNode("Identity", ["x"], ["y"]));
        plain.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 4]));
        plain.Save(Path.Combine(folder, $"{Client.Plain}.onnx"));
    }

    /// <summary>Copies a bundle.</summary>
    public static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }

    /// <summary>A file of the served copy.</summary>
    public string PathOf(string file) => Path.Combine(_folder, Client.Model, file);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
