using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tests.Imaging;

namespace DiffeoNN.Onnx.Tests.Data;

/// <summary>What stored values mean, alone and beside other masks of the set.</summary>
public sealed class MaskRulesTests
{
    private const int I = LabelMap.Ignored;

    [TestCase(2, 8, new[] { 0, 1 }, new[] { 0, 1 })]
    [TestCase(2, 8, new[] { 0, 255 }, new[] { 0, 1 })]
    [TestCase(2, 8, new[] { 0, 0 }, new[] { 0, 0 })]
    [TestCase(2, 8, new[] { 255, 255 }, new[] { 1, 1 })]
    [TestCase(2, 8, new[] { 0, 1, 255 }, new[] { 0, 1, I })]
    [TestCase(2, 8, new[] { 1, 255 }, new[] { 1, I })]
    [TestCase(2, 16, new[] { 0, 1 }, new[] { 0, 1 })]
    [TestCase(2, 16, new[] { 0, 255 }, new[] { 0, 1 })]
    [TestCase(2, 16, new[] { 0, 65535 }, new[] { 0, 1 })]
    [TestCase(2, 16, new[] { 0, 1, 255 }, new[] { 0, 1, I })]
    [TestCase(2, 1, new[] { 0, 1 }, new[] { 0, 1 })]
    [TestCase(2, 2, new[] { 0, 3 }, new[] { 0, 1 })]
    [TestCase(2, 4, new[] { 0, 15 }, new[] { 0, 1 })]
    [TestCase(4, 8, new[] { 0, 1, 2, 3 }, new[] { 0, 1, 2, 3 })]
    [TestCase(4, 16, new[] { 0, 1, 2, 3 }, new[] { 0, 1, 2, 3 })]
    [TestCase(4, 2, new[] { 0, 3 }, new[] { 0, 3 })]
    [TestCase(4, 8, new[] { 0, 3, 255 }, new[] { 0, 3, I })]
    [TestCase(256, 8, new[] { 0, 255 }, new[] { 0, 255 })]
    public void Values_AreLabels(int classes, int depth, int[] values, int[] expected) =>
        Assert.That(Read(classes, Mask(depth, values)), Is.EqualTo(expected));

    [TestCase(2, 8, new[] { 0, 60, 120, 180 }, "holds the label 60; expected 0 to 1, or 0 and 255", "Its values: 0, 60, 120, 180.")]
    [TestCase(2, 8, new[] { 0, 200 }, "holds the label 200", "Its values: 0, 200.")]
    [TestCase(2, 8, new[] { 0, 2, 255 }, "holds the label 2", "0, 2, 255")]
    [TestCase(2, 16, new[] { 0, 1, 65535 }, "holds the label 65535", "0, 1, 65535")]
    [TestCase(2, 16, new[] { 0, 256 }, "holds the label 256", "0, 256")]
    [TestCase(4, 8, new[] { 0, 85, 170, 255 }, "holds the label 85; expected 0 to 3", "0, 85, 170, 255")]
    [TestCase(4, 8, new[] { 0, 255 }, "255 marks pixels to ignore only where class numbers occur", "0, 255")]
    [TestCase(4, 16, new[] { 0, 65535 }, "holds the label 65535", "0, 65535")]
    [TestCase(4, 8, new[] { 4 }, "holds the label 4; expected 0 to 3", "4")]
    public void Values_ThatAreNoLabels_AreListed(int classes, int depth, int[] values, string message, string listed) =>
        Assert.That(() => Read(classes, Mask(depth, values)),
            Throws.TypeOf<DataException>().With.Message.Contains(message).And.Message.Contains(listed));

    [Test]
    public void ZeroAnd255_MeanWhatTheOtherMasksSay()
    {
        var ends = Mask(8, 0, 255);
        Assert.That(Read(2, ends, Mask(8, 0, 255)), Is.EqualTo(new[] { 0, 1 }));
        Assert.That(Read(2, ends, Mask(8, 0, 1, 255)), Is.EqualTo(new[] { 0, I }));
        Assert.That(Read(2, ends, Mask(8, 0, 1), Mask(8, 0, 1, 255)), Is.EqualTo(new[] { 0, I }));
        Assert.That(Read(2, ends, Mask(1, 0, 1)), Is.EqualTo(new[] { 0, 1 }), "one bit says nothing");
        Assert.That(Read(2, ends, Mask(8, 0, 7)), Is.EqualTo(new[] { 0, 1 }), "a bad mask says nothing");
        Assert.That(Read(4, ends, Mask(8, 0, 2)), Is.EqualTo(new[] { 0, I }));
        Assert.That(() => Read(2, ends, Mask(8, 0, 1)),
            Throws.TypeOf<DataException>()
                .With.Message.Contains("'mask0.png' holds 0 and 1: whether 255 is class 1 or marks pixels to ignore"));
        Assert.That(Read(2, Mask(16, 0, 65535), Mask(8, 0, 1)), Is.EqualTo(new[] { 0, 1 }), "65535 is never ignored");
    }

    [Test]
    public void AMaskThatIgnoresEverything_IsRefused() => Assert.That(
        () => Read(2, Mask(8, 255, 255), Mask(8, 0, 1, 255)),
        Throws.TypeOf<DataException>().With.Message.Contains("nothing is left to score"));

    [TestCase(4, new byte[] { 0, 0, 0, 128, 0, 0, 0, 128, 0, 9, 9, 9 }, new[] { 0, 1, 2, 3 }, new[] { 0, 1, 2, 3 })]
    [TestCase(2, new byte[] { 0, 0, 0, 255, 255, 255 }, new[] { 0, 1 }, new[] { 0, 1 })]
    [TestCase(4, new byte[] { 0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255 }, new[] { 0, 1, 2, 3 }, new[] { 0, 1, 2, 3 })]
    public void Palettes_CountByIndex(int classes, byte[] palette, int[] values, int[] expected) =>
        Assert.That(Read(classes, Mask(8, values) with { Palette = palette }), Is.EqualTo(expected));

    [TestCase(2, new byte[] { 255, 255, 255, 0, 0, 0 }, "0 is the grey level 255: by its index that is class 0, by its level class 1")]
    [TestCase(4, new byte[] { 0, 0, 0, 2, 2, 2 }, "1 is the grey level 2: by its index that is class 1, by its level class 2")]
    public void PalettesOfGreys_ThatContradictTheirIndices_AreRefused(int classes, byte[] palette, string message)
    {
        var mask = Mask(8, 0, 1) with { Palette = palette };
        Assert.That(() => Read(classes, mask, mask), Throws.TypeOf<DataException>().With.Message.Contains(message));
    }

    [Test]
    public void FilesThatChangeValues_TellTwoClassesApart_AndNoMore()
    {
        var mask = Mask(8, 3, 250) with { IsLossy = true };
        Assert.That(Read(2, mask), Is.EqualTo(new[] { 0, 1 }));
        Assert.That(() => Read(4, mask), Throws.TypeOf<DataException>().With.Message.Contains("class numbers need PNG"));
    }

    private static int[] Read(int classes, StoredMask mask, params StoredMask[] others)
    {
        var rules = new MaskRules(classes);
        for (var i = 0; i < others.Length; i++) rules.Learn(others[i], $"mask{i}.png");
        rules.Learn(mask, "mask.png");
        return [.. rules.Read(mask, "mask.png").Labels.ToArray().Select(label => (int)label)];
    }

    private static StoredMask Mask(int depth, params int[] values) =>
        new(1, values.Length, Array.ConvertAll(values, value => (ushort)value), depth);
}
