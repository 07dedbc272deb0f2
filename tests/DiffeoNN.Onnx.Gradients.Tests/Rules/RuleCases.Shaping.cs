using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Shapes, indices, padding.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Shaping()
    {
        yield return new("Reshape", [7, 13, 14, 19], [Any(2, 3, 2), Integers(0, -1)]);
        yield return new("Reshape", [14], [Any(2, 3, 2), Integers(3, 4)]);
        yield return new("Flatten", [7, 9, 13], [Any(2, 3, 2)], I("axis", 2));
        yield return new("Flatten", [13], [Any(2, 3, 2)], I("axis", 0));
        yield return new("Squeeze", [7], [Any(2, 1, 3)], L("axes", 1));
        yield return new("Squeeze", [13], [Any(2, 1, 3), Integers(1)]);
        yield return new("Squeeze", [13], [Any(2, 1, 3)]);
        yield return new("Unsqueeze", [7], [Any(2, 3)], L("axes", 0, 3));
        yield return new("Unsqueeze", [13, 21], [Any(2, 3), Integers(1, -1)]);
        yield return new("Transpose", [7, 13], [Any(2, 3, 2)]);
        yield return new("Transpose", [13], [Any(2, 3, 2)], L("perm", 2, 0, 1));
        yield return new("Concat", [7, 11, 13], [Any(2, 1, 2), Any(2, 3, 2), Any(2, 2, 2)], I("axis", 1));
        yield return new("Concat", [13], [Any(2, 3), Any(2, 1)], I("axis", -1));
        yield return new("Concat", [13], [Any(2, 3)], I("axis", 0));
        yield return new("Split", [7], [Any(2, 5)], I("axis", 1), L("split", 2, 3)) { Outputs = 2, Differentiated = [0, 1] };
        yield return new("Split", [13, 18], [Any(2, 5), Integers(2, 3)], I("axis", 1)) { Outputs = 2, Differentiated = [1] };
        yield return new("Split", [7, 13], [Any(4, 2)]) { Outputs = 2, Differentiated = [0, 1] };
        yield return new("Split", [18], [Any(5, 2)], I("num_outputs", 2)) { Outputs = 2, Differentiated = [0, 1] };
        yield return new("Expand", [8, 13], [Any(2, 1), Integers(3, 2, 4)]);
        yield return new("Expand", [13], [Any(2, 3), Integers(1, 1)]);
        yield return new("Tile", [7, 13], [Any(2, 3), Integers(2, 2)]);
        yield return new("Tile", [13], [Any(2, 3), Integers(1, 3)]);
        yield return new("DepthToSpace", [7], [Any(1, 8, 2, 3)], I("blocksize", 2));
        yield return new("DepthToSpace", [11, 13], [Any(2, 8, 1, 2)], I("blocksize", 2), S("mode", "CRD"));
        yield return new("DepthToSpace", [13], [Any(1, 8, 2, 3)], I("blocksize", 2), S("mode", "DCR"));
        yield return new("SpaceToDepth", [7, 13], [Any(1, 2, 4, 2)], I("blocksize", 2));

        yield return new("Slice", [7], [Any(4, 5)], L("starts", 1, -3), L("ends", 3, 100));
        yield return new("Slice", [10, 11, 13], [Any(4, 5), Integers(1, -3), Integers(3, 100), Integers(0, 1)]);
        yield return new("Slice", [13], [Any(4, 5), Integers(1), Integers(-1), Integers(1)]);
        yield return new("Slice", [13], [Any(4, 7), Integers(0, 5), Integers(4, -100), Integers(0, 1), Integers(2, -2)]);
        yield return new("Slice", [13], [Any(4, 5), Integers(2, 0), Integers(100, 2)]);
        yield return new("Gather", [7, 11, 13], [Any(4, 3), Integers(2, 0, 2)]);
        yield return new("Gather", [13], [Any(4, 3), Fix(OnnxTensor.Create<long>("", [2, 2], [2, 0, -1, 2]))], I("axis", 1));
        yield return new("Gather", [13], [Any(4, 3), Fix(OnnxTensor.Scalar("", 1L))], I("axis", 1));
        yield return new("Gather", [13], [Any(4, 3), Integers(1, 2)], I("axis", 0));
        yield return new("Gather", [13], [Any(4, 3), Fix(OnnxTensor.Create<int>("", [1, 3], [0, 1, 2]))], I("axis", 0));
        yield return new(
            "GatherElements", [11, 13], [Any(3, 3), Fix(OnnxTensor.Create<long>("", [2, 3], [0, 2, 1, 0, 0, 2]))], I("axis", 0));

        yield return new("OneHot", [9, 11], [Integers(1, 0, 3), Integers(4), Any(2)]);
        yield return new("OneHot", [11], [Integers(1, -1), Integers(3), Any(2)], I("axis", 0));
        yield return new("Range", [11], [Values([], 0.5), Values([], 3.2) with { Differentiable = false }, Values([], 0.7)]);

        yield return new("Pad", [7], [Any(2, 3)], L("pads", 1, 0, 0, 2), F("value", 1.5f));
        yield return new("Pad", [11, 13, 18], [Any(2, 3), Integers(1, 0, 0, 2)]);
        yield return new("Pad", [13], [Any(3, 4), Integers(-1, 2, 0, -1), Any()]);
        yield return new("Pad", [18, 21], [Any(2, 3), Integers(1, 2), Any(), Integers(1)]);
        yield return new("Pad", [7], [Any(3, 4)], L("pads", 1, 2, 2, 1), S("mode", "reflect"));
        yield return new("Pad", [11, 18], [Any(3, 4), Integers(1, 2, 2, 1)], S("mode", "reflect"));
        yield return new("Pad", [11], [Any(3, 4), Integers(2, 0, 0, 3)], S("mode", "edge"));
        yield return new("Pad", [19], [Any(3, 4), Integers(1, 2, 2, 1)], S("mode", "wrap"));
        yield return new("Pad", [18], [Any(3, 4), Integers(2, 1), Absent, Integers(-1)], S("mode", "reflect"));
        foreach (var mode in new[] { "reflect", "edge", "wrap" })
        {
            yield return new("Pad", [19], [Any(2, 9), Integers(3, 2), Absent, Integers(1)], S("mode", mode));
            yield return new("Pad", [19], [Any(7, 8), Integers(0, 3, 2, 0)], S("mode", mode));
            yield return new("Pad", [19], [Any(2, 5), Integers(-1, 2), Absent, Integers(1)], S("mode", mode));
        }

    }
}
