namespace DiffeoNN.Onnx.Fuzz.Mutations;

/// <summary>Changes one field of a protocol buffer at any depth; the lengths around it follow.</summary>
internal static class WireMutator
{
    /// <summary>A changed copy; the input itself where it is no protocol buffer.</summary>
    public static byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        if (WireField.Parse(input) is not { Count: > 0 } fields) return input;
        var lists = Lists(fields).Where(list => list.Count > 0).ToList();
        var list = lists[random.Next(lists.Count)];
        var at = random.Next(list.Count);
        var chosen = list[at];
        switch (random.Next(8))
        {
            case 0: list.RemoveAt(at); break;
            case 1: list.Insert(random.Next(list.Count + 1), chosen); break;
            case 2: list[at] = chosen with { Number = 1 + random.Next(20) }; break;
            case 3: (list[at], list[0]) = (list[0], list[at]); break;
            case 4 when WireField.Parse(other) is { Count: > 0 } donor: Take(list, at, donor, random); break;
            case 5: Take(list, at, fields, random); break;
            default: list[at] = Changed(chosen, random); break;
        }

        return WireField.Write(fields);
    }

    /// <summary>A field of the same number from elsewhere: a name for a name, a node for a node.</summary>
    private static void Take(List<WireField> list, int at, List<WireField> from, Random random)
    {
        var place = list[at];
        var alike = Lists(from).SelectMany(other => other)
            .Where(field => field.Number == place.Number && field.Type == place.Type).ToList();
        if (alike.Count == 0) return;
        // Written and read again: a field inside itself would never end.
        var copy = WireField.Parse(WireField.Write([alike[random.Next(alike.Count)]]));
        if (copy is { Count: 1 }) list[at] = copy[0];
    }

    private static WireField Changed(WireField field, Random random)
    {
        if (field.Type is 0)
            return field with { Value = (ulong)(random.Next(2) == 0 ? random.Next(24) : ByteMutator.Number(random)) };
        if (field.Type is not 2)
            return field with { Value = (ulong)random.NextInt64() };
        var content = field.Bytes();
        return new WireField(field.Number, 2, 0, ByteMutator.Mutate(content, content, random), null);
    }

    private static IEnumerable<List<WireField>> Lists(List<WireField> fields)
    {
        yield return fields;
        foreach (var field in fields)
        {
            if (field.Fields is null) continue;
            foreach (var list in Lists(field.Fields)) yield return list;
        }
    }
}
