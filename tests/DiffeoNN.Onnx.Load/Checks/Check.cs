namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>What a check is given.</summary>
/// <param name="Bundle">Folder of a bundle of generated shapes.</param>
/// <param name="Threads">Cores of the server.</param>
/// <param name="Scale">Share of the full number of requests.</param>
/// <param name="Seed">Of what is drawn.</param>
internal sealed record Setting(string Bundle, int Threads, double Scale, int Seed)
{
    /// <summary>A number of requests, scaled.</summary>
    public int Times(int full) => Math.Max(1, (int)(full * Scale));
}

/// <summary>A check by its name.</summary>
/// <param name="Name">As the command line calls it.</param>
/// <param name="Description">What it shows.</param>
/// <param name="Run">Does it.</param>
internal sealed record Check(string Name, string Description, Func<Setting, Task<IReadOnlyList<Row>>> Run);
