using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tests.Imaging;

namespace DiffeoNN.Onnx.Tests.Files;

/// <summary>Comma-separated text: quoting, ends of lines, and what is no such text.</summary>
public sealed class CsvTextTests
{
    [TestCase("name,split\na.png,test\n", "name|split;a.png|test")]
    [TestCase("\"name\",\"split\"\r\n\"a,b.png\",test\r\n", "name|split;a,b.png|test")]
    [TestCase("name , split\r a.png ,  \"test\" \r", "name|split;a.png|test")]
    [TestCase("\"a \"\"big\"\" one.png\",\"\"\n", "a \"big\" one.png|")]
    [TestCase("\" a.png \",x\n", " a.png |x")]
    [TestCase("\"a\nb\",x\nc,y", "a\nb|x;c|y")]
    [TestCase("a,b\n\n  \nc,d\n\n", "a|b;c|d")]
    [TestCase("a,,b,\n", "a||b|")]
    [TestCase("", "")]
    public void Read_GivesFields(string text, string expected) =>
        Assert.That(string.Join(';', CsvText.Read(text).Select(row => string.Join('|', row.Fields))), Is.EqualTo(expected));

    [TestCase("a\nb\n\"c\nd\"\ne\n", "1 2 3 5")]
    [TestCase("a\r\n\r\n\"c\r\nd\"\r\ne", "1 3 5")]
    [TestCase("a\r\rb", "1 3")]
    public void Read_CountsLinesOfTheFile(string text, string expected) =>
        Assert.That(string.Join(' ', CsvText.Read(text).Select(row => row.Line)), Is.EqualTo(expected));

    [TestCase("a\"b,x\"\n", "line 1 has a quote")]
    [TestCase("\"a\"b,x\n", "line 1 has a quote")]
    [TestCase("\"a\" \"b\",x\n", "line 1 has a quote")]
    [TestCase("ok,x\n\"open,x\nb,y\n", "lines 2 to 3 have a quote")]
    public void Read_OfStrayQuotes_SaysWhere(string text, string problem) =>
        Assert.That(CsvText.Read(text)[^1].Problem, Does.StartWith(problem));

    [TestCase("a.png", "a.png")]
    [TestCase("a,b \"c\"", "\"a,b \"\"c\"\"\"")]
    [TestCase(" a", "\" a\"")]
    [TestCase("a\nb", "\"a\nb\"")]
    public void Quote_IsReadBackAsItWas(string field, string quoted)
    {
        Assert.That(CsvText.Quote(field), Is.EqualTo(quoted));
        Assert.That(CsvText.Read($"x,{quoted},y\n").Single().Fields, Is.EqualTo(new[] { "x", field, "y" }));
    }
}
