using System.CommandLine;
using DiffeoNN.Onnx.Load;
using DiffeoNN.Onnx.Load.Checks;

Check[] checks =
[
    new("answers", "64 clients, mixed settings: every answer is the library's", Answers.Run),
    new("cancel", "random cancellations leave nothing behind", Cancelling.Run),
    new("overload", "four times what the server can do, in an open loop", Overload.Run),
    new("reload", "models loaded anew under load", Reloading.Run),
    new("overhead", "one client beside direct calls", Timing.Overhead),
    new("throughput", "eight clients beside the library's best batch", Timing.Throughput),
    new("batching", "joins between steps beside joins at the ends of batches", Timing.Batching),
    new("clients", "malformed and slow clients", BadClients.Run),
    new("term", "told to end under load", Ending.Run),
    new("kill", "killed under load and started again", Killing.Run),
];
var which = new Argument<string[]>("checks")
{
    Description = string.Join("; ", checks.Select(check => $"{check.Name}: {check.Description}")),
};
var bundle = new Option<string>("--bundle") { Description = "Bundle of generated shapes.", DefaultValueFactory = _ => "models/shapes" };
var threads = new Option<int>("--threads") { Description = "Cores of the server; 0 for all.", DefaultValueFactory = _ => 0 };
var scale = new Option<double>("--scale") { Description = "Share of the full number of requests.", DefaultValueFactory = _ => 1 };
var seed = new Option<int>("--seed") { Description = "Of what is drawn.", DefaultValueFactory = _ => 1 };
var root = new RootCommand("Loads a server of its own, on the loopback, and says what it does.") { which, bundle, threads, scale, seed };
root.SetAction(async (parse, _) =>
{
    var names = parse.GetValue(which)!;
    var setting = new Setting(parse.GetValue(bundle)!, parse.GetValue(threads), parse.GetValue(scale), parse.GetValue(seed));
    var good = true;
    foreach (var check in checks.Where(check => names.Length == 0 || names.Contains("all") || names.Contains(check.Name)))
    {
        foreach (var row in await check.Run(setting))
        {
            Console.WriteLine(row);
            good &= row.IsMet;
        }
    }

    return good ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();
