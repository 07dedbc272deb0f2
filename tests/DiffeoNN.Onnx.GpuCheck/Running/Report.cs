using System.Text.Json;
using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Rows of one check, printed and written as they come, so that a run that is cut off leaves what it had.</summary>
/// <remarks>May be used by several threads.</remarks>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Writing = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly Lock _lock = new();
    private readonly List<Row> _rows = [];
    private readonly string _check;
    private readonly string? _json;
    private string _now = "";

    /// <param name="check">The sub-command.</param>
    /// <param name="time">How long it may take.</param>
    /// <param name="json">Rewritten after each row; null for none.</param>
    public Report(string check, Deadline time, string? json)
    {
        (_check, Time, _json) = (check, time, json);
        Save();
    }

    /// <summary>What is left of the time.</summary>
    public Deadline Time { get; }

    /// <summary>What is being done, for the message of a run that hangs.</summary>
    public string Now
    {
        get { lock (_lock) return _now; }
    }

    /// <summary>Whether every row is within its bar and none was left out for lack of time.</summary>
    public bool Passes
    {
        get { lock (_lock) return !_rows.Exists(row => row.Verdict is Verdict.Miss or Verdict.Late); }
    }

    /// <summary>How many rows came out in a way.</summary>
    public int Count(Verdict verdict)
    {
        lock (_lock) return _rows.Count(row => row.Verdict == verdict);
    }

    /// <summary>A figure without a bar.</summary>
    public void Info(string name, double? figure, string unit = "", string note = "") => Add(name, figure, unit, "", Verdict.Info, note);

    /// <summary>A figure that has to be at most something.</summary>
    public void AtMost(string name, double figure, double bar, string unit = "", string note = "") =>
        Add(name, figure, unit, $"<= {bar:G4}", figure <= bar ? Verdict.Ok : Verdict.Miss, note);

    /// <summary>A figure that has to be at least something.</summary>
    public void AtLeast(string name, double figure, double bar, string unit = "", string note = "") =>
        Add(name, figure, unit, $">= {bar:G6}", figure >= bar ? Verdict.Ok : Verdict.Miss, note);

    /// <summary>Something that has to be so.</summary>
    public void That(string name, bool holds, string note = "") => Add(name, null, "", "", holds ? Verdict.Ok : Verdict.Miss, note);

    /// <summary>What is not done here, and why.</summary>
    public void Skip(string name, string why) => Add(name, null, "", "", Verdict.Skip, why);

    /// <summary>Does a part of the check; whatever goes wrong in it becomes a row, and the check goes on.</summary>
    /// <param name="name">Of the row, should it fail or come too late.</param>
    /// <param name="work">Adds rows of its own.</param>
    /// <returns>Whether it ran to its end.</returns>
    public bool Try(string name, Action work)
    {
        if (Time.IsOver)
        {
            Add(name, null, "", "", Verdict.Late, "the time was over");
            return false;
        }

        lock (_lock) _now = name;
        try
        {
            work();
            return true;
        }
        catch (OperationCanceledException) when (Time.IsOver)
        {
            Add(name, null, "", "", Verdict.Late, "the time ended in the middle of it");
        }
        catch (Exception e)
        {
            Add(name, null, "", "", Verdict.Miss, $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
        }

        return false;
    }

    /// <summary>Adds what hangs, without waiting for it.</summary>
    public void Hangs() => Add(Now, null, "", "", Verdict.Late, "still running long after the time was over; given up");

    private void Add(string name, double? figure, string unit, string bar, Verdict verdict, string note)
    {
        var row = new Row(_check, name, figure, unit, bar, verdict, note);
        lock (_lock)
        {
            _rows.Add(row);
            Console.WriteLine($"{_check,-10} {row}");
            Console.Out.Flush();
            Save();
        }
    }

    private void Save()
    {
        if (_json is null) return;
        // Written beside and moved, so that a reader never finds half of it.
        File.WriteAllText(_json + ".part", JsonSerializer.Serialize(_rows, Writing) + "\n");
        File.Move(_json + ".part", _json, overwrite: true);
    }
}
