using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>A folder behind a web server that knows nothing but files.</summary>
internal sealed class StaticSite : IAsyncDisposable
{
    private readonly WebApplication _application;

    private StaticSite(WebApplication application) => _application = application;

    /// <summary>Where it is.</summary>
    public Uri Address => new(_application.Urls.Single());

    /// <summary>Serves a folder.</summary>
    public static async Task<StaticSite> Start(string folder)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var application = builder.Build();
        var files = new FileServerOptions { FileProvider = new PhysicalFileProvider(folder) };
        files.StaticFileOptions.ServeUnknownFileTypes = true;
        files.StaticFileOptions.ContentTypeProvider = new FileExtensionContentTypeProvider { Mappings = { [".mjs"] = "text/javascript" } };
        application.UseFileServer(files);
        await application.StartAsync();
        return new StaticSite(application);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
