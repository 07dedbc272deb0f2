namespace DiffeoNN.Onnx.Mutation;

/// <summary>What the command line says.</summary>
internal sealed record MutationOptions
{
    /// <summary>Folders of the library that are mutated.</summary>
    public string[] Folders { get; init; } = ["Fields", "Canonicalisation", "Search", "Inference", "Answers"];

    /// <summary>Folders of the tests that are tried; empty for all.</summary>
    public string[] Tests { get; init; } =
    [
        "Fields", "Canonicalisation", "Search", "Inference", "Answers", "Tensors", "Deformations", "Energies", "Composition", "Bundles",
        "Evaluation", "Tuning", "Diagnostics",
    ];

    /// <summary>How many mutants are drawn; all if null.</summary>
    public int? Sample { get; init; }

    /// <summary>Of the draw.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Only mutants whose <c>file:line</c> or text contains this.</summary>
    public string? At { get; init; }

    /// <summary>Only mutants that did not die in the table of an earlier run.</summary>
    public string? Only { get; init; }

    /// <summary>Processes at a time.</summary>
    public int Jobs { get; init; } = 2;

    /// <summary>Seconds of tests a mutant, by their time without it.</summary>
    public double Budget { get; init; } = 60;

    /// <summary>Where the table of all mutants is written.</summary>
    public string? Table { get; init; }

    /// <summary>Whether mutants are listed and not tried.</summary>
    public bool List { get; init; }

    /// <summary>Reads arguments.</summary>
    /// <exception cref="FormatException">One of them is not known or has no value.</exception>
    public static MutationOptions Parse(string[] arguments)
    {
        var options = new MutationOptions();
        for (var i = 0; i < arguments.Length; i++)
        {
            string Value() => ++i < arguments.Length ? arguments[i] : throw new FormatException($"{arguments[i - 1]} needs a value.");
            int Number()
            {
                var (name, text) = (arguments[i], Value());
                return int.TryParse(text, out var number) && number > 0
                    ? number
                    : throw new FormatException($"{name} is '{text}'; it must be a whole number above 0.");
            }

            string[] Names() => Value().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            options = arguments[i] switch
            {
                "--folder" => options with { Folders = Names() },
                "--tests" => options with { Tests = Names() is ["all"] ? [] : [.. arguments[i].Split(',')] },
                "--sample" => options with { Sample = Number() },
                "--seed" => options with { Seed = Number() },
                "--at" => options with { At = Value() },
                "--only" => options with { Only = Value() },
                "--jobs" => options with { Jobs = Number() },
                "--budget" => options with { Budget = Number() },
                "--table" => options with { Table = Value() },
                "--list" => options with { List = true },
                var other => throw new FormatException(
                    $"'{other}' is not known; --folder A,B --tests A,B|all --sample N --seed N --at TEXT --only TABLE --jobs N "
                    + "--budget SECONDS --table FILE --list are."),
            };
        }

        return options;
    }
}
