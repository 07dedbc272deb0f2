using System.CommandLine;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn serve</c>: models behind HTTP and gRPC.</summary>
internal static class ServeCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var file = new Option<string?>("--config") { Description = "JSON file of settings, by the names of these options." };
        var settings = ServerSettings.All.Select(setting => (Setting: setting, Option: new Option<string?>($"--{setting.Name}")
        {
            Description = setting.Description, HelpName = setting.Value,
            Arity = setting.IsFlag ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        })).ToList();
        var command = new Command("serve", "Serve bundles and ONNX models by the Open Inference Protocol v2, over HTTP and gRPC. Each "
            + "option may also be given in the environment, as DIFFEONN_SERVE_NAME.")
        {
            file,
        };
        foreach (var (_, option) in settings) command.Add(option);
        command.SetAction(async (parse, cancellationToken) =>
        {
            var given = settings.Where(one => parse.GetResult(one.Option) is { Implicit: false })
                .ToDictionary(one => one.Setting.Name, one => parse.GetValue(one.Option) ?? "true");
            await using var server = new InferenceServer(ServerSettings.Read(given, parse.GetValue(file)));
            await server.RunAsync(cancellationToken);
            return (int)ExitCode.Success;
        });
        return command;
    }
}
