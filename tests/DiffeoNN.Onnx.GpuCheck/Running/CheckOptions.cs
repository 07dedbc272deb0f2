using System.Globalization;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>What to check, and on what.</summary>
internal sealed record CheckOptions
{
    public const string Usage = """
        Checks the library on a GPU against the same library on the CPU, and measures it. Ends with 0 where every figure is within its bar.

          gpucheck provider|gradients|bundles|race|throughput|search|memory|all --models DIR [options]

          --models DIR        the folder with the bundles lungs, shapes and genus
          --device D          cuda, cuda:N or cpu (cuda); cpu compares the CPU with itself
          --seconds N         stops after so long and says what was not done, 0 for no limit; of all, for all together (120; all: 600)
          --json FILE         also writes the rows as JSON, anew after each
          --bundles A,B       which bundles (lungs,shapes,genus)
          --fields A,B        what computes fields (torch,onnx)
          --threads N         cores of the CPU, 0 for all (0)
          --seed N            of everything drawn (1)
          --onnx DIR          gradients: also every .onnx below this folder
          --data-lungs DIR    X-rays with masks for lungs, instead of generated shapes
          --data-mnist DIR    digits for genus, instead of generated shapes
          --images N          bundles: images each (40); search: images in the batch (64); memory: images in all (2000)
          --runs N            race: runs each (1000)
          --batches A,B       throughput: batch sizes (1,8,32,64,128,256)
          --repeats N         throughput: measured runs after two of warm-up (5)
        """;

    public required string Check { get; init; }

    public string Models { get; init; } = "models";

    public ExecutionDevice Device { get; init; } = ExecutionDevice.Cuda;

    public int DeviceIndex { get; init; }

    public double? Seconds { get; init; }

    public string? Json { get; init; }

    public IReadOnlyList<string> Bundles { get; init; } = ["lungs", "shapes", "genus"];

    public IReadOnlyList<Search.FieldEngine> Fields { get; init; } = [Search.FieldEngine.Torch, Search.FieldEngine.Onnx];

    public int Threads { get; init; }

    public int Seed { get; init; } = 1;

    public string? Onnx { get; init; }

    public string? DataLungs { get; init; }

    public string? DataMnist { get; init; }

    /// <summary>The data set of a bundle; null where shapes are drawn.</summary>
    public string? Data(string bundle) => bundle switch { "lungs" => DataLungs, "genus" => DataMnist, _ => null };

    public int? Images { get; init; }

    public int Runs { get; init; } = 1000;

    public IReadOnlyList<int> Batches { get; init; } = [1, 8, 32, 64, 128, 256];

    public int Repeats { get; init; } = 5;

    public CudnnSearch Convolutions { get; init; } = CudnnSearch.Heuristic;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be read; the message says where.</exception>
    public static CheckOptions Parse(IReadOnlyList<string> args)
    {
        if (args.Count == 0 || args[0].StartsWith('-')) throw new FormatException("The first word says which check.");
        var options = new CheckOptions { Check = args[0] };
        for (var i = 1; i < args.Count; i += 2)
        {
            if (i + 1 == args.Count) throw new FormatException($"{args[i]} has no value.");
            try
            {
                options = options.With(args[i], args[i + 1]);
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
            {
                throw new FormatException($"Cannot read '{args[i]} {args[i + 1]}'.", e);
            }
        }

        return options;
    }

    private CheckOptions With(string name, string value) => name switch
    {
        "--models" => this with { Models = value },
        "--device" => WithDevice(value),
        "--seconds" => this with { Seconds = double.Parse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) },
        "--json" => this with { Json = value },
        "--bundles" => this with { Bundles = value.Split(',') },
        "--fields" => this with { Fields = [.. value.Split(',')
            .Select(field => Enum.Parse<Search.FieldEngine>(field, ignoreCase: true))] },
        "--threads" => this with { Threads = Number(value) },
        "--seed" => this with { Seed = Number(value) },
        "--onnx" => this with { Onnx = value },
        "--data-lungs" => this with { DataLungs = value },
        "--data-mnist" => this with { DataMnist = value },
        "--images" => this with { Images = Positive(value) },
        "--runs" => this with { Runs = Positive(value) },
        "--batches" => this with { Batches = [.. value.Split(',').Select(Positive)] },
        "--repeats" => this with { Repeats = Positive(value) },
        "--convolutions" => this with { Convolutions = Enum.Parse<CudnnSearch>(value, ignoreCase: true) },
        _ => throw new FormatException(),
    };

    private CheckOptions WithDevice(string value) => value.Split(':') switch
    {
        ["cpu"] => this with { Device = ExecutionDevice.Cpu },
        ["cuda"] => this with { Device = ExecutionDevice.Cuda },
        ["cuda", var index] => this with { Device = ExecutionDevice.Cuda, DeviceIndex = Number(index) },
        _ => throw new FormatException(),
    };

    private static int Number(string value) => int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);

    private static int Positive(string value) => Number(value) is > 0 and var number ? number : throw new FormatException();
}
