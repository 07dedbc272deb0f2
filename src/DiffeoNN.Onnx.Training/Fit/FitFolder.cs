using System.Text.Json;
using System.Text.Json.Serialization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What an interrupted fit goes on from: the steps chosen, networks that are done, the state of the one that is trained. While
/// this lives, no other fit has the bundle's folder.</summary>
internal sealed class FitFolder : IDisposable
{
    /// <summary>Inside the bundle's folder.</summary>
    public const string Name = ".fit";

    private const string RecordName = "record.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly string _bundle, _path;
    private readonly FitLock _lock;

    // The outermost folder that was made for this; null where all were there.
    private readonly string? _made;
    private bool _begun;

    private FitFolder(string bundle, string? made, FitLock held, FitRecord record)
    {
        (_bundle, _path, _made, _lock, Record) = (bundle, Path.Combine(bundle, Name), made, held, record);
    }

    /// <summary>What has happened.</summary>
    public FitRecord Record { get; private set; }

    /// <summary>What a folder holds.</summary>
    public static FitFolderState StateOf(string bundle)
    {
        if (!Directory.Exists(bundle)) return FitFolderState.Free;
        if (FitLock.IsHeld(Path.Combine(bundle, Name))) return FitFolderState.Taken;
        if (Exists(bundle)) return FitFolderState.Interrupted;
        if (File.Exists(Path.Combine(bundle, BundleManifest.FileName))) return FitFolderState.Bundle;
        return Foreign(bundle).Any() ? FitFolderState.Foreign : FitFolderState.Free;
    }

    /// <summary>Takes a folder for a fit that begins. Nothing in it changes before <see cref="Begin"/>.</summary>
    /// <param name="bundle">The bundle's folder.</param>
    /// <param name="identity">What the fit is of.</param>
    /// <param name="overwrites">Whether it may take the place of what lies there.</param>
    /// <exception cref="TrainingException">Something lies there that may not be overwritten, or another fit has the folder.</exception>
    /// <exception cref="OutputException">The folder cannot be written.</exception>
    public static FitFolder Create(string bundle, FitIdentity identity, bool overwrites)
    {
        var state = StateOf(bundle);
        if (state != FitFolderState.Free && (!overwrites || state == FitFolderState.Taken)) throw Refusal(bundle, state);
        var made = FirstMissing(bundle);
        AtomicFile.CreateFolder(Path.Combine(bundle, Name));
        return new FitFolder(bundle, made, Take(bundle), new FitRecord { Key = identity.Key, Parts = identity.Parts });
    }

