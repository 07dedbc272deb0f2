using System.Text.Json;
using System.Text.Json.Serialization;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What an interrupted fit goes on from: the steps chosen, networks that are done, the state of the one that is trained.</summary>
internal sealed class FitFolder
{
    /// <summary>Inside the bundle's folder.</summary>
    public const string Name = ".fit";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly string _path;

    private FitFolder(string path, FitRecord record) => (_path, Record) = (path, record);

    /// <summary>What has happened.</summary>
    public FitRecord Record { get; private set; }

    /// <summary>Begins anew: what lay there goes.</summary>
    /// <exception cref="OutputException">The folder cannot be written.</exception>
    public static FitFolder Create(string bundle, FitIdentity identity)
    {
        var path = Path.Combine(bundle, Name);
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        AtomicFile.CreateFolder(path);
        var folder = new FitFolder(path, new FitRecord { Key = identity.Key, Parts = identity.Parts });
        folder.Save();
        return folder;
    }

    /// <summary>Goes on.</summary>
    /// <exception cref="TrainingException">There is nothing to go on from, or it is another fit's.</exception>
    public static FitFolder Open(string bundle, FitIdentity identity)
    {
        var path = Path.Combine(bundle, Name);
        var file = Path.Combine(path, "record.json");
        if (!File.Exists(file))
            throw new TrainingException($"'{bundle}' holds no interrupted fit ('{file}' is missing); fit without resuming.");
        FitRecord record;
        try
        {
            record = JsonSerializer.Deserialize<FitRecord>(RegularFile.ReadAllText(file), Json)
                ?? throw new TrainingException($"'{file}' is empty; fit without resuming.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"'{file}' cannot be read: {e.Message} Fit without resuming.", e);
        }

        if (record.Key == identity.Key) return new FitFolder(path, record);
        var differences = identity.Differences(record.Parts);
        throw new TrainingException(
            (differences.Count > 0
                ? $"'{path}' is of another fit ({string.Join("; ", differences)})"
                : $"'{path}' is of a fit of another network, other images or other options")
            + "; give what was given then, or fit without resuming.");
    }

    /// <summary>Whether a folder holds a fit that was interrupted.</summary>
    public static bool Exists(string bundle) => File.Exists(Path.Combine(bundle, Name, "record.json"));

    /// <summary>Path of a file.</summary>
    public string PathOf(string file) => Path.Combine(_path, file);

    /// <summary>Changes the record and writes it.</summary>
    public void Write(Func<FitRecord, FitRecord> change)
    {
        Record = change(Record);
        Save();
    }

    /// <summary>A network that is done; null where it is not.</summary>
    public OnnxModel? Find(string name) => File.Exists(PathOf(name)) ? OnnxModel.Load(PathOf(name)) : null;

    /// <summary>Keeps a network that is done.</summary>
    public void Keep(string name, OnnxModel model) => AtomicFile.Write(PathOf(name), model.ToBytes());

    /// <summary>Removes it all: the fit is done.</summary>
    public void Delete() => Directory.Delete(_path, recursive: true);

    private void Save() => AtomicFile.WriteText(PathOf("record.json"), JsonSerializer.Serialize(Record, Json));
}
