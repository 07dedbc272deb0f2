using System.Globalization;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>What to measure.</summary>
internal sealed record BenchmarkOptions
{
    public const string Usage = """
        Compares this library's canonicaliser with the published recipe, both with energy networks of the reference's size
        and random weights.

          --size N       side of the square images, a multiple of 64 (128)
          --batch N      images in this library's batch; the recipe always takes one (1)
          --threads N    cores for both sides, 0 for all (0)
          --lattice N    nodes of this library's velocity lattice along a side, 0 for full resolution (the default of the options)
          --steps N      steps a canonicalisation has, for the time of an image (100)
          --repeats N    measured steps of the recipe; this library takes five times as many (8)
          --fields       only this library: fields by libtorch beside fields by graphs, batches of 1, 4 and 8
          --lattices     only this library, over lattice sizes and field kinds
          --memory       only this library, 200 canonicalisations: resident memory and live tensors after warm-up; and, started from the
                         repository's root, what images of 48 and 8 of 12 million pixels take beside the networks
          --torch        with --memory: libtorch runs the networks instead of ONNX Runtime
          --gradients    what input gradients cost beside their networks: the above, the bundles in models/, and any --model
          --formulas     gradients that can be written in several ways: the way taken beside the others
          --training     what training costs, started from the repository's root: weight gradients of the lungs' networks beside their
                         forward pass, and a step of the proposer with its task loss beside the same by TorchSharp; batch 16 unless stated
          --side NAME    with --training: only the memory of one side's steps, onnx or torch
          --model FILE   a further ONNX file for --gradients; may be repeated
          --json FILE    also write the figures as JSON
        """;

    public int Size { get; init; } = 128;

    public int Batch { get; init; } = 1;

    public int Threads { get; init; }

    public int? Lattice { get; init; }

    public int Steps { get; init; } = 100;

    public int Repeats { get; init; } = 8;

    public bool Lattices { get; init; }

    public bool Fields { get; init; }

    public bool Memory { get; init; }

    public bool Torch { get; init; }

    public bool Gradients { get; init; }

    public bool Formulas { get; init; }

    public bool Training { get; init; }

    public string? Side { get; init; }

    public IReadOnlyList<string> Models { get; init; } = [];

    public string? Json { get; init; }

    /// <summary>Reads the command line; null after printing what is wrong with it.</summary>
    public static BenchmarkOptions? Parse(string[] args)
    {
        var options = new BenchmarkOptions();
        for (var i = 0; i < args.Length; i++)
        {
            var mode = args[i] switch
            {
                "--fields" => options with { Fields = true },
                "--lattices" => options with { Lattices = true },
                "--memory" => options with { Memory = true },
                "--torch" => options with { Torch = true },
                "--training" => options with { Training = true },
                "--formulas" => options with { Formulas = true },
                "--gradients" => options with { Gradients = true },
                _ => null,
            };
            if (mode is not null)
            {
                options = mode;
                continue;
            }

            var name = args[i];
            var value = i + 1 < args.Length ? args[++i] : null;
            var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            var next = (name, value) switch
            {
                ("--side", "onnx" or "torch") => options with { Side = value },
                ("--json", not null) => options with { Json = value },
                ("--model", not null) => options with { Models = [.. options.Models, value] },
                ("--size", _) when isNumber && number > 0 && number % 64 == 0 => options with { Size = number },
                ("--batch", _) when isNumber && number > 0 => options with { Batch = number },
                ("--threads", _) when isNumber => options with { Threads = number },
                ("--lattice", _) when isNumber && number != 1 => options with { Lattice = number },
                ("--steps", _) when isNumber && number > 0 => options with { Steps = number },
                ("--repeats", _) when isNumber && number > 0 => options with { Repeats = number },
                _ => null,
            };
            if (next is null)
            {
                Console.Error.WriteLine($"Cannot read '{name}{(value is null ? "" : " " + value)}'.\n\n{Usage}");
                return null;
            }

            options = next;
        }

        return options;
    }
}
