using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Fuzz.Mutations;
using DiffeoNN.Onnx.Fuzz.Seeds;

namespace DiffeoNN.Onnx.Fuzz.Targets;

/// <summary>A folder's split.csv.</summary>
internal sealed class CsvTarget : IFuzzTarget
{
    private readonly string _folder, _copy;

    public CsvTarget(string folder)
    {
        _folder = Path.Combine(folder, "data");
        _copy = Path.Combine(folder, "copy");
        foreach (var data in (string[])[_folder, _copy]) Directory.CreateDirectory(Path.Combine(data, "images"));
        File.WriteAllBytes(Path.Combine(_folder, "images", "a.png"), ImageSeeds.All()[0]);
    }

    public IReadOnlyList<byte[]> Seeds { get; } = CsvSeeds.All();

    public byte[] Mutate(byte[] input, byte[] other, Random random) => TextMutator.Mutate(input, CsvSeeds.Pieces, random);

    public byte[]? Repair(byte[] input) => null;

    public string Read(byte[] input)
    {
        File.WriteAllBytes(Path.Combine(_folder, "split.csv"), input);
        var folder = ImageFolder.Read(_folder);
        _ = folder.Rows.Select(folder.ImagePath).Concat(folder.Rows.Select(folder.MaskPath)).Count(File.Exists);

        // What was read is written and read again: the same rows, whatever they hold.
        ImageFolder.WriteSplit(_copy, folder.Rows);
        var again = ImageFolder.Read(_copy);
        var labels = folder.Rows.Any(row => row.Label is not null);
        if (!again.Rows.SequenceEqual(folder.Rows.Select(row => labels ? row with { Label = row.Label ?? "" } : row)))
            throw new InvalidOperationException("The rows are others once they are written and read again.");
        try
        {
            _ = ImageFolder.Open(_folder);
        }
        catch (DataException)
        {
        }

        return $"rows {Math.ILogB(folder.Rows.Count)} problems {Math.ILogB(folder.Problems.Count + 1)} labels {labels}";
    }

    public void Dispose()
    {
    }
}