    /// <summary>Goes on.</summary>
    /// <exception cref="TrainingException">There is nothing to go on from, it is another fit's, or another fit has the folder.</exception>
    public static FitFolder Open(string bundle, FitIdentity identity)
    {
        var path = Path.Combine(bundle, Name);
        var file = Path.Combine(path, RecordName);
        if (!File.Exists(file))
            throw new TrainingException($"'{bundle}' holds no interrupted fit ('{file}' is missing); fit without resuming.");
        var held = Take(bundle);
        try
        {
            var record = Read(file);
            if (record.Key != identity.Key) throw Another(path, identity.Differences(record.Parts));
            return new FitFolder(bundle, null, held, record) { _begun = true };
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Whether a folder holds a fit that was interrupted.</summary>
    public static bool Exists(string bundle) => File.Exists(Path.Combine(bundle, Name, RecordName));

    /// <summary>Begins, or goes on, with images that do: what lay there of an earlier fit goes, unless it is gone on with.</summary>
    /// <param name="images">What tells them from others, see <see cref="FitImages.Digest"/>.</param>
    /// <param name="truth">The same of what is true of them; null where that does not matter.</param>
    /// <exception cref="TrainingException">The fit that is gone on with is of other images, or other truth.</exception>
    /// <exception cref="OutputException">The folder cannot be written.</exception>
    public void Begin(string images, string? truth = null)
    {
        if (_begun)
        {
            if (Record.Images != images) throw Another(_path, ["the images' names, sizes or content have changed"]);
            if (Record.Truth != truth) throw Another(_path, ["the images' masks, labels or other truth have changed"]);
            return;
        }

        Clear();
        _begun = true;
        Write(record => record with { Images = images, Truth = truth });
    }

    /// <summary>Path of a file.</summary>
    public string PathOf(string file) => Path.Combine(_path, file);

    /// <summary>Changes the record and writes it.</summary>
    public void Write(Func<FitRecord, FitRecord> change)
    {
        Record = change(Record);
        AtomicFile.WriteText(PathOf(RecordName), JsonSerializer.Serialize(Record, Json));
    }

    /// <summary>A network that is done; null where it is not.</summary>
    public OnnxModel? Find(string name) => File.Exists(PathOf(name)) ? OnnxModel.Load(PathOf(name)) : null;

    /// <summary>Keeps a network that is done.</summary>
    public void Keep(string name, OnnxModel model) => AtomicFile.Write(PathOf(name), model.ToBytes());

    /// <summary>Removes it all: the fit is done.</summary>
    public void Delete() => Clear();

    /// <summary>Lets go of the folder; where nothing was begun, what was made for it goes.</summary>
    public void Dispose()
    {
        _lock.Dispose();
        if (!RemoveIfEmpty(_path) || _made is null) return;
        for (var folder = Full(_bundle); RemoveIfEmpty(folder) && folder != _made; folder = Path.GetDirectoryName(folder)!)
        {
        }
    }

    private static TrainingException Refusal(string bundle, FitFolderState state) => new(state switch
    {
        FitFolderState.Taken => $"Another fit is writing to '{bundle}'; wait until it has ended, or give another folder.",
        FitFolderState.Interrupted =>
            $"'{bundle}' holds a fit that was interrupted; resume it, overwrite it explicitly, or give another folder.",
        FitFolderState.Bundle => $"'{bundle}' holds a bundle already; overwrite it explicitly, or give another folder.",
        _ => $"'{bundle}' holds files that are no fit's ({string.Join(", ", Foreign(bundle).Take(3))}); overwrite them explicitly, or "
            + "give another folder.",
    });

    private static TrainingException Another(string path, IReadOnlyList<string> differences) => new(
        (differences.Count > 0
            ? $"'{path}' is of another fit ({string.Join("; ", differences)})"
            : $"'{path}' is of a fit of another network, other images or other options")
        + "; give what was given then, or fit without resuming.");

    private static FitRecord Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<FitRecord>(RegularFile.ReadAllText(file), Json)
                ?? throw new TrainingException($"'{file}' is empty; fit without resuming.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"'{file}' cannot be read: {e.Message} Fit without resuming.", e);
        }
    }

    private static FitLock Take(string bundle)
    {
        try
        {
            return FitLock.Take(Path.Combine(bundle, Name)) ?? throw Refusal(bundle, FitFolderState.Taken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write to '{Path.Combine(bundle, Name)}': {e.Message}", e);
        }
    }

    /// <summary>Names of what lies in a folder beside <see cref="Name"/>.</summary>
    internal static IEnumerable<string> Foreign(string bundle) => Directory.EnumerateFileSystemEntries(bundle)
        .Select(entry => Path.GetFileName(entry)).Where(name => name != Name).Order(StringComparer.Ordinal);

    /// <summary>The outermost folder that is missing; null where none is.</summary>
    private static string? FirstMissing(string folder)
    {
        string? missing = null;
        for (var path = Full(folder); path is not null && !Directory.Exists(path); path = Path.GetDirectoryName(path))
            missing = path;
        return missing;
    }

    private static string Full(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    private static bool RemoveIfEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: false);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Removes all but the lock. The record goes first, and what remains is of no fit then.</summary>
    private void Clear()
    {
        File.Delete(PathOf(RecordName));
        foreach (var folder in Directory.GetDirectories(_path)) Directory.Delete(folder, recursive: true);
        foreach (var file in Directory.GetFiles(_path).Where(file => !FitLock.Is(file))) File.Delete(file);
    }
}
