using System.CommandLine;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn bundle init</c>: reads what a network is, prints guesses and how to say otherwise, writes a manifest.</summary>
internal static class BundleCommand
{
    private static readonly (BundleRole Role, string Option, string What)[] Roles =
    [
        (BundleRole.Vae, "--vae", "A VAE to go with it, with outputs named reconstruction, mu and logvar."),
        (BundleRole.Critic, "--critic", "A critic to go with it."),
        (BundleRole.Energy, "--energy", "An energy of your own to go with it."),
        (BundleRole.Proposer, "--proposer", "A proposer to go with it."),
    ];

    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console) =>
        new("bundle", "Make a bundle of networks that exist.") { CreateInit(console) };

    private static Command CreateInit(IAnsiConsole console)
    {
        var model = new Argument<string>("model") { Description = "The ONNX file of the network to wrap." };
        var data = new Option<string?>("--data")
        {
            Description = "Images of the kind it was trained on (16 are looked at): what only outputs tell is told by them.",
        };
        var output = new Option<string?>("--output") { Description = "Folder of the bundle; without it nothing is written." };
        var options = new ReadingCommandOptions();
        var roles = Roles.Select(role => (role.Role, Option: new Option<string?>(role.Option) { Description = role.What })).ToList();
        var command = new Command("init", "Read what a network takes and answers, and write the manifest of its bundle.")
        {
            model, data, output,
        };
        options.AddTo(command);
        foreach (var (_, option) in roles) command.Options.Add(option);
        command.SetAction((parse, cancellationToken) =>
        {
            IReadOnlyList<string> bad = [];
            var images = parse.GetValue(data) is { } path ? WiringImages.Read(path, out bad) : null;
            foreach (var text in bad) console.WriteLine($"left out: {text}");
            var reading = NetworkReading.Of(parse.GetValue(model)!, images, options.Read(parse), cancellationToken);
            foreach (var (role, option) in roles)
                if (parse.GetValue(option) is { } file) reading = reading.With(role, file);
            ReadingLines.Print(console, reading);
            if (parse.GetValue(output) is not { } folder)
            {
                console.WriteLine("Nothing written; --output BUNDLE writes the bundle.");
                return Task.FromResult((int)ExitCode.Success);
            }

            if (File.Exists(Path.Combine(folder, BundleManifest.FileName)))
                throw new UsageException($"'{folder}' holds a bundle already; give --output another folder, or remove it first.");
            var bundle = reading.Write(folder);
            console.MarkupLineInterpolated($"Bundle '{bundle.Name}' written to {folder}.");
            console.WriteLine(bundle.Manifest.Models.HasEnergy
                ? "Its weights are 1 until 'diffeonn tune' chooses them."
                : "It has no energy yet: 'diffeonn fit' trains one, or add your own to the manifest.");
            return Task.FromResult((int)ExitCode.Success);
        });
        return command;
    }
}
