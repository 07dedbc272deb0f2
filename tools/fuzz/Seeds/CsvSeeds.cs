using System.Text;

namespace DiffeoNN.Onnx.Fuzz.Seeds;

/// <summary>Texts of split.csv, and what they are made of.</summary>
internal static class CsvSeeds
{
    public static string[] Pieces { get; } =
    [
        ",", "\"", "\"\"", "\n", "\r\n", "\r", "\n\n", " ", "\t", "name", "split", "source", "label", "test", "a.png",
        "\"a,b.png\"", "\"a\"\"b.png\"",
        "\"two\nlines\"", "/", "..", "../a.png", "\\", "\0", "\uFEFF", "é", "\u2028", "\u00A0",
        "-1", "0", "1e9", ";", "|", "#", "'", "\"a\" b", "a\"b", ",,,,",
        new('a', 300), new('"', 65), new(',', 70),
    ];

    public static IReadOnlyList<byte[]> All() =>
    [
        .. ((string[])
        [
            "name,split,source\na.png,test,x\nb.png,train,y\n",
            "name,label\na.png,0\nb.png,1\n",
            "name\na.png\n",
            "\uFEFFname,split,source,label\r\na.png,test,\"one, two\",3\r\n\"b,c.png\",val,\"say \"\"x\"\"\",4\r\n",
            "split , name, source\n test , a.png ,\"  kept  \"\n\n\n\"t\nu\",\"b.png\",\n",
            "name,split\ra.png,test\rb.png,val\r",
            string.Concat(Enumerable.Range(0, 200).Prepend(-1).Select(i => i < 0 ? "name,split\n" : $"{i}.png,test\n")),
        ]).Select(Encoding.UTF8.GetBytes),
        Encoding.Unicode.GetBytes("\uFEFFname,split\na.png,test\n"),
    ];
}
