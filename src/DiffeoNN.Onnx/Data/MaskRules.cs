using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>What the stored values of masks mean. Labels are what is stored; nothing is rounded or scaled into a class.</summary>
/// <remarks>
/// <para>Values below the number of classes are class numbers, and 255 beside class numbers marks pixels that count in no score
/// (<see cref="LabelMap.Ignored"/>). With two classes 0 and the largest value of the depth (255, 65535; 255 in 16 bits, too) are classes 0
/// and 1 as well. Files of a format that changes values are read with two classes only, each pixel by the nearer end.</para>
/// <para>0 and 255 may mean background and object, or background and pixels to ignore. That is for all masks of a set together to tell:
/// a mask with class numbers and 255 says the latter, no class number anywhere says the former, and what is left is refused.</para>
/// <para>The Python tools read masks by the same rules.</para>
/// </remarks>
internal sealed class MaskRules
{
    private const int Ignored = LabelMap.Ignored;
    private readonly int _classes;
    private string? _numbered, _ignoring;

    /// <summary>Rules for a number of classes.</summary>
    /// <param name="classes">In [2, 256].</param>
    public MaskRules(int classes)
    {
        if (classes is < 2 or > 256)
            throw new ArgumentOutOfRangeException(nameof(classes), classes, "Masks tell 2 to 256 classes apart.");
        _classes = classes;
    }

    /// <summary>Takes a mask of the set into account.</summary>
    /// <param name="mask">Any mask, good or bad.</param>
    /// <param name="path">Named by errors.</param>
    public void Learn(StoredMask mask, string path)
    {
        // One bit stores 0 and 1 for black and white as well, and so does a small palette of greys: they say nothing about numbers.
        if (mask.IsLossy || mask.Depth == 1) return;
        var values = mask.Distinct();
        if (GreyPalette(mask, values) is { } greys && greys.Any(entry => entry.Key != entry.Value)) return;
        if (!values.Any(value => value > 0 && value < _classes && value != mask.Largest)) return;
        if (!values.All(value => value < _classes || value == Ignored)) return;
        _numbered ??= path;
        if (values[^1] == Ignored) _ignoring ??= path;
    }

    /// <summary>Classes of a mask's pixels.</summary>
    /// <param name="mask">As it is stored.</param>
    /// <param name="path">Named by errors.</param>
    /// <exception cref="DataException">Its values are no classes, or may be two things; the message lists them.</exception>
    public LabelMap Read(StoredMask mask, string path)
    {
        var labels = mask.IsLossy ? NearerEnd(mask, path) : Exactly(mask, path);
        return Array.TrueForAll(labels, label => label == Ignored) && _classes <= Ignored
            ? throw new DataException($"'{path}' holds {Ignored} at every pixel, which marks pixels to ignore; nothing is left to score.")
            : new LabelMap(mask.Height, mask.Width, labels);
    }

    private byte[] Exactly(StoredMask mask, string path)
    {
        var values = mask.Distinct();
        var (table, problem) = Table(values, mask.Depth);
        if (table is null) throw new DataException($"'{path}' {problem}");
        if (GreyPalette(mask, values) is { } greys
            && new MaskRules(_classes).Table([.. greys.Values.Distinct().Order()], 8).Labels is { } byGrey
            && values.FirstOrDefault(value => table[value] != byGrey[greys[value]], -1) is >= 0 and var other)
        {
            throw new DataException(
                $"'{path}' has a palette in which {other} is the grey level {greys[other]}: by its index that is class {table[other]}, "
                + $"by its level {Name(byGrey[greys[other]])}. Store it as grey levels, or with a coloured palette.");
        }

        return Array.ConvertAll(mask.Values, value => table[value]);
    }

    /// <summary>Labels of the values of a mask, or what is wrong with them.</summary>
    private (Dictionary<int, byte>? Labels, string Problem) Table(int[] values, int depth)
    {
        var largest = (1 << depth) - 1;
        var hasNumbers = values.Any(value => value > 0 && value < _classes);
        var mayIgnore = hasNumbers || (_classes > 2 ? _numbered : _ignoring) is not null;
        if (values.All(value => value < _classes || (value == Ignored && mayIgnore)))
            return (values.ToDictionary(value => value, value => (byte)value), "");
        if (_classes == 2 && values.All(value => value == 0 || value == values[^1]) && (values[^1] == largest || values[^1] == 255))
        {
            return values[^1] == Ignored && _numbered is not null
                ? (null, $"holds {Listed(values)}, but '{_numbered}' holds 0 and 1: whether 255 is class 1 or marks pixels to ignore "
                    + "cannot be told. Store all masks of a folder alike.")
                : (values.ToDictionary(value => value, value => (byte)(value == 0 ? 0 : 1)), "");
        }

        var bad = values.First(value => value >= _classes);
        var also = _classes == 2 ? ", or 0 and 255 (in 16 bits 65535, too)" : "";
        if (_classes <= Ignored) also += _classes > 2 && !hasNumbers && bad == Ignored
            ? $"; {Ignored} marks pixels to ignore only where class numbers occur, and no mask has one"
            : $", and {Ignored} beside class numbers for pixels to ignore";
        return (null, $"holds the label {bad}; expected 0 to {_classes - 1}{also}. Its values: {Listed(values)}.");
    }

    /// <summary>Two classes in a file that changed its values: 0 and 255 are far enough apart where few pixels lie between.</summary>
    private byte[] NearerEnd(StoredMask mask, string path)
    {
        var ends = mask.ToEnds(path);
        return _classes == 2
            ? Array.ConvertAll(ends.Values, value => (byte)(value == 0 ? 0 : 1))
            : throw new DataException($"'{path}' is of a format that changes values; class numbers need PNG.");
    }

    /// <summary>The grey levels of the entries that are used, where all are grey.</summary>
    private static Dictionary<int, int>? GreyPalette(StoredMask mask, int[] values) =>
        mask.Palette is { } palette && values.All(value => palette.AsSpan(3 * value, 3).IndexOfAnyExcept(palette[3 * value]) < 0)
            ? values.ToDictionary(value => value, value => (int)palette[3 * value])
            : null;

    private static string Name(byte label) => label == Ignored ? "a pixel to ignore" : $"class {label}";

    private static string Listed(int[] values) =>
        string.Join(", ", values.Take(10)) + (values.Length > 10 ? $" and {values.Length - 10} more up to {values[^1]}" : "");
}
